"""Time limits that hold against a server which sends just enough to keep us waiting.

A read timeout starts anew with each byte; a deadline does not. The transport asks `remaining()` before each
read and write, so that headers dripped one byte a second end in time, too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["Deadline", "remaining"]

_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


class Deadline:
    """Two limits from now on: one to the first token, one to the end."""

    def __init__(self, *, first_token_s: float, total_s: float) -> None:
        self.first_token_s = min(first_token_s, total_s)
        self.total_s = total_s
        self.started = time.monotonic()
        self._ends = self.started + self.first_token_s
        self._waits_for_token = True

    def elapsed_ms(self) -> float:
        return (time.monotonic() - self.started) * 1000

    def first_token_seen(self) -> None:
        if self._waits_for_token:
            self._waits_for_token = False
            self._ends = self.started + self.total_s

    def shorten(self, seconds: float) -> None:
        """For what is not worth waiting for any longer."""
        self._ends = min(self._ends, time.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds left; 0 or less: over."""
        return self._ends - time.monotonic()

    def words(self) -> str:
        if self._waits_for_token and self.first_token_s < self.total_s:
            return f"no first token in {self.first_token_s:g} s"
        return f"not finished in {self.total_s:g} s"

    @contextmanager
    def applied(self) -> Iterator[Deadline]:
        """Holds for every read and write that this thread makes through the guarded transport."""
        token = _current.set(self)
        try:
            yield self
        finally:
            _current.reset(token)


def remaining() -> float | None:
    """Seconds the call under way may still take; None if no deadline applies."""
    deadline = _current.get()
    return None if deadline is None else deadline.remaining()
