"""Runs hostile patterns, schemas and parsers of hostile text in a process that can be killed.

A regular expression or JSON schema comes from an uploaded task set, the text from a model: together they can take
forever, and a parser can run out of memory. Python cannot interrupt its own `re`, so a child process does the work, one
for each worker process, and is killed and replaced when it does not answer in time. What the child needs for a kind of
question, such as a language's grammar, it loads before the first one, which is not counted against the check.
"""

from __future__ import annotations

import atexit
import json
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["SandboxError", "ask_child"]

# Of processor time, so that a check has the same time on a busy machine.
TIME_LIMIT_S = 2.0
# How long its answer may take all the same. Starting an interpreter, and loading what a kind of question needs, is
# limited by this alone: it is not counted against the check.
_WAIT_S = 60.0
_LOADED_FIRST = {"json_schema", "similar", "sql", "code", "language"}
_CHILD = Path(__file__).with_name("sandbox_child.py")


class SandboxError(Exception):
    """The child did not answer in time, needed too much memory, or died."""


class _Child:
    """One interpreter, one question at a time. It exits when its input is closed."""

    def __init__(self) -> None:
        # No environment: it needs no secrets. Its own session: the parent handles Ctrl-C.
        self._process = subprocess.Popen(  # noqa: S603 (our own file, our own interpreter)
            [sys.executable, "-I", str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._loaded: set[tuple[str, ...]] = set()
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._answers = selectors.DefaultSelector()
        self._answers.register(self._stdout, selectors.EVENT_READ)
        self._line()

    def ask(self, question: Mapping[str, Any]) -> tuple[Any, str]:
        needs = tuple(str(question.get(name, "")) for name in ("do", "dialect", "module", "function"))
        if question["do"] in _LOADED_FIRST and needs not in self._loaded:
            self._asked({**question, "text": "", "load": True})
            self._loaded.add(needs)
        return self._asked({**question, "time_limit_s": TIME_LIMIT_S})

    def _asked(self, question: Mapping[str, Any]) -> tuple[Any, str]:
        try:
            self._stdin.write(json.dumps(question).encode() + b"\n")
            self._stdin.flush()
        except OSError as error:
            raise SandboxError("the checking process has died") from error
        verdict, words = json.loads(self._line())
        if verdict == "error":
            raise SandboxError(words)
        return verdict, words

    def _line(self) -> bytes:
        # An answer is one short line, written at once: once readable, it is complete.
        if not self._answers.select(_WAIT_S):
            raise SandboxError(f"no answer within {_WAIT_S:g} s")
        line = self._stdout.readline()
        if not line:
            ended_by = -self._process.wait()
            slow = ended_by == signal.SIGPROF
            raise SandboxError(f"took longer than {TIME_LIMIT_S:g} s" if slow else "the checking process has died")
        return line

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._answers.close()
        self._stdin.close()
        self._stdout.close()


_lock = threading.Lock()
_child: _Child | None = None


def ask_child(question: Mapping[str, Any]) -> tuple[Any, str]:
    """The child's verdict and its words: true, false, or null for what cannot be judged. Raises SandboxError; the
    next question gets a new child."""
    global _child  # noqa: PLW0603 (one for the process, behind its lock)
    with _lock:
        try:
            if _child is None:
                _child = _Child()
            return _child.ask(question)
        except SandboxError:
            _end()
            raise


def _end() -> None:
    global _child  # noqa: PLW0603
    if _child is not None:
        _child.end()
        _child = None


atexit.register(_end)
