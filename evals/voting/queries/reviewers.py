"""Reviewers, their votes, how they vote, and who is excluded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Case, Count, F, Max, OuterRef, Q, QuerySet, Subquery, Sum, When
from django.db.models.functions import Coalesce

from evals.models import Category, Ledger, Reviewer, ReviewerTally, Vote
from evals.models.votes import VOTES, LeftSide, Outcome
from evals.ratings.agreement import Agreement
from evals.ratings.health import Finding, side_preference
from evals.voting.queries.agreement import leaders_without, reviewer_agreements, speeds
from evals.voting.queries.gold import gold_findings

__all__ = [
    "ALARM",
    "NOTHING_EXCLUDED",
    "Excluded",
    "ExclusionEntry",
    "Health",
    "ReviewerRow",
    "Voter",
    "VotesCast",
    "excluded_votes",
    "reviewer_count",
    "reviewer_row",
    "reviewer_rows",
    "rows_of",
    "voters_in",
    "votes_cast",
]

PAGE_SIZE = 50
# The handle of the one reviewer who stands for all judges of a file without names begins with this.
_UNNAMED = "import "
# From this share of all votes on, what is excluded is said wherever the rest is.
ALARM = 0.05


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
    stays; `gold`, the share of gold battles judged as they are marked.
    """

    agreement: Agreement
    side: Finding
    speed: Finding
    leaders: Mapping[str, str | None]
    gold: Finding = field(default_factory=lambda: Finding("unknown", 0))


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
class Excluded:
    """Votes that were cast and stand, `excluded` of them excluded with their reviewers."""

    excluded: int
    cast: int

    @property
    def share(self) -> float:
        return self.excluded / self.cast if self.cast else 0.0

    @property
    def alarms(self) -> bool:
        """More than `ALARM` of the votes: a ranking then says as much about who was left out."""
        return self.share > ALARM


NOTHING_EXCLUDED = Excluded(0, 0)


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


def excluded_votes(category: Category | None = None) -> Excluded:
    """In the category, or in all that are not retired. One query, of one row a category: the figure is kept as votes
    are counted and reviewers excluded."""
    if category is not None:
        ledgers = Ledger.objects.filter(category=category)
    else:
        ledgers = Ledger.objects.filter(category__retired_at__isnull=True, category__dimension_of__isnull=True)
    sums = ledgers.aggregate(excluded=Coalesce(Sum("excluded"), 0), counted=Coalesce(Sum("votes"), 0))
    return Excluded(sums["excluded"], sums["excluded"] + sums["counted"])


def reviewer_count() -> int:
    return Reviewer.objects.count()


def reviewer_rows(*, limit: int, before: int | None = None) -> list[ReviewerRow]:
    """Arena's own users first, then by votes that count; those after the place `before`. Eleven queries, and four
    more after new votes."""
    start = before or 0
    return rows_of(list(_ordered()[start : start + limit]), start)


def reviewer_row(reviewer: Reviewer) -> ReviewerRow:
    """As in `reviewer_rows`, of one."""
    return rows_of([reviewer])[0]


def _ordered() -> QuerySet[Reviewer]:
    tallies = ReviewerTally.objects.filter(reviewer=OuterRef("pk"), category__dimension_of__isnull=True)
    counted = tallies.order_by().values("reviewer").annotate(n=VOTES)
    return Reviewer.objects.annotate(
        counted=Coalesce(Subquery(counted.values("n")), 0),
        outside=Case(When(user__isnull=True, then=1), default=0),
    ).order_by("outside", "-counted", "name", "pk")


def rows_of(reviewers: Sequence[Reviewer], start: int = 0) -> list[ReviewerRow]:
    """Of these reviewers, in their order, after the place `start`."""
    cast = votes_cast(reviewers)
    exclusions = _exclusions(reviewers)
    agreed, fast, leaders = reviewer_agreements(), speeds(reviewers), leaders_without(reviewers)
    gold = gold_findings(reviewers)
    rows = []
    for place, reviewer in enumerate(reviewers, start + 1):
        mine = cast.get(reviewer.pk, VotesCast())
        health = Health(
            agreement=agreed.get(reviewer.pk, Agreement("unknown", 0)),
            side=side_preference(mine.left_won, mine.right_won),
            speed=fast.get(reviewer.pk, Finding("unknown", 0)),
            leaders=leaders.get(reviewer.pk, {}),
            gold=gold.get(reviewer.pk, Finding("unknown", 0)),
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


class VotesCast(NamedTuple):
    """Effective votes, and how often the answer on either side won."""

    votes: int = 0
    categories: int = 0
    last: datetime | None = None
    left_won: int = 0
    right_won: int = 0


def votes_cast(reviewers: Sequence[Reviewer], *, until: datetime | None = None) -> dict[int, VotesCast]:
    """By reviewer (of votes before `until`). From the votes, since tallies hold only votes that count; verdicts on
    dimensions are no votes of their own here. One query."""
    effective = Vote.objects.filter(
        reviewer__in=reviewers,
        superseded_by__isnull=True,
        outcome__isnull=False,
        category__dimension_of__isnull=True,
    )
    if until is not None:
        effective = effective.filter(cast_at__lt=until)
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
    return {pk: VotesCast(*figures) for pk, *figures in rows}


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
