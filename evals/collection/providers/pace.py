"""The pace at which an answer comes: the time between the chunks that bring some of it. Pure."""

from __future__ import annotations

from array import array

from evals.collection.providers.wire import Gaps
from evals.collection.quantiles import nearest_rank

__all__ = ["MOST_CHARS_A_CHUNK", "Pace"]

# About eight tokens. A server that sends more at once, on average, hides the time between them.
MOST_CHARS_A_CHUNK = 32


class Pace:
    """Notes when chunks come. Those that bring neither text nor thinking, such as counts and signs of life, do not
    count. Events that arrive in one piece are one chunk, whoever held them back: who reads along sees them at once."""

    def __init__(self) -> None:
        self._chars = 0
        self._chunks = 0
        self._last = 0.0
        self._gaps = array("d")

    def chunk(self, chars: int, now: float) -> None:
        """`chars`: characters of the answer until then, at `now` seconds."""
        if chars <= self._chars:
            return
        if self._chunks:
            self._gaps.append((now - self._last) * 1000)
        self._chars, self._last = chars, now
        self._chunks += 1

    def gaps(self) -> Gaps:
        if not self._chunks:
            return Gaps()
        if not self._gaps or self._chars > MOST_CHARS_A_CHUNK * self._chunks:
            return Gaps(chunks=self._chunks)
        ordered = sorted(self._gaps)
        return Gaps(nearest_rank(ordered, 0.5), nearest_rank(ordered, 0.95), self._chunks)
