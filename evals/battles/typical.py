"""What is typical of a category, for those who plan: how long a vote takes, and how long an answer is."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from evals.collection.queries.costs import typical_lengths
from evals.models import Category, Vote

__all__ = ["Pace", "pace_of", "typical_tokens"]

# The newest timed votes that say how long one takes, the fewest that do, and the newest votes among which they are
# looked for: all may be imported, without times.
_TIMED = 300
_FEWEST = 5
_SEARCHED = 5000
# A battle left open over lunch says nothing of the pace.
_LONGEST_S = 600.0


@dataclass(frozen=True)
class Pace:
    """Median seconds a vote over `n` of the newest; None with fewer than five."""

    seconds: float | None
    n: int


def pace_of(slug: str) -> Pace:
    """Two queries, of a few thousand votes at most."""
    votes = Vote.objects.filter(category__slug=slug).order_by("-seq")
    newest = votes.values_list("seq", flat=True).first() or 0
    timed = votes.filter(seq__gt=newest - _SEARCHED, ballot__shown_at__isnull=False, ballot__closed_at__isnull=False)
    rows = timed.values_list("ballot__shown_at", "ballot__closed_at")[:_TIMED]
    took = [min((closed - shown).total_seconds(), _LONGEST_S) for shown, closed in rows if shown and closed]
    return Pace(median(took) if len(took) >= _FEWEST else None, len(took))


def typical_tokens(slug: str) -> float | None:
    """Of an answer in the category; None without any. A query of at most 300 rows."""
    return typical_lengths(list(Category.objects.filter(slug=slug).values_list("pk", flat=True))).tokens_out
