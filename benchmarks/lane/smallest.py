"""The smallest possible application: the same headers and the same bytes, whatever is asked. What it is to say lies in
the file that BENCH_ANSWER names."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

_answer = json.loads(Path(os.environ["BENCH_ANSWER"]).read_text())
_headers = [(name, value) for name, value in _answer["headers"]]
_body = _answer["body"].encode()


def application(environ: dict[str, object], start_response: Callable[..., object]) -> list[bytes]:
    start_response("200 OK", _headers)
    return [_body]
