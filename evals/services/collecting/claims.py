"""Claiming work: which generation is asked next, and by whom. Nobody asks twice, nothing is lost.

Work is a row. `waiting` and due, it is claimed by an UPDATE that names the state it was seen in; `running` with a
lease that ran out, it first gets its lost attempt recorded and then waits again. A provider's row is locked while one
of its generations is claimed, so that its concurrency holds across any number of workers.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from evals.models import Contender, Generation, Provider, Run, RunItem
from evals.services.collecting.leases import LEASE, Claim
from evals.services.collecting.outcomes import recover_lost

__all__ = ["active_runs", "claim_next", "work_is_due"]

_STATE = Generation.State

# Others may be faster at every candidate we saw; then look again, but not forever.
_LOOKS = 3


@dataclass(frozen=True)
class _Candidate:
    contender_id: int
    provider_id: int
    generation_id: int


def claim_next(*, now: datetime | None = None) -> Claim | None:
    """The next generation to ask for, leased to the caller; None if nothing is due that may be asked now.

    Fair across contenders: the oldest due generation of any of them. `start_run` creates them task by task, so the
    first pair to vote on is there early, and a slow provider holds up none but its own contenders.
    """
    now = now or timezone.now()
    recover_lost(now=now)
    for _ in range(_LOOKS):
        candidates = _candidates(now)
        for candidate in candidates:
            claim = _claim(candidate, now)
            if claim is not None:
                return claim
        if not candidates:
            return None
    return None


def work_is_due(*, now: datetime | None = None) -> bool:
    """Could anything be claimed now, lost work included? Claims nothing."""
    now = now or timezone.now()
    lost = Generation.objects.filter(state=_STATE.RUNNING, lease_until__lt=now)
    return lost.exists() or bool(_candidates(now))


def active_runs() -> QuerySet[Run]:
    """Runs that want their work done now: collecting, and within their budget."""
    return Run.objects.filter(Q(budget_usd__isnull=True) | Q(spent_usd__lt=F("budget_usd")), state=Run.State.COLLECTING)


def _candidates(now: datetime) -> list[_Candidate]:
    """The oldest due generation of each contender whose provider has room, oldest first.

    One index walk a contender (`generation_of_contender`), however many generations wait.
    """
    wanting = _wanting()
    providers = _providers_with_room(now) if wanting.runs else []
    if not providers:
        return []
    rows = (
        Contender.objects.filter(provider__in=providers, runs__in=wanting.runs)
        .annotate(next=Subquery(_due(OuterRef("pk"), wanting, now).values("pk")[:1]))
        .values_list("pk", "provider_id", "next")
        .distinct()
    )
    found = [_Candidate(contender, provider, due) for contender, provider, due in rows if due is not None]
    return sorted(found, key=lambda candidate: candidate.generation_id)


@dataclass(frozen=True)
class _Wanting:
    """The active runs, and the ids between which all their generations lie. What lies outside is not even looked at:
    a stopped run may have left thousands of rows waiting."""

    runs: list[int]
    first: int
    last: int


def _wanting() -> _Wanting:
    # Two index look-ups a run; MIN and MAX in one query would read all of its items.
    items = RunItem.objects.filter(run=OuterRef("pk")).values("generation_id")
    rows = active_runs().annotate(
        first=Subquery(items.order_by("generation_id")[:1]), last=Subquery(items.order_by("-generation_id")[:1])
    )
    found = [row for row in rows.values_list("pk", "first", "last") if row[1] is not None]
    return _Wanting(
        runs=[pk for pk, _, _ in found],
        first=min((first for _, first, _ in found), default=0),
        last=max((last for _, _, last in found), default=0),
    )


def _due(contender: Any, wanting: _Wanting, now: datetime) -> QuerySet[Generation]:
    """What a contender may be asked for, oldest first."""
    return Generation.objects.filter(
        Exists(RunItem.objects.filter(run__in=wanting.runs, generation=OuterRef("pk"))),
        contender=contender,
        state=_STATE.WAITING,
        not_before__lte=now,
        pk__range=(wanting.first, wanting.last),
    ).order_by("pk")


def _providers_with_room(now: datetime) -> list[int]:
    in_flight = dict(
        Generation.objects.filter(state=_STATE.RUNNING, lease_until__gte=now)
        .values_list("contender__provider_id")
        .annotate(n=Count("pk"))
    )
    providers = Provider.objects.exclude(kind=Provider.Kind.IMPORTED).exclude(paused_until__gt=now)
    return [pk for pk, most in providers.values_list("pk", "max_concurrency") if in_flight.get(pk, 0) < most]


@transaction.atomic
def _claim(candidate: _Candidate, now: datetime) -> Claim | None:
    provider = Provider.objects.select_for_update(no_key=True).get(pk=candidate.provider_id)
    if provider.paused_until is not None and provider.paused_until > now:
        return None
    in_flight = Generation.objects.filter(
        state=_STATE.RUNNING, lease_until__gte=now, contender__provider=provider
    ).count()
    if in_flight >= provider.max_concurrency:
        return None
    # Seen anew inside the transaction: a run may have been stopped, or its budget reached.
    generation_id = _due(candidate.contender_id, _wanting(), now).values_list("pk", flat=True).first()
    if generation_id is None:
        return None
    claim = Claim(generation_id, uuid.uuid4(), now)
    # Names the state it was seen in: nobody else can have it, whatever the isolation level.
    taken = Generation.objects.filter(pk=generation_id, state=_STATE.WAITING, not_before__lte=now).update(
        state=_STATE.RUNNING,
        lease_token=claim.token,
        lease_until=now + LEASE,
        not_before=now,
        attempts_made=F("attempts_made") + 1,
    )
    return claim if taken else None
