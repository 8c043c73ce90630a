"""Writing what came of a call. Every call ends here exactly once, and leaves an attempt.

Whoever writes names the lease token: after a takeover the token is another, the UPDATE meets no row, and nothing is
written. So a worker believed dead, or a job delivered twice, changes nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone

from evals.models import Attempt, Generation, Provider, Run
from evals.models.generations import ErrorCategory
from evals.providers import Lost, ProviderError, Reply, back_off
from evals.services.collecting.leases import Claim

__all__ = ["Verdict", "fail", "finish", "recover_lost"]

log = logging.getLogger(__name__)

_STATE = Generation.State

# These speak of the provider, not of the request: its other generations wait as well, instead of failing one by one.
_PAUSING = (ErrorCategory.RATE_LIMIT, ErrorCategory.CONNECTION)


@dataclass(frozen=True)
class Verdict:
    """An answer with everything that is stored beside it."""

    reply: Reply
    cost: Decimal | None
    checks: list[dict[str, Any]]
    refused: bool
    quarantine: str


@transaction.atomic
def finish(*, claim: Claim, verdict: Verdict, now: datetime | None = None) -> bool:
    """Store an answer. False, and nothing written, if the lease is no longer the claim's."""
    reply = verdict.reply
    measured = {
        "ttft_ms": reply.ttft_ms,
        "latency_ms": reply.latency_ms,
        "tokens_in": reply.tokens_in,
        "tokens_out": reply.tokens_out,
        "cost_usd": verdict.cost,
    }
    ours = _held(claim).update(
        state=_STATE.DONE,
        lease_token=None,
        lease_until=None,
        text=reply.text,
        finish_reason=reply.finish_reason,
        tool_calls=[call.to_json() for call in reply.tool_calls],
        error="",
        error_detail="",
        checks=verdict.checks,
        refused=verdict.refused,
        quarantine=verdict.quarantine,
        finished_at=now or timezone.now(),
        **measured,
    )
    if not ours:
        return False
    _record(claim, status_code=reply.status_code, **measured)
    return True


@transaction.atomic
def fail(*, claim: Claim, error: ProviderError, cost: Decimal | None, now: datetime | None = None) -> bool:
    """Store a failed call: to be asked again after a while, or failed for good. False if the lease is not ours."""
    return _fail(_held(claim), claim, error, cost, now or timezone.now())


def recover_lost(*, now: datetime | None = None) -> int:
    """Record a lost attempt for each lease that ran out, and let its generation be asked again."""
    now = now or timezone.now()
    expired = Generation.objects.filter(state=_STATE.RUNNING, lease_until__lt=now)
    return sum(_recover(generation, now) for generation in list(expired[:100]))


@transaction.atomic
def _recover(seen: Generation, now: datetime) -> bool:
    assert seen.lease_token is not None
    assert seen.lease_until is not None
    claim = Claim(seen.pk, seen.lease_token, claimed_at=seen.not_before)
    error = Lost(f"its worker was last heard of 20 s before {seen.lease_until:%H:%M:%S} UTC")
    # Its worker may have come back since and renewed; then the lease has not run out any more.
    recovered = _fail(_held(claim).filter(lease_until__lt=now), claim, error, None, now)
    if recovered:
        log.warning("Generation %d: %s.", seen.pk, error.detail)
    return recovered


def _held(claim: Claim) -> QuerySet[Generation]:
    return Generation.objects.filter(pk=claim.generation_id, state=_STATE.RUNNING, lease_token=claim.token)


def _fail(held: QuerySet[Generation], claim: Claim, error: ProviderError, cost: Decimal | None, now: datetime) -> bool:
    generation = held.select_related("contender").first()
    if generation is None:
        return False
    wait = back_off(error.category, attempts_made=generation.attempts_made, retry_after_s=error.retry_after_s)
    for_good = wait is None
    ours = held.update(
        state=_STATE.FAILED if for_good else _STATE.WAITING,
        lease_token=None,
        lease_until=None,
        not_before=now + timedelta(seconds=wait or 0),
        error=error.category,
        error_detail=error.detail,
        finished_at=now if for_good else None,
    )
    if not ours:
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
    """Never shortens a pause that somebody else was told."""
    Provider.objects.filter(Q(paused_until__isnull=True) | Q(paused_until__lt=until), pk=provider_id).update(
        paused_until=until
    )


def _record(claim: Claim, **measured: Any) -> None:
    """The attempt, and its cost on the runs that want this generation. The generation's row is ours just now, so
    nobody else numbers its attempts."""
    last = Attempt.objects.filter(generation_id=claim.generation_id).aggregate(n=Max("n"))["n"]
    Attempt.objects.create(
        generation_id=claim.generation_id, n=(last or 0) + 1, started_at=claim.claimed_at, **measured
    )
    if measured["cost_usd"]:
        _spend(claim.generation_id, measured["cost_usd"])


def _spend(generation_id: int, cost: Decimal) -> None:
    """A run whose budget is reached pauses, and says so."""
    wanting = Run.objects.filter(
        items__generation=generation_id, state__in=(Run.State.COLLECTING, Run.State.PAUSED)
    ).values_list("pk", flat=True)
    # In one order, so that two workers never wait for each other's rows.
    for pk in sorted(wanting):
        Run.objects.filter(pk=pk).update(spent_usd=F("spent_usd") + cost)
        run = Run.objects.get(pk=pk)
        if run.budget_usd is not None and run.spent_usd >= run.budget_usd and run.state == Run.State.COLLECTING:
            Run.objects.filter(pk=pk, state=Run.State.COLLECTING).update(
                state=Run.State.PAUSED,
                reason=f"Its budget of ${run.budget_usd:,.2f} is reached: ${run.spent_usd:,.2f} spent. "
                "Raise it to go on.",
            )
