"""What needs somebody now: a line for each thing that stands still or soon will, with the act that mends it.

Each line is for those who may do what it asks. Every query here is bounded: it reads by an index, and counting stops.
What routing knows comes through the signal `needs_asked`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby
from typing import cast

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from arena.models import Role, User
from arena.ui.needs import Need, Urgency
from arena.ui.wording import count, listed
from evals import signals
from evals.catalog.price_list import STALE_AFTER_DAYS
from evals.collection.quarantine.queries import MOST_COUNTED, open_cases
from evals.models import BakeOffReport, Contender, Reviewer, Run, RunItem
from evals.models.generations import ErrorCategory, Generation
from evals.voting.queries.flags import flagged_reviewers

__all__ = ["MOST_SHOWN", "needs_of"]

# More lines than these are not a list of what to do next.
MOST_SHOWN = 12
# Of a kind, so that one kind does not hide the others.
_MOST_OF_A_KIND = 4
# What went wrong longer ago has been seen, or does not matter any more.
_RECENT = timedelta(days=7)
_MOST_FAILURES = 1_000
# With these nothing is to be done: they count as the contender's own failures.
_ITS_OWN = (ErrorCategory.CONTENT_FILTER, ErrorCategory.IMPORTED)


def needs_of(user: User) -> list[Need]:
    """The most urgent first, at most `MOST_SHOWN`. A dozen small queries for an editor, two or three for others."""
    found = list(_needs(user))
    for _, told in signals.needs_asked.send(sender=User, user=user):
        found += cast("list[Need]", told or [])
    return sorted(found, key=lambda need: need.urgency)[:MOST_SHOWN]


def _needs(user: User) -> Iterator[Need]:
    if user.may(Role.EDITOR):
        yield from _failing_runs()
        yield from _paused_runs()
        yield from _quarantine()
        yield from _flagged()
        yield from _stale_prices()
    if user.may(Role.ADMIN):
        yield from _bake_offs()
    if user.role == Role.REVIEWER:
        yield from _practice(user)


def _failing_runs() -> Iterator[Need]:
    """Runs with calls that failed for good in the last days, the newest first. One query."""
    since = timezone.now() - _RECENT
    failed: QuerySet[RunItem, tuple[int, str]] = (
        # A failed generation's `not_before` is the beginning of its last call: this reads the index of what is due.
        RunItem.objects.filter(generation__state=Generation.State.FAILED, generation__not_before__gte=since)
        .exclude(generation__error__in=_ITS_OWN)
        .exclude(run__state=Run.State.STOPPED)
        .values_list("run_id", "generation__error")[:_MOST_FAILURES]
    )
    rows = sorted(failed, key=lambda row: (-row[0], row[1]))
    by_run = [(run, [error for _, error in some]) for run, some in groupby(rows, key=lambda row: row[0])]
    many = len(rows) == _MOST_FAILURES
    for run, errors in by_run[:_MOST_OF_A_KIND]:
        most = max(sorted(set(errors)), key=errors.count)
        yield Need(
            title=f"Run {run}: {count(len(errors), 'call')}{' or more' if many else ''} failed for good",
            words=f"Most often: {ErrorCategory(most).label}. The run's page has an example of each error and what to "
            "do about it.",
            act="See why",
            url=reverse("evals:run", args=[run]),
            badge="failed",
        )


def _paused_runs() -> Iterator[Need]:
    """Those that wait for a person. One query."""
    for pk, reason in (
        Run.objects.filter(state=Run.State.PAUSED).order_by("-pk").values_list("pk", "reason")[:_MOST_OF_A_KIND]
    ):
        yield Need(
            title=f"Run {pk} is paused",
            words=reason or "It asks nothing until somebody resumes it.",
            act="Resume or stop",
            url=reverse("evals:run", args=[pk]),
            badge="paused",
        )


def _quarantine() -> Iterator[Need]:
    waiting = open_cases()
    if waiting:
        more = waiting >= MOST_COUNTED
        told = f"More than {MOST_COUNTED - 1:,} answers wait" if more else f"{count(waiting, 'answer')} in quarantine"
        yield Need(
            title=told,
            words="They seem to say who wrote them. No reviewer sees them until an editor has looked.",
            act="Decide",
            url=reverse("evals:quarantine"),
        )


def _flagged() -> Iterator[Need]:
    for one in flagged_reviewers(_MOST_OF_A_KIND):
        yield Need(
            title=f"{one.name} votes in a way worth a look",
            words=f"{one.why[:1].upper()}{one.why[1:]}.",
            act="Look",
            url=reverse("evals:reviewer", args=[one.id]),
        )


def _stale_prices() -> Iterator[Need]:
    """Prices that people typed; those of the public list age with it. One query."""
    day = timezone.now().date() - timedelta(days=STALE_AFTER_DAYS)
    old = (
        Contender.objects.filter(retired_at=None, usd_per_mtok_input__isnull=False, usd_per_mtok_output__isnull=False)
        .filter(Q(priced_at=None) | Q(priced_at__lt=day))
        # What costs nothing does not go out of date.
        .exclude(usd_per_mtok_input=0, usd_per_mtok_output=0)
    )
    slugs = list(old.order_by("priced_at", "slug").values_list("slug", flat=True)[: _MOST_OF_A_KIND + 1])
    if not slugs:
        return
    named, more = slugs[:_MOST_OF_A_KIND], len(slugs) > _MOST_OF_A_KIND
    yield Need(
        title=f"Old {'price' if len(slugs) == 1 else 'prices'}: {listed([*named, 'others'] if more else named)}",
        words=f"Last checked more than {STALE_AFTER_DAYS} days ago. Costs, and routes that go by them, may be wrong.",
        act="Check the price" if len(slugs) == 1 else "Check the first",
        url=reverse("evals:contender-edit", args=[slugs[0]]),
        urgency=Urgency.SOON,
        badge="old price",
    )


def _bake_offs() -> Iterator[Need]:
    """Bake-offs whose newest report says that it did not start. One query."""
    reports = BakeOffReport.objects.filter(created_at__gte=timezone.now() - _RECENT).order_by("-pk")
    rows = reports.values_list("pk", "state", "round__bake_off__task_set__slug", "round__reason")[:50]
    seen: set[str] = set()
    for pk, state, task_set, reason in rows:
        if task_set not in seen and state == BakeOffReport.State.NOT_STARTED:
            yield Need(
                title=f"The bake-off of {task_set} did not start",
                words=reason,
                act="Read the report",
                url=reverse("evals:bake-off-report", args=[pk]),
            )
        seen.add(task_set)


def _practice(user: User) -> Iterator[Need]:
    """A reviewer who has not practised. One query."""
    practised = Reviewer.objects.filter(user=user).values_list("practised_at", flat=True).first()
    if practised is None:
        yield Need(
            title="Practise first",
            words="A few pairs whose better answer is known, with the reason. It takes about three minutes.",
            act="Practise",
            url=reverse("evals:practice"),
            urgency=Urgency.SOON,
        )
