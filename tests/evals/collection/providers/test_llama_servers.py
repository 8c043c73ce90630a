"""A model's process that ends at once. Needs neither llama.cpp nor a model; `test_llama_cpp` has both."""

from __future__ import annotations

import subprocess
import sys
import tempfile

import pytest

from evals.collection.providers.errors import RequestRefused
from evals.collection.providers.llama_servers import _address, _tell


def test_a_process_that_ended_before_it_was_told_says_why():
    with tempfile.TemporaryFile() as log:
        command = [sys.executable, "-c", "import sys; sys.exit('no such library')"]
        with subprocess.Popen(command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log) as process:
            process.wait()

            _tell(process, {"path": "model.gguf"})

            with pytest.raises(RequestRefused, match="could not load the model: no such library"):
                _address(process, log)
