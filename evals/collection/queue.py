"""Claiming work, holding it, and writing what came of it: which generation is asked next, and by whom. Nobody asks
twice, nothing is lost.

Work is a row. `waiting` and due, it is claimed by an UPDATE that names the state it was seen in, and leased for 20 s,
renewed every 5 s. Every call ends in `finish` or `fail` and leaves an attempt. Whoever writes names the lease token:
after a takeover the token is another, the UPDATE meets no row, and nothing is written. `running` with a lease that ran
out first gets its lost attempt recorded and then waits again. A provider's row is locked while one of its generations
is claimed, so that its concurrency holds across any number of workers.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import Error, connection, transaction
from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from evals.collection.providers import Lost, ProviderError, Reply, back_off
from evals.models import Attempt, Contender, Generation, Provider, Run, RunItem
from evals.models.generations import ErrorCategory

__all__ = [
    "LEASE",
    "CallOutcome",
    "Claim",
    "active_runs",
    "claim_next",
    "fail",
    "finish",
    "recover_lost",
    "renew",
    "renewed",
    "work_is_due",
]

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=20)
_BEAT_S = 5.0


def renew(tokens: set[UUID]) -> int:
    """One UPDATE for all of them. Those taken over meanwhile have another token, and stay as they are."""
    return Generation.objects.filter(lease_token__in=tokens, state=Generation.State.RUNNING).update(
        lease_until=timezone.now() + LEASE
    )


@dataclass(frozen=True)
class Claim:
    """The right to ask for one generation, and to write what came of it."""

    generation_id: int
    token: UUID
    claimed_at: datetime


@contextmanager
def renewed(token: UUID) -> Iterator[None]:
    """Keeps this lease while the block runs, whatever it waits for."""
    _heart.add(token)
    try:
        yield
    finally:
        _heart.remove(token)


class _Heart:
    """One thread for all leases of this process; there only while there are any."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._tokens: set[UUID] = set()
        self._thread: threading.Thread | None = None

    def add(self, token: UUID) -> None:
        with self._lock:
            self._tokens.add(token)
            # A forked child has the object, but not the thread.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._beat, name="leases", daemon=True)
                self._thread.start()

    def remove(self, token: UUID) -> None:
        with self._lock:
            self._tokens.discard(token)
            self._lock.notify()

    def _beat(self) -> None:
        while True:
            with self._lock:
                # Ends early when the last lease goes; a lease that comes in between is young.
                self._lock.wait_for(lambda: not self._tokens, timeout=_BEAT_S)
                if not self._tokens:
                    self._thread = None
                    return
                tokens = set(self._tokens)
            try:
                renew(tokens)
            except Error:
                log.warning("Could not renew %d leases; trying again in %g s.", len(tokens), _BEAT_S, exc_info=True)
            finally:
                connection.close()


_heart = _Heart()

_STATE = Generation.State


# Others may be faster at every candidate we saw; then look again, but not forever.
_CLAIM_ROUNDS = 3


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


# These speak of the provider, not of the request: its other generations wait as well, instead of failing one by one.
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
def finish(*, claim: Claim, verdict: CallOutcome, now: datetime | None = None) -> bool:
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
