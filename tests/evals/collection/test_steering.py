"""Pause, resume, stop, retry, budgets; and when a run is over."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
from django.db import connections, transaction

from evals.collection.claiming import claim_next, work_is_due
from evals.collection.services import RunError, change_budget, pause, resume, retry_failed, settle, stop
from evals.models import Generation, Run
from tests.servers import ANSWER, refuses, says
from tests.suites import collect, collect_all, next_claim, states


def reloaded(run):
    return Run.objects.get(pk=run.pk)


def test_a_run_is_done_when_nothing_waits_or_flies(suite):
    suite.tasks(2)
    run = suite.run()
    claim = next_claim()
    collect(next_claim())
    assert settle() == 0
    collect(claim)

    assert settle() == 1
    assert reloaded(run).state == Run.State.DONE
    assert reloaded(run).finished_at is not None
    assert settle() == 0


@pytest.mark.on_both(because="two race for the same rows")
@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_reopened_at_this_moment_is_not_marked_as_done(suite):
    suite.provider("local", refuses(401))
    suite.task()
    run = suite.run()
    collect(next_claim())
    assert states(run) == ["failed"]
    reopened, counted = threading.Event(), []

    def settle_beside_it():
        reopened.wait(10)
        counted.append(settle())
        connections.close_all()

    thread = threading.Thread(target=settle_beside_it)
    thread.start()
    with transaction.atomic():
        assert retry_failed(run=run) == 1
        reopened.set()
        # Time for the other to look and to wait for us; too little of it makes the test weaker, never wrong.
        thread.join(0.5)
    thread.join(30)

    assert (counted, reloaded(run).state) == ([0], Run.State.COLLECTING)


def test_a_paused_run_is_not_claimed_and_what_flies_is_kept(suite):
    suite.tasks(2)
    run = suite.run()
    flying = next_claim()

    assert pause(run=run)
    assert not pause(run=run)

    assert not work_is_due()
    assert claim_next() is None
    assert collect(flying)
    assert states(run) == ["done", "waiting"]
    assert resume(run=run)
    assert collect_all() == 1


def test_a_stopped_run_stays_stopped_and_its_leftovers_wait_for_another_run(suite):
    suite.tasks(3)
    one = suite.contender()
    run = suite.run(one)
    collect(next_claim())

    assert stop(run=run)

    assert not resume(run=run)
    assert claim_next() is None
    assert settle() == 0
    assert (reloaded(run).state, states(run)) == (Run.State.STOPPED, ["done", "waiting", "waiting"])
    again = suite.run(one)
    assert collect_all() == 2
    assert states(again) == ["done"] * 3


def test_a_paused_run_does_not_hold_up_another_that_wants_the_same(suite):
    suite.task()
    one = suite.contender()
    first, second = suite.run(one), suite.run(one)
    pause(run=first)

    assert collect_all() == 1
    assert states(second) == ["done"]


class TestBudget:
    """Each answer costs $0.017."""

    @pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
    def test_nothing_is_claimed_once_it_is_reached_and_the_run_says_why(self, suite):
        suite.tasks(5)
        run = suite.run(suite.priced(), budget_usd=Decimal("0.03"))

        assert collect_all() == 2

        run = reloaded(run)
        assert (run.state, run.spent_usd) == (Run.State.PAUSED, Decimal("0.034"))
        assert run.reason == "Its budget of $0.03 is reached: $0.03 spent. Raise the budget to continue."

    def test_failed_calls_are_spent_too(self, suite):
        suite.tasks(2)
        suite.run(suite.priced(provider=suite.provider("flaky", refuses(500), says(ANSWER))))

        collect_all()

        assert Run.objects.get().spent_usd == Decimal("0.017")

    def test_it_is_shared_by_contenders_and_counted_for_each_run(self, suite):
        suite.task()
        one, two = suite.priced("one"), suite.priced("two")
        first, second = suite.run(one, two), suite.run(one)

        collect_all()

        assert reloaded(first).spent_usd == Decimal("0.034")
        assert reloaded(second).spent_usd == Decimal("0.017")

    def test_what_was_collected_before_is_not_spent_again(self, suite):
        suite.task()
        one = suite.priced()
        suite.run(one)
        collect_all()

        assert suite.run(one).spent_usd == 0

    def test_raising_it_goes_on_and_resuming_without_does_not(self, suite):
        suite.tasks(3)
        run = suite.run(suite.priced(), budget_usd=Decimal("0.01"))
        collect_all()

        with pytest.raises(RunError, match="Raise the budget"):
            resume(run=run)
        change_budget(run=run, budget_usd=Decimal("0.02"))

        assert reloaded(run).state == Run.State.COLLECTING
        assert collect_all() == 1
        change_budget(run=run, budget_usd=None)
        assert collect_all() == 1
        assert settle() == 1

    @pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
    def test_lowering_it_below_what_is_spent_pauses(self, suite):
        suite.tasks(3)
        run = suite.run(suite.priced(), budget_usd=Decimal(1))
        collect(next_claim())

        change_budget(run=run, budget_usd=Decimal("0.01"))

        assert reloaded(run).state == Run.State.PAUSED
        assert claim_next() is None

    def test_a_pause_by_hand_outlives_a_change_of_budget(self, suite):
        suite.task()
        run = suite.run(suite.priced(), budget_usd=Decimal(1))
        pause(run=run)

        change_budget(run=run, budget_usd=Decimal(2))

        assert reloaded(run).state == Run.State.PAUSED

    def test_a_run_that_ends_on_its_last_cent_is_done(self, suite):
        suite.task()
        run = suite.run(suite.priced(), budget_usd=Decimal("0.01"))
        collect_all()

        settle()

        assert reloaded(run).state == Run.State.DONE


class TestRetry:
    def failing(self, suite, *statuses):
        scripts = [refuses(status) for status in statuses]
        suite.tasks(len(statuses))
        run = suite.run(suite.contender(provider=suite.provider("bad", *scripts, says(ANSWER))))
        assert collect_all() == len(statuses)
        settle()
        return run

    def test_what_failed_for_good_is_asked_again_with_a_new_allowance(self, suite):
        run = self.failing(suite, 401, 404)
        assert reloaded(run).state == Run.State.DONE

        assert retry_failed(run=run) == 2

        assert reloaded(run).state == Run.State.COLLECTING
        assert reloaded(run).finished_at is None
        assert collect_all() == 2
        assert states(run) == ["done", "done"]
        attempts = Generation.objects.order_by("pk")[0].attempts.values_list("n", "error")
        assert list(attempts) == [(1, "auth"), (2, "")]

    def test_one_cause_alone(self, suite):
        run = self.failing(suite, 401, 404)

        assert retry_failed(run=run, errors=["auth"]) == 1

        assert states(run) == ["waiting", "failed"]

    def test_nothing_failed_changes_nothing(self, suite):
        suite.task()
        run = suite.run()
        collect_all()
        settle()

        assert retry_failed(run=run) == 0
        assert reloaded(run).state == Run.State.DONE

    def test_not_beyond_the_budget(self, suite):
        suite.tasks(2)
        provider = suite.provider("bad", refuses(401), says(ANSWER))
        run = suite.run(suite.priced(provider=provider), budget_usd=Decimal("0.01"))
        collect_all()

        with pytest.raises(RunError, match="Raise the budget"):
            retry_failed(run=run)
