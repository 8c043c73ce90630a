"""Claims generations to ask for and records what became of them. Each is asked for by one worker at a time; none is
lost.

Work is a row. Generations that are `waiting` and due are claimed by an UPDATE that names the state they were seen in,
and leased for 20 s, renewed every 5 s (`arena.leases`). Every call ends in `store` and leaves an attempt. One that is
`running` with an expired lease first gets its lost attempt recorded and then waits again. A provider's row is locked
while its generations are claimed, so that its limits hold across any number of workers.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from math import ceil
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from arena.leases import FREED, Leases, expired, live
from evals.catalog.conversations import turns_asked
from evals.catalog.images.encoding import EncodedImage
from evals.catalog.images.storing import keep_rows
from evals.collection.providers import UNKNOWN, Cost, Lost, ProviderError, Reply, back_off
from evals.models import Attempt, Contender, Generation, Provider, Run, RunItem, RunWarmUp
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
    "active_runs",
    "claim",
    "claim_ahead",
    "claim_next",
    "count_requests",
    "hand_over",
    "recover_lost",
    "release",
    "room_at",
    "spend",
    "stop_at_unknown",
    "store",
    "tell_providers",
    "wanted",
    "work_is_due",
]

log = logging.getLogger(__name__)

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
_MANY = 10_000


def claim(*, most: int = _MANY, now: datetime | None = None) -> list[Claim]:
    """Generations to ask for, leased to the caller, at most so many; fewer, or none, if no more are due.

    Fair across contenders: each provider gives the oldest due generations of any of its contenders, as many as its
    limits leave room for. `start_run` creates them task by task, so the first pair to vote on is ready early, and a
    slow provider delays only its own contenders.
    """
    now = now or timezone.now()
    recover_lost(now=now)
    scope = _active_scope()
    claims: list[Claim] = []
    for provider_id in _providers_with_room(now, scope):
        if len(claims) < most:
            claims += _claim(provider_id, most - len(claims), now)
    return claims


def claim_ahead(room: Mapping[int, int], *, now: datetime | None = None) -> list[Claim]:
    """Generations that the caller asks for one by one as the results of its calls to their providers are stored, so
    that no place waits for a claim; at most so many for each provider. They count towards no limit, so the caller may
    claim them only for providers that it has calls in flight to. Providers with limits a minute and runs with a budget
    give none."""
    now = now or timezone.now()
    return [one for provider_id, most in sorted(room.items()) for one in _claim_ahead(provider_id, most, now)]


def claim_next(*, now: datetime | None = None) -> Claim | None:
    """One generation; None if nothing is due."""
    return next(iter(claim(most=1, now=now)), None)


def work_is_due(*, now: datetime | None = None) -> bool:
    """Whether anything could be claimed now, lost work included. Claims nothing."""
    now = now or timezone.now()
    lost = Generation.objects.filter(expired(now), state=_STATE.RUNNING)
    warm_ups = RunWarmUp.objects.filter(run__in=active_runs(), state=RunWarmUp.State.WAITING, not_before__lte=now)
    return lost.exists() or warm_ups.exists() or bool(_providers_with_room(now, _active_scope()))


def active_runs() -> QuerySet[Run]:
    """Runs whose generations are asked for now: collecting, and within budget."""
    return Run.objects.filter(Q(budget_usd__isnull=True) | Q(spent_usd__lt=F("budget_usd")), state=Run.State.COLLECTING)


@dataclass(frozen=True)
class _ActiveScope:
    """The active runs, and the range of ids that holds all their generations. Rows outside it are never read: a stopped
    run may have left thousands of them waiting."""

    runs: list[int]
    first: int
    last: int
    budgeted: bool
    # Contenders that are not asked before their warm-up has ended, and the calls of warm-ups by provider.
    warming: frozenset[int]
    warm_ups: Mapping[int, int]


def _active_scope() -> _ActiveScope:
    # Two index lookups per run; MIN and MAX in one query would read all of its items.
    items = RunItem.objects.filter(run=OuterRef("pk")).values("generation_id")
    rows = active_runs().annotate(
        first=Subquery(items.order_by("generation_id")[:1]), last=Subquery(items.order_by("-generation_id")[:1])
    )
    found = [row for row in rows.values_list("pk", "first", "last", "budget_usd") if row[1] is not None]
    return _ActiveScope(
        runs=[row[0] for row in found],
        first=min((row[1] for row in found), default=0),
        last=max((row[2] for row in found), default=0),
        budgeted=any(row[3] is not None for row in found),
        **_warm_ups({row[0] for row in found}),
    )


def _warm_ups(runs: Collection[int]) -> dict[str, Any]:
    rows = RunWarmUp.objects.filter(state__in=(RunWarmUp.State.WAITING, RunWarmUp.State.RUNNING))
    found = rows.values_list("run_id", "contender_id", "contender__provider_id", "state")
    under_way: Counter[int] = Counter()
    for run, _, provider, state in found:
        # Those of a run that was stopped meanwhile still take a place; those that wait for a place only name it.
        if state == RunWarmUp.State.RUNNING or run in runs:
            under_way[provider] += state == RunWarmUp.State.RUNNING
    return {"warming": frozenset(row[1] for row in found if row[0] in runs), "warm_ups": under_way}


def _due(contender: Any, scope: _ActiveScope, now: datetime) -> QuerySet[Generation]:
    """What a contender may be asked for, oldest first: one index lookup (`generation_of_contender`), however many
    generations wait."""
    return Generation.objects.filter(
        Exists(RunItem.objects.filter(run__in=scope.runs, generation=OuterRef("pk"))),
        contender=contender,
        state=_STATE.WAITING,
        not_before__lte=now,
        pk__range=(scope.first, scope.last),
    ).order_by("pk")


def _providers_with_room(now: datetime, scope: _ActiveScope) -> list[int]:
    """Those that may be asked for something that is due, by the age of what has waited longest."""
    if not scope.runs:
        return []
    in_flight = _in_flight(now)
    providers = Provider.objects.exclude(kind=Provider.Kind.IMPORTED).exclude(paused_until__gt=now)
    for provider_id, calls in scope.warm_ups.items():
        in_flight[provider_id] = in_flight.get(provider_id, 0) + calls
    open_ones = [one.pk for one in providers if room_at(one, in_flight.get(one.pk, 0), now) > 0]
    if not open_ones:
        return []
    rows = (
        Contender.objects.filter(provider__in=open_ones, runs__in=scope.runs)
        .exclude(pk__in=scope.warming)
        .annotate(next=Subquery(_due(OuterRef("pk"), scope, now).values("pk")[:1]))
        .values_list("provider_id", "next")
        .distinct()
    )
    oldest: dict[int, int] = {}
    for provider_id, due in rows:
        if due is not None:
            oldest[provider_id] = min(due, oldest.get(provider_id, due))
    return sorted(oldest, key=lambda provider_id: oldest[provider_id])


def _in_flight(now: datetime) -> dict[int, int]:
    asked = Generation.objects.filter(live(now), state=_STATE.RUNNING, ahead=False)
    rows = asked.values_list("contender__provider_id")
    return dict(rows.annotate(n=Count("pk")))


# Calls that found a provider down, one after another, until it is tried with one call at a time.
_DOWN = 3
# As much of a minute's requests may start at once; the rest follows at a pace at which no minute gets more than the
# limit, the burst included.
_BURST_S = 2.0


def room_at(provider: Provider, in_flight: int, now: datetime) -> int:
    """How many calls may start now: by calls at once, by requests and by tokens a minute."""
    most = 1 if provider.down_in_a_row >= _DOWN else provider.max_concurrency
    room = most - in_flight
    if provider.tokens_per_minute and provider.tokens_due_at and provider.tokens_due_at > now:
        return 0
    if provider.requests_per_minute:
        ahead = (max(provider.requests_due_at or now, now) - now).total_seconds()
        room = min(room, max(0, int((_BURST_S - ahead) / _pace_s(provider.requests_per_minute) + 1)))
    return max(room, 0)


def _pace_s(requests_per_minute: int) -> float:
    return (60 + _BURST_S) / requests_per_minute


@transaction.atomic
def _claim(provider_id: int, most: int, now: datetime) -> list[Claim]:
    provider = Provider.objects.select_for_update(no_key=True).get(pk=provider_id)
    if provider.paused_until is not None and provider.paused_until > now:
        return []
    in_flight = Generation.objects.filter(live(now), state=_STATE.RUNNING, ahead=False, contender__provider=provider)
    room = min(room_at(provider, in_flight.count(), now), most)
    if room <= 0:
        return []
    # Read again inside the transaction: a run may have been stopped, or its budget reached.
    scope = _active_scope()
    # Each place that becomes free is offered to a warm-up first.
    room = max(room - scope.warm_ups.get(provider.pk, 0), 0)
    due = _due_at(provider, room, scope, now)
    if scope.budgeted:
        due = _within_budget(due, scope)
    claims = _lease(due, now, ahead=False)
    if provider.requests_per_minute and claims:
        count_requests(provider, _requests(claims), now)
    return claims


def count_requests(provider: Provider, requests: int, now: datetime) -> None:
    """Towards its limit a minute. The caller holds the provider's row."""
    if provider.requests_per_minute:
        begins = max(provider.requests_due_at or now, now)
        pace = timedelta(seconds=_pace_s(provider.requests_per_minute))
        Provider.objects.filter(pk=provider.pk).update(requests_due_at=begins + pace * requests)


def _requests(claims: Sequence[Claim]) -> int:
    """A conversation takes one for each of its answers."""
    claimed = Generation.objects.filter(pk__in=[claim.generation_id for claim in claims])
    return sum(turns_asked(messages) or 1 for messages in claimed.values_list("task__messages", flat=True))


@transaction.atomic
def _claim_ahead(provider_id: int, most: int, now: datetime) -> list[Claim]:
    provider = Provider.objects.select_for_update(no_key=True).get(pk=provider_id)
    if provider.requests_per_minute or provider.tokens_per_minute or provider.down_in_a_row:
        return []
    if provider.paused_until is not None and provider.paused_until > now:
        return []
    scope = _active_scope()
    if scope.budgeted or provider.pk in scope.warm_ups:
        return []
    return _lease(_due_at(provider, most, scope, now), now, ahead=True)


def _due_at(provider: Provider, most: int, scope: _ActiveScope, now: datetime) -> list[int]:
    asked = Contender.objects.filter(provider=provider, runs__in=scope.runs).exclude(pk__in=scope.warming)
    asked_ids = asked.distinct().values_list("pk", flat=True)
    return sorted(pk for one in asked_ids for pk in _due(one, scope, now).values_list("pk", flat=True)[:most])[:most]


def _lease(due: list[int], now: datetime, *, ahead: bool) -> list[Claim]:
    if not due:
        return []
    # The provider's lock does not keep out a run that is stopped or an import that stores an answer just now.
    as_seen = Generation.objects.filter(pk__in=due, state=_STATE.WAITING, not_before__lte=now)
    token = LEASES.claim(
        as_seen, now=now, state=_STATE.RUNNING, not_before=now, ahead=ahead, attempts_made=F("attempts_made") + 1
    )
    if token is None:
        return []
    taken = Generation.objects.filter(pk__in=due, lease_token=token).order_by("pk").values_list("pk", flat=True)
    return [Claim(pk, token, now, ahead) for pk in taken]


@transaction.atomic
def release(claims: Sequence[Claim]) -> None:
    """Give back what was claimed ahead and not asked for: it waits as if it had never been claimed."""
    for token in {claim.token for claim in claims}:
        ids = [claim.generation_id for claim in claims if claim.token == token]
        Generation.objects.filter(pk__in=ids, lease_token=token, ahead=True).update(**_UNTOUCHED)


def wanted(claims: Sequence[Claim]) -> set[int]:
    """Those of these generations that a run still asks for."""
    items = RunItem.objects.filter(run__in=active_runs(), generation__in=[claim.generation_id for claim in claims])
    return set(items.values_list("generation_id", flat=True))


_UNTOUCHED: dict[str, Any] = FREED | {
    "state": _STATE.WAITING,
    "ahead": False,
    "attempts_made": F("attempts_made") - 1,
}


def _within_budget(due: list[int], scope: _ActiveScope) -> list[int]:
    """Without those that could take a run past its budget: each call in flight, warm-ups among them, counts as what one
    cost so far, and while that is not known, one call is made to learn it. Locks the runs, so that two workers do not
    spend the same money."""
    runs = Run.objects.select_for_update(no_key=True).filter(pk__in=scope.runs, budget_usd__isnull=False).order_by("pk")
    for run in runs:
        items = RunItem.objects.filter(run=run)
        mine = set(items.filter(generation__in=due).values_list("generation_id", flat=True))
        in_flight = items.filter(generation__state=_STATE.RUNNING).count() if mine else 0
        in_flight += RunWarmUp.objects.filter(run=run, state=RunWarmUp.State.RUNNING).count() if mine else 0
        kept = due_of_run = [pk for pk in due if pk in mine]
        if run.priced_calls:
            assert run.budget_usd is not None
            left = (run.budget_usd - run.spent_usd) / (run.spent_usd / run.priced_calls)
            kept = due_of_run[: max(ceil(left) - in_flight, 0)]
        elif mine and not Attempt.objects.filter(generation__run_items__run=run).exists():
            kept = due_of_run[: max(1 - in_flight, 0)]
        dropped = set(due_of_run) - set(kept)
        due = [pk for pk in due if pk not in dropped]
    return due


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
        rows = Generation.objects.filter(
            pk__in=[claim.generation_id for claim in successors],
            lease_token__in={claim.token for claim in successors},
            state=_STATE.RUNNING,
        )
        # Those whose lease has expired meanwhile may belong to another worker.
        if not successors or rows.update(ahead=False) == len(successors):
            return {claim.generation_id for claim in successors}
        return set(rows.values_list("pk", flat=True))


def _store(results: Mapping[int, Result], now: datetime, only_if: Q | None) -> int:
    rows = Generation.objects.select_for_update(no_key=True).filter(pk__in=results).order_by("pk")
    rows = rows if only_if is None else rows.filter(only_if)
    seen = [
        (pk, made, contender)
        for pk, token, made, contender in rows.values_list("pk", "lease_token", "attempts_made", "contender")
        if token == results[pk].claim.token
    ]
    asked = Contender.objects.filter(pk__in={contender for _, _, contender in seen})
    providers = dict(asked.values_list("pk", "provider"))
    held = {pk: (made, providers[contender]) for pk, made, contender in seen}
    keep_rows(image for pk in held for image in _images(results[pk]))
    written = {pk: _row(results[pk], made, now) for pk, (made, _) in held.items()}
    by_columns: dict[tuple[str, ...], list[list[Any]]] = {}
    for pk, row in written.items():
        by_columns.setdefault(tuple(row), []).append([pk, *row.values()])
    for columns, values in by_columns.items():
        update(Generation, columns, values)
    if held:
        # Providers before runs: a claim locks them in this order, too.
        tell_providers([(results[pk], made, provider) for pk, (made, provider) in held.items()], now)
        _record([results[pk] for pk in held])
    return len(held)


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


def recover_lost(*, now: datetime | None = None) -> int:
    """Record a lost attempt for each expired lease, and let its generation be asked for again."""
    now = now or timezone.now()
    lost = Generation.objects.filter(expired(now), state=_STATE.RUNNING)
    return sum(_recover(generation, now) for generation in list(lost[:100]))


def _recover(seen: Generation, now: datetime) -> bool:
    assert seen.lease_token is not None
    assert seen.lease_until is not None
    if seen.ahead:
        # It was never asked for.
        return bool(LEASES.leased(seen.pk, seen.lease_token).filter(expired(now), ahead=True).update(**_UNTOUCHED))
    error = Lost(f"its worker was last heard of 20 s before {seen.lease_until:%H:%M:%S} UTC")
    claim = Claim(seen.pk, seen.lease_token, claimed_at=seen.not_before)
    # Its worker may have renewed the lease since it was seen, or another worker may have recovered it.
    recovered = bool(store([Result(claim, CallFailure(error))], now=now, only_if=expired(now)))
    if recovered:
        log.warning("Generation %d: %s.", seen.pk, error.detail)
    return recovered


def tell_providers(ended: Sequence[tuple[Result, int, int]], now: datetime) -> None:
    """What the calls' results say of their providers: to pause, to be down or up again, and tokens used."""
    asked = Provider.objects.filter(pk__in={provider for _, _, provider in ended}).order_by("pk")
    for provider_id, down_before, limited in asked.values_list("pk", "down_in_a_row", "tokens_per_minute"):
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


def _record(results: Sequence[Result]) -> None:
    """Store the attempts, and add their costs to the runs that include their generations. The caller holds the
    generations' rows, so no other transaction can number their attempts."""
    ids = [result.claim.generation_id for result in results]
    last = dict(
        Attempt.objects.filter(generation_id__in=ids).values_list("generation_id").annotate(n=Max("n")).order_by()
    )
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


def _stop_at_unknown(generation_ids: Sequence[int]) -> None:
    """A run with a budget pauses at an answer whose cost is not known, unless somebody agreed to that."""
    if not generation_ids:
        return
    strict = Run.objects.filter(state=Run.State.COLLECTING, budget_usd__isnull=False, allow_unknown_costs=False)
    runs = list(strict.values_list("pk", flat=True))
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
