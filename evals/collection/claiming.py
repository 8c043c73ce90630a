"""Claims generations to ask for. Each is asked for by one worker at a time; none is lost.

Work is a row. Generations that are `waiting` and due are claimed by an UPDATE that names the state they were seen in,
and leased for 20 s, renewed every 5 s (`arena.leases`). One that is `running` with an expired lease first gets its lost
attempt recorded and then waits again. A provider's row is locked while its generations are claimed, so that its limits
hold across any number of workers.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from arena.leases import FREED, expired, live
from arena.statements import Statement
from evals.catalog.conversations import turns_asked
from evals.collection.providers import Lost
from evals.collection.storing import LEASES, CallFailure, Claim, Result, store
from evals.models import Attempt, Contender, Generation, Provider, Run, RunItem, RunWarmUp

__all__ = [
    "active_runs",
    "claim",
    "claim_ahead",
    "claim_next",
    "count_requests",
    "recover_lost",
    "release",
    "room_at",
    "wanted",
    "work_is_due",
]

log = logging.getLogger(__name__)

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


def _ranges() -> QuerySet[Run, tuple[Any, ...]]:
    # Two index lookups per run; MIN and MAX in one query would read all of its items.
    items = RunItem.objects.filter(run=OuterRef("pk")).values("generation_id")
    rows = active_runs().annotate(
        first=Subquery(items.order_by("generation_id")[:1]), last=Subquery(items.order_by("-generation_id")[:1])
    )
    return rows.values_list("pk", "first", "last", "budget_usd")


_RANGES = Statement(_ranges)
_WARM_UPS = Statement(
    lambda: RunWarmUp.objects.filter(state__in=(RunWarmUp.State.WAITING, RunWarmUp.State.RUNNING)).values_list(
        "run_id", "contender_id", "contender__provider_id", "state"
    )
)


def _active_scope() -> _ActiveScope:
    found = [row for row in _RANGES.rows() if row[1] is not None]
    return _ActiveScope(
        runs=[row[0] for row in found],
        first=min((row[1] for row in found), default=0),
        last=max((row[2] for row in found), default=0),
        budgeted=any(row[3] is not None for row in found),
        **_warm_ups({row[0] for row in found}),
    )


def _warm_ups(runs: Collection[int]) -> dict[str, Any]:
    found = _WARM_UPS.rows()
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
    if not scope.runs:
        return []
    asked = set(_ASKED.rows(provider=provider.pk, runs=scope.runs)) - scope.warming
    return sorted(pk for one in asked for pk in _due(one, scope, now).values_list("pk", flat=True)[:most])[:most]


_ASKED = Statement(
    lambda provider, runs: (
        Contender.objects.filter(provider=provider, runs__pk__in=runs)
        .distinct()
        .order_by()
        .values_list("pk", flat=True)
    ),
    lists=("runs",),
)


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
