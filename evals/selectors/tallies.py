"""What the ratings are computed from, as `evals.ratings` takes it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from django.db.models import Q, Sum

from evals.models import Contender, ReviewerTally, TaskTally, Vote
from evals.ratings import PairCounts, Tallies

__all__ = ["VOTES", "outcomes", "tallies_of"]

# The votes that tallies count, as an aggregate of them.
VOTES = Sum("lo_wins") + Sum("hi_wins") + Sum("ties") + Sum("both_bad")

_COUNTS = ("lo__slug", "hi__slug", "lo_wins", "hi_wins", "ties", "both_bad")
_CHUNK = 5000


def tallies_of(category_id: int) -> Tallies:
    """Contenders by slug, reviewers and tasks by id. Two queries; read under the ledger's lock, or they may differ
    by a vote, which raises TallyMismatchError."""
    reviewers = ReviewerTally.objects.filter(category_id=category_id).values_list("reviewer_id", *_COUNTS)
    tasks = TaskTally.objects.filter(category_id=category_id).values_list("task_id", *_COUNTS)
    return Tallies.from_rows(
        (PairCounts(*row) for row in reviewers.iterator(chunk_size=_CHUNK)),
        (PairCounts(*row) for row in tasks.iterator(chunk_size=_CHUNK)),
    )


def outcomes(category_id: int, *, after: int, seq: int, excluded: Collection[int]) -> Iterator[tuple[str, str, str]]:
    """(lo, hi, outcome) of the votes that count as of `seq`, from `after` on, in the order they were cast.

    `excluded` are reviewers' ids. Streamed: there may be a million.
    """
    slugs = dict(Contender.objects.values_list("pk", "slug"))
    standing = Q(superseded_by__isnull=True) | Q(superseded_by__seq__gt=seq)
    votes = (
        Vote.objects.filter(standing, category_id=category_id, seq__gt=after, seq__lte=seq, outcome__isnull=False)
        .exclude(reviewer_id__in=excluded)
        .order_by("seq")
        .values_list("lo_id", "hi_id", "outcome")
    )
    for lo, hi, outcome in votes.iterator(chunk_size=_CHUNK):
        assert outcome is not None  # filtered above
        yield slugs[lo], slugs[hi], outcome
