"""What became of the calls that were claimed: answers, failures and their costs, and what they say of their providers.

Every call ends in `store` and leaves an attempt. Nothing is written for a generation whose lease another worker has
taken over, and each row is freed, or its place handed over, in the transaction that stores its result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone

from arena.leases import FREED, Leases
from arena.statements import Statement, Update
from evals.catalog.images.encoding import EncodedImage
from evals.catalog.images.storing import keep_rows
from evals.collection.providers import UNKNOWN, Cost, ProviderError, Reply, back_off
from evals.collection.quarantine.cases import detected
from evals.models import Attempt, Contender, Generation, Provider, Run, RunItem
from evals.models.bulk import insert, update
from evals.models.generations import ErrorCategory

__all__ = [
    "LEASES",
    "PAUSING",
    "RENEW_EVERY_S",
    "CallFailure",
    "CallOutcome",
    "Claim",
    "Result",
    "hand_over",
    "spend",
    "stop_at_unknown",
    "store",
    "tell_providers",
]

LEASES = Leases(Generation, length=timedelta(seconds=20))
RENEW_EVERY_S = 5.0


@dataclass(frozen=True)
class Claim:
    """The right to ask for one generation and to record the result."""

    generation_id: int
    token: UUID
    claimed_at: datetime
    # To be asked for only once it has the place of another call to the same provider: see `hand_over`.
    ahead: bool = False


_STATE = Generation.State

# These errors concern the provider, not the request: its other generations wait too, instead of failing one by one.
PAUSING = {
    ErrorCategory.RATE_LIMITED,
    ErrorCategory.OVERLOADED,
    ErrorCategory.CONNECTION,
    ErrorCategory.TIMEOUT_CONNECT,
}
# It was not there, or not itself.
_DOWN_BY = {ErrorCategory.CONNECTION, ErrorCategory.TIMEOUT_CONNECT, ErrorCategory.PROVIDER_ERROR}


@dataclass(frozen=True)
class CallOutcome:
    """An answer with everything that is stored beside it."""

    reply: Reply
    cost: Cost
    checks: list[dict[str, Any]]
    refused: bool
    quarantine: str
    # Their files are kept already; their rows come with the generation's.
    images: tuple[EncodedImage, ...] = ()
    # Of a conversation, as `Generation.turns` keeps them.
    turns: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class CallFailure:
    error: ProviderError
    cost: Cost = UNKNOWN


@dataclass(frozen=True)
class Result:
    """What became of a claim. `began_at`: if later than the claim. `in_flight`: the worker's calls to this provider at
    once when this one began."""

    claim: Claim
    outcome: CallOutcome | CallFailure
    began_at: datetime | None = None
    in_flight: int | None = None


def store(results: Sequence[Result], *, now: datetime | None = None, only_if: Q | None = None) -> int:
    """Store answers and failures, and free their rows; how many. Nothing is written for a generation whose lease
    another worker has taken over."""
    now = now or timezone.now()
    with transaction.atomic():
        return _store({result.claim.generation_id: result for result in results}, now, only_if)


def hand_over(results: Sequence[Result], successors: Sequence[Claim], *, now: datetime | None = None) -> set[int]:
    """`store` the results, and give the places that they free to claims ahead: which generations hold one now, and may
    be asked for.

    In one transaction, so that a place is never free in between, and no call begins whose row does not say so. May be
    repeated if it is not known whether the transaction was committed.
    """
    now = now or timezone.now()
    with transaction.atomic():
        _store({result.claim.generation_id: result for result in results}, now, None)
        if not successors:
            return set()
        ids = [claim.generation_id for claim in successors]
        tokens = sorted({claim.token for claim in successors})
        # Those whose lease has expired meanwhile may belong to another worker.
        if _IN_PLACE.run(ids=ids, tokens=tokens, ahead=False) == len(successors):
            return set(ids)
        return set(_leased(ids, tokens).values_list("pk", flat=True))


def _leased(ids: Any, tokens: Any) -> QuerySet[Generation]:
    return Generation.objects.filter(pk__in=ids, lease_token__in=tokens, state=_STATE.RUNNING)


_IN_PLACE = Update(_leased, "ahead", lists=("ids", "tokens"))
_HELD = ("pk", "lease_token", "attempts_made", "contender")
_ENDED = Statement(
    lambda ids: Generation.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk").values_list(*_HELD),
    lists=("ids",),
)
_PROVIDERS = Statement(
    lambda contenders: Contender.objects.filter(pk__in=contenders).order_by().values_list("pk", "provider"),
    lists=("contenders",),
)


def _store(results: Mapping[int, Result], now: datetime, only_if: Q | None) -> int:
    if not results:
        return 0
    if only_if is None:
        rows = _ENDED.rows(ids=list(results))
    else:
        locked = Generation.objects.select_for_update(no_key=True).filter(only_if, pk__in=results).order_by("pk")
        rows = list(locked.values_list(*_HELD))
    seen = [(pk, made, contender) for pk, token, made, contender in rows if token == results[pk].claim.token]
    if not seen:
        return 0
    providers = dict(_PROVIDERS.rows(contenders=sorted({contender for _, _, contender in seen})))
    held = {pk: (made, providers[contender]) for pk, made, contender in seen}
    keep_rows(image for pk in held for image in _images(results[pk]))
    written = {pk: _row(results[pk], made, now) for pk, (made, _) in held.items()}
    by_columns: dict[tuple[str, ...], list[list[Any]]] = {}
    for pk, row in written.items():
        by_columns.setdefault(tuple(row), []).append([pk, *row.values()])
    for columns, values in by_columns.items():
        update(Generation, columns, values)
    if named := {pk: why for pk in held if (why := _quarantine(results[pk]))}:
        detected(named, at=now)
    # Providers before runs: a claim locks them in this order, too.
    tell_providers([(results[pk], made, provider) for pk, (made, provider) in held.items()], now)
    _record([results[pk] for pk in held])
    return len(held)


def _quarantine(result: Result) -> str:
    return "" if isinstance(result.outcome, CallFailure) else result.outcome.quarantine


def _images(result: Result) -> tuple[EncodedImage, ...]:
    return () if isinstance(result.outcome, CallFailure) else result.outcome.images


def _row(result: Result, attempts_made: int, now: datetime) -> dict[str, Any]:
    """What a generation's row becomes."""
    outcome = result.outcome
    if isinstance(outcome, CallFailure):
        error = outcome.error
        wait = back_off(error.category, attempts_made=attempts_made, retry_after_s=error.retry_after_s)
        return FREED | {
            "ahead": False,
            "state": _STATE.FAILED if wait is None else _STATE.WAITING,
            "not_before": now + timedelta(seconds=wait or 0),
            "error": error.category,
            "error_detail": error.detail,
            "finished_at": now if wait is None else None,
        }
    reply = outcome.reply
    return (
        FREED
        | _measured(result)
        | {
            "ahead": False,
            "gap_ms_p50": reply.gaps.p50,
            "gap_ms_p95": reply.gaps.p95,
            "chunks": reply.gaps.chunks,
            "state": _STATE.DONE,
            "text": reply.text,
            "thinking": reply.thinking,
            "finish_reason": reply.finish_reason,
            "tool_calls": [call.to_json() for call in reply.tool_calls],
            "images": [image.sha256 for image in outcome.images],
            "turns": outcome.turns,
            "error": "",
            "error_detail": "",
            "checks": outcome.checks,
            "refused": outcome.refused,
            "quarantine": outcome.quarantine,
            "finished_at": now,
        }
    )


def _measured(result: Result) -> dict[str, Any]:
    """The columns that generations and attempts have in common."""
    outcome = result.outcome
    told: Reply | ProviderError = outcome.error if isinstance(outcome, CallFailure) else outcome.reply
    return {
        "ttft_ms": told.ttft_ms,
        "latency_ms": told.latency_ms,
        "tokens_in": told.usage.tokens_in,
        "tokens_out": told.usage.tokens_out,
        "tokens_in_cached": told.usage.tokens_in_cached,
        "tokens_in_cache_written": told.usage.tokens_in_cache_written,
        "tokens_thinking": told.usage.tokens_thinking,
        "cost_usd": outcome.cost.usd,
        "cost_source": outcome.cost.source,
    }


_STATES = Statement(
    lambda ids: (
        Provider.objects.filter(pk__in=ids).order_by("pk").values_list("pk", "down_in_a_row", "tokens_per_minute")
    ),
    lists=("ids",),
)


def tell_providers(ended: Sequence[tuple[Result, int, int]], now: datetime) -> None:
    """What the calls' results say of their providers: to pause, to be down or up again, and tokens used."""
    asked = _STATES.rows(ids=sorted({provider for _, _, provider in ended}))
    for provider_id, down_before, limited in asked:
        mine = [(result, made) for result, made, provider in ended if provider == provider_id]
        errors = [(r.outcome.error, made) for r, made in mine if isinstance(r.outcome, CallFailure)]
        pauses = [
            max(back_off(error.category, attempts_made=made) or 0, error.retry_after_s or 0)
            for error, made in errors
            if error.category in PAUSING
        ]
        if pauses:
            _pause(provider_id, now + timedelta(seconds=max(pauses)))
        down = sum(error.category in _DOWN_BY for error, _ in errors)
        if down and down == len(mine):
            Provider.objects.filter(pk=provider_id).update(down_in_a_row=F("down_in_a_row") + down)
        elif down_before and len(errors) < len(mine):
            Provider.objects.filter(pk=provider_id).update(down_in_a_row=0)
        if limited:
            _take_tokens(provider_id, sum(_tokens(result) for result, _ in mine), now)


def _tokens(result: Result) -> int:
    measured = _measured(result)
    return (measured["tokens_in"] or 0) + (measured["tokens_out"] or 0)


def _take_tokens(provider_id: int, tokens: int, now: datetime) -> None:
    limited = Provider.objects.filter(pk=provider_id, tokens_per_minute__isnull=False)
    provider = limited.select_for_update(no_key=True).first() if tokens else None
    if provider is not None and provider.tokens_per_minute:
        begins = max(provider.tokens_due_at or now, now)
        limited.update(tokens_due_at=begins + timedelta(minutes=1) * (tokens / provider.tokens_per_minute))


def _pause(provider_id: int, until: datetime) -> None:
    """Never shortens a pause that another worker has set."""
    Provider.objects.filter(Q(paused_until__isnull=True) | Q(paused_until__lt=until), pk=provider_id).update(
        paused_until=until
    )


_LAST = Statement(
    lambda ids: (
        Attempt.objects.filter(generation__pk__in=ids).order_by().values_list("generation_id").annotate(n=Max("n"))
    ),
    lists=("ids",),
)


def _record(results: Sequence[Result]) -> None:
    """Store the attempts, and add their costs to the runs that include their generations. The caller holds the
    generations' rows, so no other transaction can number their attempts."""
    ids = [result.claim.generation_id for result in results]
    last = dict(_LAST.rows(ids=ids))
    rows = [
        {
            "generation_id": result.claim.generation_id,
            "n": last.get(result.claim.generation_id, 0) + 1,
            "started_at": result.began_at or result.claim.claimed_at,
            "in_flight": result.in_flight,
            **_measured(result),
            **_answered(result.outcome),
        }
        for result in results
    ]
    insert(Attempt, list(rows[0]), (list(row.values()) for row in rows))
    _spend({row["generation_id"]: row["cost_usd"] for row in rows if row["cost_usd"]})
    _stop_at_unknown([row["generation_id"] for row in rows if row["cost_usd"] is None and not row["error"]])


def _answered(outcome: CallOutcome | CallFailure) -> dict[str, Any]:
    if isinstance(outcome, CallFailure):
        error = outcome.error
        return {"status_code": error.status_code, "error": error.category.value, "error_detail": error.detail}
    return {"status_code": outcome.reply.status_code, "error": "", "error_detail": ""}


def _spend(costs: Mapping[int, Decimal]) -> None:
    """Add to the runs' spending; a run whose budget is reached pauses, with the reason."""
    items = RunItem.objects.filter(
        generation_id__in=costs, run__state__in=(Run.State.COLLECTING, Run.State.PAUSED)
    ).values_list("run_id", "generation_id")
    spent: dict[int, list[Decimal]] = defaultdict(list)
    for run_id, generation_id in items:
        spent[run_id].append(costs[generation_id])
    # In one order, so that two workers never deadlock.
    for pk in sorted(spent):
        spend(pk, sum(spent[pk], Decimal(0)), priced_calls=len(spent[pk]))


def spend(run_id: int, usd: Decimal, *, priced_calls: int) -> None:
    """`priced_calls` are those that say what the next call may cost."""
    Run.objects.filter(pk=run_id).update(spent_usd=F("spent_usd") + usd, priced_calls=F("priced_calls") + priced_calls)
    run = Run.objects.get(pk=run_id)
    if run.budget_usd is not None and run.spent_usd >= run.budget_usd and run.state == Run.State.COLLECTING:
        Run.objects.filter(pk=run_id, state=Run.State.COLLECTING).update(
            state=Run.State.PAUSED,
            reason=f"Its budget of ${run.budget_usd:,.2f} is reached: ${run.spent_usd:,.2f} spent. "
            "Raise the budget to continue.",
        )


_STRICT = Statement(
    lambda: (
        Run.objects.filter(state=Run.State.COLLECTING, budget_usd__isnull=False, allow_unknown_costs=False)
        .order_by()
        .values_list("pk", flat=True)
    )
)


def _stop_at_unknown(generation_ids: Sequence[int]) -> None:
    """A run with a budget pauses at an answer whose cost is not known, unless somebody agreed to that."""
    runs = _STRICT.rows() if generation_ids else []
    items = RunItem.objects.filter(run__in=runs, generation__in=generation_ids) if runs else RunItem.objects.none()
    for run_id, slug in dict(items.values_list("run_id", "generation__contender__slug")).items():
        stop_at_unknown(run_id, slug)


def stop_at_unknown(run_id: int, slug: str) -> None:
    strict = Run.objects.filter(pk=run_id, budget_usd__isnull=False, allow_unknown_costs=False)
    strict.filter(state=Run.State.COLLECTING).update(
        state=Run.State.PAUSED,
        reason=f"It is not known what an answer of {slug} cost, so the budget cannot be kept. Give {slug} a price, or "
        "change the budget and allow unknown costs; then resume.",
    )
