"""Many threads on one database, each with its own connection: nothing twice, nothing lost, nobody over a limit."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.db.models import Count

from evals.collection.claiming import claim_next
from evals.collection.pump import Pump
from evals.models import Attempt, Generation, Run
from tests.servers import ANSWER, OK, says

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.on_both(because="workers race for the same rows")]

WORKERS = 8


def pump_until_idle():
    Pump().run(until_idle=True)


def in_threads(work):
    """Runs `work()` in each of several threads at once; their results."""
    start = threading.Barrier(WORKERS)

    def one(_):
        start.wait()
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(one, range(WORKERS)))


def claim_all():
    claims = []
    while (claim := claim_next()) is not None:
        claims.append(claim)
    return claims


def test_no_generation_is_claimed_twice_and_none_is_left(suite):
    suite.tasks(20)
    suite.run(suite.contender("one"), suite.contender("two"))
    suite.provider("other")

    claimed = Counter(claim.generation_id for claims in in_threads(claim_all) for claim in claims)

    assert set(claimed.values()) == {1}
    assert len(claimed) == 40


def test_a_provider_never_gets_more_calls_at_once_than_it_allows(suite):
    flying, most, lock = 0, 0, threading.Lock()

    def count(talk):
        nonlocal flying, most
        with lock:
            flying += 1
            most = max(most, flying)
        talk.pause(0.02)
        with lock:
            flying -= 1
        talk.send(OK + ANSWER)

    suite.tasks(12)
    provider = suite.provider("narrow", count, max_concurrency=3)
    run = suite.run(suite.contender("one", provider), suite.contender("two", provider))

    # A worker that finds the provider full goes home; its bell would bring it back.
    while Generation.objects.exclude(state="done").exists():
        in_threads(pump_until_idle)

    assert most <= 3
    assert Attempt.objects.count() == 24
    run.refresh_from_db()
    assert run.state == Run.State.DONE


def test_pumps_collect_everything_once_and_settle_the_run(suite):
    suite.tasks(10)
    flaky = suite.provider("flaky", says(ANSWER))
    run = suite.run(suite.priced("one", provider=flaky), suite.priced("two", provider=flaky))

    in_threads(pump_until_idle)

    run.refresh_from_db()
    assert run.state == Run.State.DONE
    assert float(run.spent_usd) == pytest.approx(20 * 0.017)
    assert len(suite.servers["flaky"].requests) == 20
    assert not Generation.objects.annotate(n=Count("attempts")).exclude(n=1).exists()
