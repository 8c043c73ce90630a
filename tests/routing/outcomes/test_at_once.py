"""Many services at once, each a thread with a connection of its own: every outcome counts once, and nobody waits in a
circle."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from routing.models import OutcomeTally, ReportedOutcome
from routing.outcomes.batch import Outcome
from routing.outcomes.services import Stored, store, sweep
from tests.routing.outcomes.batches import assert_tallies_are_a_recount

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.on_both(because="batches race for the same rows")]

SERVICES = 8


def at_once(acts: list[Callable[[], Any]]) -> list[Any]:
    """Run the acts in threads that start together; raise what any of them raised."""
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        try:
            start.wait()
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result() for future in [pool.submit(run, act) for act in acts]]


def outcomes(n: int, *, seed: int, days_ago: int = 0) -> list[Outcome]:
    draw = random.Random(seed)
    return [
        Outcome(
            id=UUID(int=draw.getrandbits(128)),
            table_version=1,
            route_id=draw.choice(["chat", "code", "default"]),
            model=draw.choice("abc"),
            ok=draw.random() < 0.9,
            latency_ms=draw.lognormvariate(7, 1),
            tokens=draw.randrange(1000),
            cost_usd=0.25,
            at=timezone.now() - timedelta(days=days_ago),
        )
        for _ in range(n)
    ]


def told(batch: list[Outcome]) -> Callable[[], Stored]:
    return lambda: store(outcomes=batch, reported_by="token shop")


def test_copies_of_a_batch_at_once_are_one():
    batch = outcomes(100, seed=1)
    copies = [random.Random(n).sample(batch, len(batch)) for n in range(SERVICES)]
    answers = at_once([told(copy) for copy in copies])
    assert sum(answer.stored for answer in answers) == 100
    assert sum(answer.repeated for answer in answers) == 100 * (SERVICES - 1)
    assert ReportedOutcome.objects.count() == 100
    assert_tallies_are_a_recount()


def test_batches_that_share_outcomes_and_tallies_lose_and_double_nothing():
    """Their ids and tallies overlap in every order, and the first of each tally is made by one of many."""
    pool = outcomes(400, seed=2)
    mixed = [
        [random.Random(n).sample(pool, 60) for n in range(service * 5, service * 5 + 5)] for service in range(SERVICES)
    ]

    def serve(batches: list[list[Outcome]]) -> Callable[[], int]:
        return lambda: sum(told(batch)().stored for batch in batches)

    reported = {one.id for batches in mixed for batch in batches for one in batch}
    assert sum(at_once([serve(batches) for batches in mixed])) == len(reported)
    assert ReportedOutcome.objects.count() == len(reported)
    assert_tallies_are_a_recount()


def test_the_sweep_amid_batches_costs_no_tally():
    old = outcomes(500, seed=3, days_ago=40)
    told(old)()
    batches = [outcomes(50, seed=10 + n) for n in range(SERVICES)]
    at_once([lambda: sweep(now=timezone.now()), *(told(batch) for batch in batches)])
    assert ReportedOutcome.objects.count() == 50 * SERVICES
    assert sum(OutcomeTally.objects.values_list("requests", flat=True)) == 500 + 50 * SERVICES
