"""Who votes, how much, and whose votes do not count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.paginator import Page, Paginator
from django.db.models import Case, Count, F, Max, OuterRef, QuerySet, Subquery, Sum, When
from django.db.models.functions import Coalesce

from evals.models import Reviewer, ReviewerTally, Vote

__all__ = ["Act", "ReviewerRow", "reviewer_page"]

PAGE_SIZE = 50


@dataclass(frozen=True)
class Act:
    """An exclusion or its end: who, when, why."""

    who: str
    at: datetime
    words: str


@dataclass(frozen=True)
class ReviewerRow:
    """`votes` are the effective ones, counted or not; `last_vote` is when the newest of them was cast."""

    id: int
    name: str
    source: str
    votes: int
    categories: int
    last_vote: datetime | None
    excluded_at: datetime | None
    excluded_reason: str
    acts: tuple[Act, ...]


def reviewer_page(number: str | None) -> tuple[Page[Reviewer], list[ReviewerRow]]:
    """One page, our own people first, then by votes that count. Six queries."""
    page = Paginator(_ordered(), PAGE_SIZE).get_page(number)
    found = list(page.object_list)
    return page, _rows(found)


def _ordered() -> QuerySet[Reviewer]:
    every = Sum(F("lo_wins") + F("hi_wins") + F("ties") + F("both_bad"))
    counted = ReviewerTally.objects.filter(reviewer=OuterRef("pk")).order_by().values("reviewer").annotate(n=every)
    return Reviewer.objects.annotate(
        counted=Coalesce(Subquery(counted.values("n")), 0),
        outside=Case(When(user__isnull=True, then=1), default=0),
    ).order_by("outside", "-counted", "name", "pk")


def _rows(reviewers: Sequence[Reviewer]) -> list[ReviewerRow]:
    effective = Vote.objects.filter(reviewer__in=reviewers, superseded_by__isnull=True, outcome__isnull=False)
    counts: dict[int, tuple[int, int, datetime | None]] = {
        pk: (votes, categories, last)
        for pk, votes, categories, last in effective.order_by()
        .values_list("reviewer")
        .annotate(votes=Count("pk"), categories=Count("category", distinct=True), last=Max("cast_at"))
    }
    acts = _acts(reviewers)
    rows = []
    for reviewer in reviewers:
        votes, categories, last = counts.get(reviewer.pk, (0, 0, None))
        rows.append(
            ReviewerRow(
                id=reviewer.pk,
                name=reviewer.name,
                source="" if reviewer.user_id else reviewer.handle.partition(":")[0],
                votes=votes,
                categories=categories,
                last_vote=last,
                excluded_at=reviewer.excluded_at,
                excluded_reason=reviewer.excluded_reason,
                acts=tuple(acts.get(str(reviewer.pk), ())),
            )
        )
    return rows


def _acts(reviewers: Sequence[Reviewer]) -> dict[str, list[Act]]:
    """Newest first."""
    entries = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Reviewer), object_id__in=[str(r.pk) for r in reviewers]
    ).select_related("user")
    acts: dict[str, list[Act]] = {}
    for entry in entries.order_by("-action_time", "-pk"):
        acts.setdefault(entry.object_id or "", []).append(Act(entry.user.name, entry.action_time, entry.change_message))
    return acts
