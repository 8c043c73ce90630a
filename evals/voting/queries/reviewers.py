"""Reviewers, their votes, how they vote, and who is excluded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Case, Count, F, Max, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce

from evals.models import Category, Reviewer, ReviewerTally, Vote
from evals.models.votes import VOTES, LeftSide, Outcome
from evals.ratings.agreement import Agreement
from evals.ratings.health import Finding, side_preference
from evals.voting.queries.agreement import leaders_without, reviewer_agreements, speeds

__all__ = ["ExclusionEntry", "Health", "ReviewerRow", "Voter", "reviewer_count", "reviewer_rows", "voters_in"]

PAGE_SIZE = 50
# The handle of the one reviewer who stands for all judges of a file without names begins with this.
_UNNAMED = "import "


@dataclass(frozen=True)
class ExclusionEntry:
    """An exclusion or its end: who, when, why."""

    who: str
    at: datetime
    words: str


@dataclass(frozen=True)
class Health:
    """How a reviewer votes, over all categories and all votes, counted or not.

    `agreement` with others on shared battles; `side`, how often the left answer won; `speed`, the share of votes cast
    faster than reading; `leaders`, by category's name, the contender that would lead without them, None if the leader
    stays.
    """

    agreement: Agreement
    side: Finding
    speed: Finding
    leaders: Mapping[str, str | None]


@dataclass(frozen=True)
class ReviewerRow:
    """`place` counts from 1 in the order of the page. `votes` are the effective ones, counted or not; `last_vote` is
    when the newest of them was cast. `source` says where somebody who is not a user here comes from."""

    id: int
    place: int
    name: str
    source: str
    votes: int
    categories: int
    last_vote: datetime | None
    excluded_at: datetime | None
    excluded_reason: str
    exclusions: tuple[ExclusionEntry, ...]
    health: Health


@dataclass(frozen=True)
class Voter:
    """`unnamed`: stands for all judges of an imported file that does not name them."""

    id: int
    name: str
    votes: int
    unnamed: bool


def voters_in(category: Category) -> list[Voter]:
    """Reviewers whose votes count in the category now, most votes first. One query."""
    tallies = ReviewerTally.objects.filter(category=category).order_by()
    rows = tallies.values_list("reviewer", "reviewer__name", "reviewer__handle").annotate(votes=VOTES)
    voters = [Voter(pk, name, votes, handle.startswith(_UNNAMED)) for pk, name, handle, votes in rows]
    return sorted(voters, key=lambda voter: (-voter.votes, voter.name, voter.id))


def reviewer_count() -> int:
    return Reviewer.objects.count()


def reviewer_rows(*, limit: int, before: int | None = None) -> list[ReviewerRow]:
    """Arena's own users first, then by votes that count; those after the place `before`. Ten queries, and four more
    after new votes."""
    start = before or 0
    return _rows(list(_ordered()[start : start + limit]), start)


def _ordered() -> QuerySet[Reviewer]:
    counted = ReviewerTally.objects.filter(reviewer=OuterRef("pk")).order_by().values("reviewer").annotate(n=VOTES)
    return Reviewer.objects.annotate(
        counted=Coalesce(Subquery(counted.values("n")), 0),
        outside=Case(When(user__isnull=True, then=1), default=0),
    ).order_by("outside", "-counted", "name", "pk")


def _rows(reviewers: Sequence[Reviewer], start: int) -> list[ReviewerRow]:
    cast = _cast(reviewers)
    exclusions = _exclusions(reviewers)
    agreed, fast, leaders = reviewer_agreements(), speeds(reviewers), leaders_without(reviewers)
    rows = []
    for place, reviewer in enumerate(reviewers, start + 1):
        mine = cast.get(reviewer.pk, _Cast())
        health = Health(
            agreement=agreed.get(reviewer.pk, Agreement("unknown", 0)),
            side=side_preference(mine.left_won, mine.right_won),
            speed=fast.get(reviewer.pk, Finding("unknown", 0)),
            leaders=leaders.get(reviewer.pk, {}),
        )
        rows.append(
            ReviewerRow(
                id=reviewer.pk,
                place=place,
                name=reviewer.name,
                source=_source(reviewer),
                votes=mine.votes,
                categories=mine.categories,
                last_vote=mine.last,
                excluded_at=reviewer.excluded_at,
                excluded_reason=reviewer.excluded_reason,
                exclusions=tuple(exclusions.get(str(reviewer.pk), ())),
                health=health,
            )
        )
    return rows


def _source(reviewer: Reviewer) -> str:
    if reviewer.user_id:
        return ""
    source = reviewer.handle.partition(":")[0]
    return "a file that names no judge" if source.startswith(_UNNAMED) else f"from {source}"


class _Cast(NamedTuple):
    """Effective votes, and how often the answer on either side won."""

    votes: int = 0
    categories: int = 0
    last: datetime | None = None
    left_won: int = 0
    right_won: int = 0


def _cast(reviewers: Sequence[Reviewer]) -> dict[int, _Cast]:
    """By reviewer. From the votes, since tallies hold only votes that count."""
    effective = Vote.objects.filter(reviewer__in=reviewers, superseded_by__isnull=True, outcome__isnull=False)
    known = ~Q(left=LeftSide.UNKNOWN)
    decisive = Q(outcome__in=(Outcome.LO, Outcome.HI))
    rows = (
        effective.order_by()
        .values_list("reviewer")
        .annotate(
            votes=Count("pk"),
            categories=Count("category", distinct=True),
            last=Max("cast_at"),
            left_won=Count("pk", filter=Q(outcome=F("left"))),
            right_won=Count("pk", filter=known & decisive & ~Q(outcome=F("left"))),
        )
    )
    return {pk: _Cast(*figures) for pk, *figures in rows}


def _exclusions(reviewers: Sequence[Reviewer]) -> dict[str, list[ExclusionEntry]]:
    """Newest first."""
    entries = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Reviewer), object_id__in=[str(r.pk) for r in reviewers]
    ).select_related("user")
    found: dict[str, list[ExclusionEntry]] = {}
    for entry in entries.order_by("-action_time", "-pk"):
        found.setdefault(entry.object_id or "", []).append(
            ExclusionEntry(entry.user.name, entry.action_time, entry.change_message)
        )
    return found
