"""Words around figures and names: plurals, lists, suggestions. Pure. Reasons written with them are stored and read
years later; figures are written as `arena.ui.numbers` writes them everywhere."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from datetime import timedelta

from arena.ui.numbers import money, points, span
from arena.ui.numbers import rate as share

__all__ = [
    "ahead",
    "count",
    "describe_votes",
    "did_you_mean",
    "duration",
    "listed",
    "milliseconds",
    "money",
    "plural",
    "points",
    "share",
]


def milliseconds(value: float) -> str:
    return span(value, fine=True)


def count(n: int, one: str, many: str | None = None) -> str:
    """`1 vote`, `1,204 votes`."""
    return f"{n:,} {plural(n, one, many)}"


def describe_votes(votes: int, compared: int, reviewers: int | None = None) -> str:
    """`31 votes by 2 reviewers`, or `30 votes, 2 of them comparing, by 1 reviewer` where others say that both answers
    are bad.

    `compared` are the votes that compare two answers, and `reviewers` the people who cast those. With none of them, how
    many people voted is not known here, and is not said.
    """
    by = "" if reviewers is None else f" by {count(reviewers, 'reviewer')}"
    if votes == compared:
        return f"{count(votes, 'vote')}{by if votes else ''}"
    if not compared:
        return f"{count(votes, 'vote')}, none of them comparing"
    return f"{count(votes, 'vote')}, {compared:,} of them comparing{',' if by else ''}{by}"


def plural(n: int, one: str, many: str | None = None) -> str:
    """`vote` or `votes`; `category` or `categories` where `many` is given."""
    return one if n == 1 else many or f"{one}s"


def ahead(value: float) -> str:
    """`1 point`, `28 points`."""
    written = points(value)
    return f"{written} {plural(1 if written in ('1', '−1') else 2, 'point')}"


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


# Comparing takes time that grows with the name's length, and a name so much longer than all others resembles none.
_TIMES_LONGER = 3


def did_you_mean(name: str, known: Collection[str], *, otherwise: str = "") -> str:
    """`Did you mean latency_ms?`; `otherwise` where nothing that is known resembles the name."""
    longest = max(map(len, known), default=0)
    near = difflib.get_close_matches(name, known, n=1) if len(name) <= _TIMES_LONGER * longest else []
    return f"Did you mean {near[0]}?" if near else otherwise
