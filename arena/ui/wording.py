"""Words for reasons that are stored and read years later. Pure; figures are written as everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from arena.ui.numbers import money, points, span
from arena.ui.numbers import rate as share

__all__ = ["ahead", "count", "duration", "listed", "milliseconds", "money", "points", "share"]


def milliseconds(value: float) -> str:
    return span(value, fine=True)


def count(n: int, one: str, many: str | None = None) -> str:
    """`1 vote`, `1,204 votes`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def ahead(value: float) -> str:
    """`1 point`, `28 points`."""
    written = points(value)
    return f"{written} point{'' if written in ('1', '−1') else 's'}"


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def duration(time: timedelta) -> str:
    """`40 minutes`, `26 hours`, `3 days`."""
    hours = time.total_seconds() / 3600
    if hours < 1:
        return count(max(1, round(hours * 60)), "minute")
    if hours < 48:
        return count(round(hours), "hour")
    return count(round(hours / 24), "day")
