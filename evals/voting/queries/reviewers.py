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

from evals.models import Ballot, Category, Ledger, Reviewer, ReviewerVotes, Vote
from evals.models.votes import LeftSide, Outcome
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
    "votes_by_category",
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
    counted = ReviewerVotes.objects.filter(category=category, reviewer__excluded_at__isnull=True).order_by()
    rows = counted.values_list("reviewer", "reviewer__name", "reviewer__handle").annotate(n=Sum("votes"))
    voters = [Voter(pk, name, votes, handle.startswith(_UNNAMED)) for pk, name, handle, votes in rows if votes]
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
    votes = ReviewerVotes.objects.filter(reviewer=OuterRef("pk"), category__dimension_of__isnull=True)
    cast = votes.order_by().values("reviewer").annotate(n=Sum("votes"))
    counts = When(excluded_at__isnull=True, then=Coalesce(Subquery(cast.values("n")), 0))
    return Reviewer.objects.annotate(
        counted=Case(counts, default=0),
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
    """By reviewer, of a row a reviewer and category; verdicts on dimensions are no votes of their own here. One query.

    Of votes before `until`: a second one, over the votes since, which are taken off; `last` is then not known.
    """
    kept = ReviewerVotes.objects.filter(reviewer__in=reviewers, category__dimension_of__isnull=True).order_by()
    sums = {name: Sum(name) for name in ("votes", "left_won", "right_won")}
    rows = kept.values_list("reviewer", "category").annotate(
        n=sums["votes"], last=Max("last_cast_at"), left=sums["left_won"], right=sums["right_won"]
    )
    found: dict[int, VotesCast] = {}
    since = _cast_since(reviewers, until) if until is not None else {}
    for pk, category, votes, last, left, right in rows:
        late = since.get((pk, category), (0, 0, 0))
        if votes > late[0]:
            before = found.get(pk, VotesCast())
            newest = max(filter(None, (before.last, last)), default=None)
            found[pk] = VotesCast(
                before.votes + votes - late[0],
                before.categories + 1,
                newest if until is None else None,
                before.left_won + left - late[1],
                before.right_won + right - late[2],
            )
    return found


def votes_by_category(reviewer: Reviewer, *, until: datetime | None = None) -> dict[int, int]:
    """Effective votes (before `until`) by category, those without one left out. One query, two with `until`."""
    kept = ReviewerVotes.objects.filter(reviewer=reviewer, category__dimension_of__isnull=True).order_by()
    since = _cast_since([reviewer], until) if until is not None else {}
    counts = {
        category: votes - since.get((reviewer.pk, category), (0, 0, 0))[0]
        for category, votes in kept.values_list("category").annotate(n=Sum("votes"))
    }
    return {category: votes for category, votes in counts.items() if votes}


def _cast_since(reviewers: Sequence[Reviewer], since: datetime) -> dict[tuple[int, int], tuple[int, int, int]]:
    """By reviewer and category: effective votes from this moment on, and those that either side won. Found by their
    ballots, whose index knows the day."""
    effective = Vote.objects.filter(superseded_by__isnull=True, outcome__isnull=False, cast_at__gte=since)
    ballots = Ballot.objects.filter(
        reviewer__in=reviewers, state=Ballot.State.VOTED, category__in=Category.objects.all(), closed_at__gte=since
    )
    by_hand = effective.filter(ballot__in=list(ballots.values_list("pk", flat=True)), category__dimension_of=None)
    decisive = ~Q(left=LeftSide.UNKNOWN) & Q(outcome__in=(Outcome.LO, Outcome.HI))
    rows = by_hand.order_by().values_list("reviewer", "category")
    counts = rows.annotate(
        n=Count("pk"),
        left_won=Count("pk", filter=Q(outcome=F("left"))),
        right_won=Count("pk", filter=decisive & ~Q(outcome=F("left"))),
    )
    return {(pk, category): (n, left, right) for pk, category, n, left, right in counts}


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
