"""Warm-up calls: a run may ask each contender something first that is not measured, so that loading a model counts as
nobody's latency.

A warm-up is a row (`RunWarmUp`), leased as generations are: each is made by one worker at a time, and if that worker
dies, another makes the calls that are left. `claiming` leaves a contender out while one of its warm-ups is open. Its
calls take places within the provider's limits, are stopped with their run, and cost money; their answers are not
stored.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connections, transaction
from django.db.models import F
from django.utils import timezone

from arena.leases import Leases, expired, live
from evals.collection.calls import ask_unmeasured
from evals.collection.claiming import active_runs, count_requests, room_at
from evals.collection.providers import back_off
from evals.collection.storing import CallFailure, CallOutcome, Claim, Result, spend, stop_at_unknown, tell_providers
from evals.models import Generation, Provider, Run, RunWarmUp
from evals.models.generations import ErrorCategory

__all__ = ["PROMPT", "WarmUpClaim", "WarmUps", "claim_warm_ups", "warm_up"]

log = logging.getLogger(__name__)

# Nothing of a task: a provider that caches prompts would answer that one faster.
PROMPT = [{"role": "user", "content": "Reply with the word “ready” and nothing else."}]

_LEASES = Leases(RunWarmUp, length=timedelta(seconds=20))
_STATE = RunWarmUp.State
# Of one process at once.
_MOST = 8
# After so many failures in a row the run begins without.
_ATTEMPTS = 3
# The model was there and did its work, which is all that was asked for.
_WARM = {ErrorCategory.EMPTY, ErrorCategory.NOT_TEXT, ErrorCategory.CONTENT_FILTER, ErrorCategory.TOO_LARGE}


@dataclass(frozen=True)
class WarmUpClaim:
    """The right to make one warm-up's calls and to record them."""

    warm_up_id: int
    token: UUID


def claim_warm_ups(*, most: int = _MOST, now: datetime | None = None) -> list[WarmUpClaim]:
    """Warm-ups of active runs that are due, leased to the caller, as far as the providers' limits leave room."""
    now = now or timezone.now()
    _recover_lost(now)
    due = RunWarmUp.objects.filter(run__in=active_runs(), state=_STATE.WAITING, not_before__lte=now)
    claims: list[WarmUpClaim] = []
    full: set[int] = set()
    for pk, provider_id in due.order_by("pk").values_list("pk", "contender__provider_id"):
        if len(claims) >= most:
            break
        if provider_id not in full:
            token = _claim(pk, provider_id, now)
            if token is None:
                full.add(provider_id)
            else:
                claims.append(WarmUpClaim(pk, token))
    return claims


@transaction.atomic
def _claim(pk: int, provider_id: int, now: datetime) -> UUID | None:
    # The lock under which generations are claimed, too.
    provider = Provider.objects.select_for_update(no_key=True).get(pk=provider_id)
    if provider.paused_until is not None and provider.paused_until > now:
        return None
    running = Generation.objects.filter(live(now), state=Generation.State.RUNNING, ahead=False)
    in_flight = running.filter(contender__provider=provider).count()
    in_flight += RunWarmUp.objects.filter(state=_STATE.RUNNING, contender__provider=provider).count()
    if room_at(provider, in_flight, now) <= 0:
        return None
    waiting = RunWarmUp.objects.filter(pk=pk, state=_STATE.WAITING)
    token = _LEASES.claim(waiting, now=now, state=_STATE.RUNNING, attempts_made=F("attempts_made") + 1)
    if token is not None:
        count_requests(provider, 1, now)
    return token


def _recover_lost(now: datetime) -> None:
    """Those of workers that died: what their last call cost is not known."""
    for row in RunWarmUp.objects.filter(expired(now), state=_STATE.RUNNING):
        assert row.lease_token is not None
        ended = row.attempts_made >= _ATTEMPTS
        recovered = _LEASES.finish(
            row.pk,
            row.lease_token,
            only_if=expired(now),
            state=_STATE.FAILED if ended else _STATE.WAITING,
            error=ErrorCategory.LOST,
            error_detail="its worker died",
            unpriced_calls=F("unpriced_calls") + 1,
            finished_at=now if ended else None,
        )
        if recovered:
            log.warning("Warm-up %d: its worker died.", row.pk)


def warm_up(claim: WarmUpClaim) -> None:
    """Makes the calls that are left, one after another. Blocks as long as they take."""
    row = RunWarmUp.objects.select_related("contender__provider").get(pk=claim.warm_up_id)
    outcome: CallOutcome | CallFailure | None = None
    while _may_go_on(claim) and row.calls_made < row.calls:
        outcome = ask_unmeasured(contender=row.contender, messages=PROMPT)
        if not _record(claim, row, outcome):
            return
        row.refresh_from_db(fields=["calls_made"])
        if not _is_warm(outcome):
            break
    _end(claim, row, outcome)


def _may_go_on(claim: WarmUpClaim) -> bool:
    return _LEASES.leased(claim.warm_up_id, claim.token).filter(run__in=active_runs()).exists()


@transaction.atomic
def _record(claim: WarmUpClaim, row: RunWarmUp, outcome: CallOutcome | CallFailure) -> bool:
    """Count a call and what it cost. False, and nothing written, if another worker has taken the warm-up over."""
    usd = outcome.cost.usd
    counted = _LEASES.leased(claim.warm_up_id, claim.token).update(
        calls_made=F("calls_made") + int(_is_warm(outcome)),
        spent_usd=F("spent_usd") + (usd or 0),
        unpriced_calls=F("unpriced_calls") + int(usd is None),
    )
    if not counted:
        return False
    # The provider before the run, as everywhere.
    now = timezone.now()
    result = Result(Claim(0, claim.token, now), outcome)
    tell_providers([(result, row.attempts_made, row.contender.provider_id)], now)
    if usd:
        # No measure of what an answer to a task costs.
        spend(row.run_id, usd, priced_calls=0)
    elif usd is None and isinstance(outcome, CallOutcome):
        stop_at_unknown(row.run_id, row.contender.slug)
    return True


def _end(claim: WarmUpClaim, row: RunWarmUp, outcome: CallOutcome | CallFailure | None) -> None:
    now = timezone.now()
    if row.calls_made >= row.calls:
        _LEASES.finish(row.pk, claim.token, state=_STATE.DONE, error="", error_detail="", finished_at=now)
        return
    if not isinstance(outcome, CallFailure):
        # The run is no longer active.
        stopped = Run.objects.filter(pk=row.run_id, state=Run.State.STOPPED).exists()
        state = _STATE.FAILED if stopped else _STATE.WAITING
        _LEASES.finish(row.pk, claim.token, state=state, attempts_made=F("attempts_made") - 1)
        return
    error = outcome.error
    wait = back_off(error.category, attempts_made=row.attempts_made, retry_after_s=error.retry_after_s)
    ended = wait is None or row.attempts_made >= _ATTEMPTS
    _LEASES.finish(
        row.pk,
        claim.token,
        state=_STATE.FAILED if ended else _STATE.WAITING,
        not_before=now + timedelta(seconds=0 if ended else wait or 0),
        error=error.category,
        error_detail=error.detail[:500],
        finished_at=now if ended else None,
    )
    log.info("A warm-up call to %s failed: %s.", row.contender.slug, error.detail)


def _is_warm(outcome: CallOutcome | CallFailure) -> bool:
    return isinstance(outcome, CallOutcome) or outcome.error.category in _WARM


class WarmUps:
    """The warm-ups that a pump is making, each in a thread of its own. `ended` is called in that thread."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended
        self._lock = threading.Lock()
        self._running: set[UUID] = set()

    @property
    def busy(self) -> bool:
        with self._lock:
            return bool(self._running)

    def start(self) -> None:
        """Begin those that are due."""
        for claim in claim_warm_ups(most=_MOST - len(self._running)):
            with self._lock:
                self._running.add(claim.token)
            threading.Thread(target=self._make, args=(claim,), name="warm-up", daemon=True).start()

    def renew(self) -> None:
        with self._lock:
            tokens = set(self._running)
        if tokens:
            _LEASES.renew(tokens)

    def _make(self, claim: WarmUpClaim) -> None:
        try:
            warm_up(claim)
        except Exception:
            # Its lease expires, and it is made again.
            log.exception("Warm-up %d failed.", claim.warm_up_id)
        finally:
            connections.close_all()
            # Within the lock: a pump that finds nothing under way has been told.
            with self._lock:
                self._running.discard(claim.token)
                self._ended()
