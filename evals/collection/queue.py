"""Claims generations to ask for and records the answers. Each is asked for by one worker at a time; none is lost.

Work is a row. A generation that is `waiting` and due is claimed by an UPDATE that names the state it was seen in, and
leased for 20 s, renewed every 5 s (`arena.leases`). Every call ends in `finish` or `fail` and leaves an attempt. One
that is `running` with an expired lease first gets its lost attempt recorded and then waits again. A provider's row is
locked while one of its generations is claimed, so that its concurrency limit holds across any number of workers.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from arena.leases import Heartbeat, Leases, expired, live
from evals.collection.providers import Lost, ProviderError, Reply, back_off
from evals.models import Attempt, Contender, Generation, Provider, Run, RunItem
from evals.models.generations import ErrorCategory

__all__ = [
    "LEASES",
    "CallOutcome",
    "Claim",
    "active_runs",
    "claim_next",
    "fail",
    "finish",
    "keep_lease",
    "recover_lost",
    "work_is_due",
]

log = logging.getLogger(__name__)

LEASES = Leases(Generation, length=timedelta(seconds=20))
_heartbeat = Heartbeat(LEASES, every=timedelta(seconds=5))


@dataclass(frozen=True)
class Claim:
    """The right to ask for one generation and to record the result."""

    generation_id: int
    token: UUID
    claimed_at: datetime


def keep_lease(token: UUID) -> AbstractContextManager[None]:
    """Renews this lease while the block runs, however long the provider takes."""
    return _heartbeat.keeps(token)


_STATE = Generation.State


# Other workers may claim every candidate first; then look again, but not forever.
_CLAIM_ROUNDS = 3


@dataclass(frozen=True)
class _Candidate:
    contender_id: int
    provider_id: int
    generation_id: int


def claim_next(*, now: datetime | None = None) -> Claim | None:
    """The next generation to ask for, leased to the caller; None if nothing is due.

    Fair across contenders: the oldest due generation of any of them. `start_run` creates them task by task, so the
    first pair to vote on is ready early, and a slow provider delays only its own contenders.
    """
    now = now or timezone.now()
    recover_lost(now=now)
    for _ in range(_CLAIM_ROUNDS):
        candidates = _candidates(now)
        for candidate in candidates:
            claim = _claim(candidate, now)
            if claim is not None:
                return claim
        if not candidates:
            return None
    return None


def work_is_due(*, now: datetime | None = None) -> bool:
    """Whether anything could be claimed now, lost work included. Claims nothing."""
    now = now or timezone.now()
    lost = Generation.objects.filter(expired(now), state=_STATE.RUNNING)
    return lost.exists() or bool(_candidates(now))


def active_runs() -> QuerySet[Run]:
    """Runs whose generations are asked for now: collecting, and within budget."""
    return Run.objects.filter(Q(budget_usd__isnull=True) | Q(spent_usd__lt=F("budget_usd")), state=Run.State.COLLECTING)


def _candidates(now: datetime) -> list[_Candidate]:
    """The oldest due generation of each contender whose provider has room, oldest first.

    One index lookup per contender (`generation_of_contender`), however many generations wait.
    """
    scope = _active_scope()
    providers = _providers_with_room(now) if scope.runs else []
    if not providers:
        return []
    rows = (
        Contender.objects.filter(provider__in=providers, runs__in=scope.runs)
        .annotate(next=Subquery(_due(OuterRef("pk"), scope, now).values("pk")[:1]))
        .values_list("pk", "provider_id", "next")
        .distinct()
    )
    found = [_Candidate(contender, provider, due) for contender, provider, due in rows if due is not None]
    return sorted(found, key=lambda candidate: candidate.generation_id)


@dataclass(frozen=True)
class _ActiveScope:
    """The active runs, and the range of ids that holds all their generations. Rows outside it are never read: a stopped
    run may have left thousands of them waiting."""

    runs: list[int]
    first: int
    last: int


def _active_scope() -> _ActiveScope:
    # Two index lookups per run; MIN and MAX in one query would read all of its items.
    items = RunItem.objects.filter(run=OuterRef("pk")).values("generation_id")
    rows = active_runs().annotate(
        first=Subquery(items.order_by("generation_id")[:1]), last=Subquery(items.order_by("-generation_id")[:1])
    )
    found = [row for row in rows.values_list("pk", "first", "last") if row[1] is not None]
    return _ActiveScope(
        runs=[pk for pk, _, _ in found],
        first=min((first for _, first, _ in found), default=0),
        last=max((last for _, _, last in found), default=0),
    )


def _due(contender: Any, scope: _ActiveScope, now: datetime) -> QuerySet[Generation]:
    """What a contender may be asked for, oldest first."""
    return Generation.objects.filter(
        Exists(RunItem.objects.filter(run__in=scope.runs, generation=OuterRef("pk"))),
        contender=contender,
        state=_STATE.WAITING,
        not_before__lte=now,
        pk__range=(scope.first, scope.last),
    ).order_by("pk")


def _providers_with_room(now: datetime) -> list[int]:
    in_flight = dict(
        Generation.objects.filter(live(now), state=_STATE.RUNNING)
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
    in_flight = Generation.objects.filter(live(now), state=_STATE.RUNNING, contender__provider=provider).count()
    if in_flight >= provider.max_concurrency:
        return None
    # Read again inside the transaction: a run may have been stopped, or its budget reached.
    generation_id = _due(candidate.contender_id, _active_scope(), now).values_list("pk", flat=True).first()
    if generation_id is None:
        return None
    # The provider's lock does not keep out a run that is stopped or an import that stores this answer just now.
    as_seen = Generation.objects.filter(pk=generation_id, state=_STATE.WAITING, not_before__lte=now)
    token = LEASES.claim(as_seen, now=now, state=_STATE.RUNNING, not_before=now, attempts_made=F("attempts_made") + 1)
    return None if token is None else Claim(generation_id, token, now)


# These errors concern the provider, not the request: its other generations wait too, instead of failing one by one.
_PAUSING = (ErrorCategory.RATE_LIMIT, ErrorCategory.CONNECTION)


@dataclass(frozen=True)
class CallOutcome:
    """An answer with everything that is stored beside it."""

    reply: Reply
    cost: Decimal | None
    checks: list[dict[str, Any]]
    refused: bool
    quarantine: str


@transaction.atomic
def finish(*, claim: Claim, outcome: CallOutcome, now: datetime | None = None) -> bool:
    """Store an answer. False, and nothing written, if another worker has taken over the lease."""
    reply = outcome.reply
    measured: dict[str, Any] = {
        "ttft_ms": reply.ttft_ms,
        "latency_ms": reply.latency_ms,
        "tokens_in": reply.tokens_in,
        "tokens_out": reply.tokens_out,
        "cost_usd": outcome.cost,
    }
    finished = LEASES.finish(
        claim.generation_id,
        claim.token,
        state=_STATE.DONE,
        text=reply.text,
        finish_reason=reply.finish_reason,
        tool_calls=[call.to_json() for call in reply.tool_calls],
        error="",
        error_detail="",
        checks=outcome.checks,
        refused=outcome.refused,
        quarantine=outcome.quarantine,
        finished_at=now or timezone.now(),
        **measured,
    )
    if not finished:
        return False
    _record(claim, status_code=reply.status_code, **measured)
    return True


@transaction.atomic
def fail(*, claim: Claim, error: ProviderError, cost: Decimal | None, now: datetime | None = None) -> bool:
    """Store a failed call, to be retried after a while or failed for good. False if another worker has taken over the
    lease."""
    return _fail(claim, error, cost, now or timezone.now())


def recover_lost(*, now: datetime | None = None) -> int:
    """Record a lost attempt for each expired lease, and let its generation be asked for again."""
    now = now or timezone.now()
    lost = Generation.objects.filter(expired(now), state=_STATE.RUNNING)
    return sum(_recover(generation, now) for generation in list(lost[:100]))


@transaction.atomic
def _recover(seen: Generation, now: datetime) -> bool:
    assert seen.lease_token is not None
    assert seen.lease_until is not None
    claim = Claim(seen.pk, seen.lease_token, claimed_at=seen.not_before)
    error = Lost(f"its worker was last heard of 20 s before {seen.lease_until:%H:%M:%S} UTC")
    # Its worker may have renewed the lease since it was seen, or another worker may have recovered it.
    recovered = _fail(claim, error, None, now, only_if=expired(now))
    if recovered:
        log.warning("Generation %d: %s.", seen.pk, error.detail)
    return recovered


def _fail(claim: Claim, error: ProviderError, cost: Decimal | None, now: datetime, *, only_if: Q | None = None) -> bool:
    generation = LEASES.leased(claim.generation_id, claim.token).select_related("contender").first()
    if generation is None:
        return False
    wait = back_off(error.category, attempts_made=generation.attempts_made, retry_after_s=error.retry_after_s)
    for_good = wait is None
    finished = LEASES.finish(
        claim.generation_id,
        claim.token,
        only_if=only_if,
        state=_STATE.FAILED if for_good else _STATE.WAITING,
        not_before=now + timedelta(seconds=wait or 0),
        error=error.category,
        error_detail=error.detail,
        finished_at=now if for_good else None,
    )
    if not finished:
        return False
    if error.category in _PAUSING:
        until = now + timedelta(seconds=max(wait or 0, error.retry_after_s or 0))
        _pause(generation.contender.provider_id, until)
    _record(
        claim,
        status_code=error.status_code,
        error=error.category,
        error_detail=error.detail,
        ttft_ms=error.ttft_ms,
        latency_ms=error.latency_ms,
        tokens_in=error.tokens_in,
        tokens_out=error.tokens_out,
        cost_usd=cost,
    )
    return True


def _pause(provider_id: int, until: datetime) -> None:
    """Never shortens a pause that another worker has set."""
    Provider.objects.filter(Q(paused_until__isnull=True) | Q(paused_until__lt=until), pk=provider_id).update(
        paused_until=until
    )


def _record(claim: Claim, **measured: Any) -> None:
    """Store the attempt, and add its cost to the runs that include this generation. The caller has just updated the
    generation's row, so no other transaction can number its attempts."""
    last = Attempt.objects.filter(generation_id=claim.generation_id).aggregate(n=Max("n"))["n"]
    Attempt.objects.create(
        generation_id=claim.generation_id, n=(last or 0) + 1, started_at=claim.claimed_at, **measured
    )
    if measured["cost_usd"]:
        _spend(claim.generation_id, measured["cost_usd"])


def _spend(generation_id: int, cost: Decimal) -> None:
    """Add to the runs' spending; a run whose budget is reached pauses, with the reason."""
    runs = Run.objects.filter(
        items__generation=generation_id, state__in=(Run.State.COLLECTING, Run.State.PAUSED)
    ).values_list("pk", flat=True)
    # In one order, so that two workers never deadlock.
    for pk in sorted(runs):
        Run.objects.filter(pk=pk).update(spent_usd=F("spent_usd") + cost)
        run = Run.objects.get(pk=pk)
        if run.budget_usd is not None and run.spent_usd >= run.budget_usd and run.state == Run.State.COLLECTING:
            Run.objects.filter(pk=pk, state=Run.State.COLLECTING).update(
                state=Run.State.PAUSED,
                reason=f"Its budget of ${run.budget_usd:,.2f} is reached: ${run.spent_usd:,.2f} spent. "
                "Raise the budget to continue.",
            )
