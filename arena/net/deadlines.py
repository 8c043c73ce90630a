"""Time limits that hold against a server which sends just enough to keep us waiting.

A read timeout starts anew with each byte; a deadline does not. The transport asks `remaining()` before each
read and write, so that headers dripped one byte a second end in time, too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Self

__all__ = ["Deadline", "remaining"]

_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


class Deadline:
    """One limit, from now on."""

    def __init__(self, *, total_s: float) -> None:
        self.total_s = total_s
        self.started = time.monotonic()
        self._ends = self.started + total_s

    def elapsed_ms(self) -> float:
        return (time.monotonic() - self.started) * 1000

    def shorten(self, seconds: float) -> None:
        """For what is not worth waiting for any longer."""
        self._ends = min(self._ends, time.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds left; 0 or less: over."""
        return self._ends - time.monotonic()

    def words(self) -> str:
        return f"not finished in {self.total_s:g} s"

    @contextmanager
    def applied(self) -> Iterator[Self]:
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
