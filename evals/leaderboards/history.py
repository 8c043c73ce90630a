"""A category's leaderboards over time, thinned to as many as a drawing shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Subquery, Value

from evals.models import Category, Leaderboard, Ledger, TaskSetItem, TaskSetVersion

__all__ = ["PastBoard", "PastRating", "VersionMark", "rating_history", "task_set_marks"]

# Boards drawn: evenly spaced by votes, so that a long quiet time takes no room.
MOST = 16
MOST_MARKS = 12


@dataclass(frozen=True)
class PastRating:
    rating: float
    low: float
    high: float


@dataclass(frozen=True)
class PastBoard:
    """`ratings` by contender, with the interval for the audience the category spoke for then."""

    seq: int
    revision: int
    votes: int
    computed_at: datetime
    ratings: dict[str, PastRating]


@dataclass(frozen=True)
class VersionMark:
    at: datetime
    words: str


def rating_history(category: Category) -> tuple[PastBoard, ...]:
    """Oldest first, at most MOST. Four queries, each by an index: their cost does not grow with the boards stored."""
    boards = Leaderboard.objects.filter(category=category)
    first = boards.order_by("seq").values_list("seq", flat=True).first()
    last = boards.order_by("-seq").values_list("seq", flat=True).first()
    if first is None or last is None:
        return ()
    wanted = sorted({first + (last - first) * n // (MOST - 1) for n in range(MOST)})
    newest = boards.order_by("-seq", "-revision", "-pk").values("pk")
    picks = {f"at_{n}": Subquery(newest.filter(seq__lte=Value(seq))[:1]) for n, seq in enumerate(wanted)}
    row = Ledger.objects.filter(category=category).order_by().annotate(**picks).values_list(*picks).first()
    # Only the ratings: the covariance beside them is a hundred times as long.
    found = boards.filter(pk__in={pk for pk in row or () if pk is not None}).order_by("seq", "revision")
    columns = ("seq", "revision", "votes", "computed_at", "result__ratings")
    return tuple(
        PastBoard(
            seq,
            revision,
            votes,
            computed_at,
            {str(one["contender"]): PastRating(one["rating"], *one["ci95"]) for one in ratings if not one["retired"]},
        )
        for seq, revision, votes, computed_at, ratings in found.values_list(*columns)
    )


def task_set_marks(category: Category) -> tuple[VersionMark, ...]:
    """When task sets with tasks of the category got a new version, newest first, at most MOST_MARKS. One query."""
    holds = TaskSetItem.objects.filter(version=OuterRef("pk"), task__category=category.dimension_of_id or category.pk)
    versions = TaskSetVersion.objects.filter(Exists(holds)).order_by("-created_at").select_related("task_set")
    return tuple(VersionMark(one.created_at, f"{one.task_set.slug} v{one.n}") for one in versions[:MOST_MARKS])
