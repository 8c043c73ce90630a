"""Numbers in words, for reasons that are stored and read years later. Pure."""

from __future__ import annotations

from datetime import timedelta

__all__ = ["count", "duration", "listed", "milliseconds", "money", "points", "share"]


def points(value: float) -> str:
    """Whole rating points; a true minus sign."""
    whole = round(value)
    return f"−{-whole}" if whole < 0 else str(whole)


def milliseconds(value: float) -> str:
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"


def money(value: float) -> str:
    """To two figures that differ from nothing: $0.0041, $12.50."""
    if value == 0 or value >= 1:
        return f"${value:,.2f}"
    digits = 2
    while digits < 12 and round(value, digits) < 10 ** (1 - digits):
        digits += 1
    return f"${value:.{digits}f}"


def share(value: float) -> str:
    text = f"{value * 100:.1f}"
    return f"{text.removesuffix('.0')}%"


def count(n: int, one: str, many: str | None = None) -> str:
    """`1 vote`, `1,204 votes`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def duration(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    if hours < 1:
        return count(max(1, round(hours * 60)), "minute")
    if hours < 48:
        return count(round(hours), "hour")
    return count(round(hours / 24), "day")
