"""What a process works out when it is first asked may be asked for by all its threads at once."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.processes import ROOT

# Three times, since policies crashed five times in six. A fork is as new as a start: nothing was asked before it.
PROGRAM = """
import os, sys, threading
import django
sys.setswitchinterval(1e-6)
django.setup()
for _ in range(3):
    child = os.fork()
    if not child:
        from {module} import {function}
        threads = [threading.Thread(target={function}, args=({argument!r},)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        sys.stderr.flush()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        sys.exit(f"ended with {{status}}")
"""
POLICY = {"every_category": {"gate": {"min_votes": 3}}, "categories": {"code": {"default": "small"}}}
CHECKS = [{"type": "equals", "value": "4"}, {"type": "json_schema", "schema": {"type": "object"}}]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.parametrize(
    ("module", "function", "argument"),
    [("routing.policy.parse", "parse", POLICY), ("evals.collection.checks.rules", "read_checks", CHECKS)],
)
def test_types_are_known_before_two_threads_ask(module: str, function: str, argument: object):
    program = PROGRAM.format(module=module, function=function, argument=argument)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
