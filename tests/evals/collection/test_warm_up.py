"""Warm-up calls: made first, once, by one worker; paid for, and measured by nobody."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from evals.collection.claiming import claim, claim_next, work_is_due
from evals.collection.pump import Pump
from evals.collection.queries.runs import run_view
from evals.collection.services import RunError, pause, resume, retry_failed, settle, stop
from evals.collection.warm_up import claim_warm_ups, warm_up
from evals.models import Attempt, Generation, Provider, Run, RunWarmUp
from tests.servers import ANSWER, refuses, says
from tests.suites import collect, collect_all, next_claim, states

pytestmark = pytest.mark.django_db


def make_warm_ups(**options):
    claims = claim_warm_ups(**options)
    for one in claims:
        warm_up(one)
    return len(claims)


def test_a_contender_is_asked_when_its_warm_up_has_ended_and_others_meanwhile(suite):
    suite.tasks(2)
    cold, warm = suite.contender("cold"), suite.contender("warm", suite.provider("cloud", locality="hosted"))
    run = suite.run(cold, warm, warm_up_calls=None)
    assert [(row.contender, row.calls) for row in RunWarmUp.objects.all()] == [(cold, 1)]
    assert collect_all() == 2
    assert set(Generation.objects.filter(state="done").values_list("contender__slug", flat=True)) == {"warm"}
    assert {row.slug: row.warm_up for row in run_view(run).rows} == {"cold": "warms up first", "warm": ""}
    assert work_is_due()

    assert make_warm_ups() == 1

    assert collect_all() == 2
    assert states(run) == ["done"] * 4
    asked = suite.servers["local"].requests
    assert ["ready" in str(one["messages"]) for one in asked] == [True, False, False]


def test_it_costs_money_and_is_measured_by_nobody(suite):
    suite.task()
    run = suite.run(suite.priced(), warm_up_calls=2)

    make_warm_ups()

    run.refresh_from_db()
    assert (run.spent_usd, run.priced_calls, Attempt.objects.count()) == (Decimal("0.034"), 0, 0)
    row = RunWarmUp.objects.get()
    assert (row.state, row.calls_made, row.spent_usd, row.unpriced_calls) == ("done", 2, Decimal("0.034"), 0)
    collect_all()
    [line] = run_view(run).rows
    assert line.spent_usd == Decimal("0.051")
    assert Attempt.objects.count() == 1


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_what_a_warm_up_cost_stays_unknown(suite):
    suite.task()
    run = suite.run(suite.contender(), warm_up_calls=1)

    make_warm_ups()

    assert RunWarmUp.objects.get().unpriced_calls == 1
    assert run_view(run).rows[0].spent_usd is None


def test_it_is_made_by_one_worker_and_by_the_next_if_that_one_dies(suite):
    suite.task()
    suite.run(suite.priced(), warm_up_calls=1)
    [dead] = claim_warm_ups()
    assert claim_warm_ups() == []
    later = timezone.now() + timedelta(seconds=21)

    [again] = claim_warm_ups(now=later)

    warm_up(dead)
    assert RunWarmUp.objects.get().state == "running"
    assert claim_next() is None
    warm_up(again)
    row = RunWarmUp.objects.get()
    assert (row.state, row.attempts_made, row.spent_usd) == ("done", 2, Decimal("0.017"))
    # What the dead worker's call cost is not known.
    assert row.unpriced_calls == 1
    assert claim_next() is not None


def test_a_failure_ends_the_wait(suite):
    suite.task()
    suite.run(suite.contender(provider=suite.provider("bad", refuses(401))), warm_up_calls=1)

    make_warm_ups()

    row = RunWarmUp.objects.get()
    assert (row.state, row.error) == ("failed", "auth")
    assert claim_next() is not None


def test_one_that_is_tried_again_waits_as_generations_do(suite):
    suite.task()
    suite.run(suite.contender(provider=suite.provider("flaky", refuses(500), says(ANSWER))), warm_up_calls=1)

    make_warm_ups()

    row = RunWarmUp.objects.get()
    assert (row.state, row.error, row.not_before > timezone.now()) == ("waiting", "provider_error", True)
    assert claim_next() is None
    assert make_warm_ups(now=row.not_before) == 1
    assert RunWarmUp.objects.get().state == "done"


def test_it_takes_a_place_within_the_providers_limits(suite):
    suite.tasks(2)
    provider = suite.provider(max_concurrency=1)
    one, two = suite.contender("one", provider), suite.contender("two", provider)
    suite.run(one, warm_up_calls=0)
    suite.run(two, warm_up_calls=1)
    [claimed] = claim_warm_ups()
    assert claim_next() is None

    warm_up(claimed)

    assert claim_next() is not None
    suite.run(suite.contender("three", provider), warm_up_calls=1)
    assert claim_warm_ups() == []


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_it_waits_with_its_run_and_ends_with_it(suite):
    suite.task()
    run = suite.run(suite.contender(), warm_up_calls=1)
    pause(run=run)
    assert claim_warm_ups() == []
    resume(run=run)
    [claimed] = claim_warm_ups()
    pause(run=run)
    warm_up(claimed)
    assert suite.servers["local"].requests == []
    assert RunWarmUp.objects.get().state == "waiting"

    stop(run=run)

    assert RunWarmUp.objects.get().state == "failed"


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_what_is_retried_later_warms_up_again_and_what_is_linked_does_not(suite):
    suite.task()
    one = suite.contender(provider=suite.provider("bad", says(ANSWER), refuses(404), says(ANSWER)))
    run = suite.run(one, warm_up_calls=1)
    make_warm_ups()
    collect_all()
    settle()
    assert RunWarmUp.objects.get().state == "done"

    retry_failed(run=run)

    assert RunWarmUp.objects.get().state == "waiting"
    make_warm_ups()
    collect_all()
    assert not suite.run(one, warm_up_calls=1).warm_ups.exists()


def test_a_number_of_calls_that_is_refused(suite):
    suite.task()
    with pytest.raises(RunError, match="between 0 and 5"):
        suite.run(suite.contender(), warm_up_calls=6)


@pytest.mark.django_db(transaction=True)
def test_the_pump_warms_up_and_goes_on(suite):
    suite.tasks(3)
    run = suite.run(suite.priced(), suite.priced("two"), warm_up_calls=1)
    Provider.objects.update(max_concurrency=2)

    Pump().run(until_idle=True)

    run.refresh_from_db()
    assert run.state == Run.State.DONE
    assert run.spent_usd == 8 * Decimal("0.017")
    assert set(RunWarmUp.objects.values_list("state", "calls_made")) == {("done", 1)}


def test_a_warm_up_in_flight_counts_towards_the_budget(suite):
    suite.tasks(4)
    suite.provider("other")
    cold, warm = suite.priced("cold"), suite.priced("warm", provider=Provider.objects.get(slug="other"))
    run = suite.run(cold, warm, budget_usd=Decimal("0.06"), warm_up_calls=1)
    RunWarmUp.objects.filter(contender=warm).update(state="done", finished_at=timezone.now())
    assert collect(next_claim())  # $0.017: three more calls are within the budget
    run.refresh_from_db()
    assert run.priced_calls == 1
    assert len(claim_warm_ups()) == 1

    assert len(claim()) == 2
