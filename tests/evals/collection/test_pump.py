"""The pump keeps its places filled and its providers' limits, and gives back what it need not ask."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection, connections
from django.utils import timezone

from evals.collection.claiming import claim, claim_ahead, claim_next, recover_lost
from evals.collection.network import FAILED, Network
from evals.collection.pump import Pump
from evals.collection.services import stop
from evals.collection.storing import Result, hand_over
from evals.models import Attempt, Generation, Provider
from tests.processes import wait_until
from tests.servers import ANSWER, OK, refuses, says
from tests.suites import collect, states

pytestmark = pytest.mark.on_both(because="a claim locks rows on PostgreSQL")


def pump_until_idle(**options):
    Pump(**options).run(until_idle=True)


class Counting:
    """A server that knows how many calls it had at once."""

    def __init__(self):
        self.flying = self.most = 0
        self.lock = threading.Lock()

    def __call__(self, talk):
        with self.lock:
            self.flying += 1
            self.most = max(self.most, self.flying)
        talk.pause(0.03)
        with self.lock:
            self.flying -= 1
        talk.send(OK + ANSWER)


def test_a_call_that_ends_hands_its_place_to_the_next_and_no_more_are_made_at_once(suite):
    counting = Counting()
    suite.tasks(12)
    run = suite.run(suite.contender("one", suite.provider("narrow", counting, max_concurrency=3)))

    pump_until_idle()

    assert states(run) == ["done"] * 12
    assert counting.most <= 3
    assert max(Attempt.objects.values_list("in_flight", flat=True)) <= 3
    assert not Generation.objects.filter(ahead=True).exists()
    # Asked for after others had ended, and so later than claimed.
    began = Attempt.objects.order_by("started_at").values_list("started_at", flat=True)
    assert len(set(began)) == 12


@pytest.mark.django_db(transaction=True)
def test_what_was_asked_for_and_is_not_stored_never_takes_more_than_the_places(suite):
    asked = most_unstored = 0

    class Watched(Network):
        """Called by the pump's thread alone: the rows do not move meanwhile."""

        def ask(self, calls):
            nonlocal asked, most_unstored
            assert not connection.in_atomic_block, "what the rows say is committed"
            ids = [call.claim.generation_id for call in calls]
            assert Generation.objects.filter(pk__in=ids, state="running", ahead=False).count() == len(ids)
            asked += len(ids)
            most_unstored = max(most_unstored, asked - Attempt.objects.count())
            super().ask(calls)

    suite.tasks(20)
    provider = suite.provider("narrow", *[says(ANSWER), refuses(400)] * 3, says(ANSWER), max_concurrency=3)
    run = suite.run(suite.contender("one", provider))

    pump_until_idle(network=Watched)

    assert most_unstored == 3
    assert sorted(states(run)) == ["done"] * 17 + ["failed"] * 3
    assert len(suite.servers["narrow"].requests) == asked == 20, "nothing is asked for by another way"


def test_a_place_is_handed_over_with_the_result_and_only_to_a_claim_that_still_holds(suite):
    suite.tasks(4)
    provider = suite.provider("narrow", max_concurrency=2)
    suite.run(suite.contender("one", provider))
    first, second = claim()
    kept, taken_over = claim_ahead({provider.pk: 2})
    ended = [Result(one, FAILED) for one in (first, second)]
    Generation.objects.filter(pk=taken_over.generation_id).update(lease_token=uuid4())

    assert hand_over(ended, [kept, taken_over]) == {kept.generation_id}
    assert hand_over(ended, [kept, taken_over]) == {kept.generation_id}, "repeated, it changes nothing"

    assert list(Generation.objects.order_by("pk").values_list("state", "ahead")) == [
        *[("waiting", False)] * 2,
        ("running", False),
        ("running", True),
    ]
    assert Attempt.objects.count() == 2


def test_a_pump_makes_no_more_calls_at_once_than_it_is_told(suite):
    counting = Counting()
    suite.tasks(6)
    suite.run(suite.contender("one", suite.provider("wide", counting)))

    pump_until_idle(most=2)

    assert counting.most <= 2
    assert Attempt.objects.count() == 6


def test_what_was_claimed_ahead_waits_again_when_the_provider_pauses(suite):
    suite.tasks(5)
    provider = suite.provider("busy", refuses(429, "slow down", Retry_After="60"), max_concurrency=1)
    run = suite.run(suite.contender("one", provider))

    pump_until_idle()

    assert Attempt.objects.count() == 1
    assert states(run) == ["waiting"] * 5
    assert sorted(Generation.objects.values_list("attempts_made", flat=True)) == [0, 0, 0, 0, 1]
    assert not Generation.objects.filter(ahead=True).exists()


@pytest.mark.django_db(transaction=True)
def test_a_stopped_run_ends_with_the_calls_in_flight(suite):
    opens = threading.Event()

    def hangs(talk):
        while not opens.is_set() and not talk.pause(0.02):
            pass
        talk.send(OK + ANSWER)

    suite.tasks(6)
    run = suite.run(suite.contender("one", suite.provider("slow", hangs, max_concurrency=2)))
    pump = Pump()
    thread = threading.Thread(target=run_and_close, args=(pump,), daemon=True)
    thread.start()
    wait_until(lambda: len(suite.servers["slow"].requests) == 2, "two calls are in flight")
    wait_until(lambda: Generation.objects.filter(ahead=True).count() == 4, "the others wait ahead")

    stop(run=run)
    wait_until(lambda: not Generation.objects.filter(ahead=True).exists(), "what was ahead is given back")
    opens.set()
    wait_until(lambda: Attempt.objects.count() == 2, "the calls in flight are stored")
    pump.stop()
    thread.join()

    assert sorted(states(run)) == ["done", "done", "waiting", "waiting", "waiting", "waiting"]
    assert len(suite.servers["slow"].requests) == 2


def run_and_close(pump):
    try:
        pump.run()
    finally:
        connections.close_all()


def test_a_lost_claim_ahead_is_no_lost_call(suite):
    suite.tasks(2)
    run = suite.run(suite.contender("one", suite.provider("narrow", max_concurrency=1)))
    [first], [second] = claim(), claim_ahead({Provider.objects.get().pk: 5})
    assert (first.ahead, second.ahead) == (False, True)

    assert recover_lost(now=timezone.now() + timedelta(minutes=1)) == 2

    assert states(run) == ["waiting", "waiting"]
    assert [(one.generation_id, one.error) for one in Attempt.objects.all()] == [(first.generation_id, "lost")]
    assert Generation.objects.get(pk=second.generation_id).attempts_made == 0


def test_requests_a_minute_are_spread(suite):
    suite.tasks(20)
    provider = suite.provider("limited", requests_per_minute=60)
    suite.run(suite.contender("one", provider))
    start = timezone.now()

    began = [len(claim(now=start + timedelta(seconds=at))) for at in range(11)]

    assert claim_ahead({provider.pk: 9}) == []
    assert began == [2, *[1] * 10]


def test_no_minute_gets_more_requests_than_the_limit(suite):
    suite.tasks(25)
    suite.run(suite.contender("one", suite.provider("limited", requests_per_minute=12)))
    start = timezone.now()

    began = [len(claim(now=start + timedelta(seconds=at))) for at in range(120)]

    assert max(sum(began[at : at + 60]) for at in range(61)) == 12


def test_tokens_a_minute_are_taken_as_they_are_counted(suite):
    suite.tasks(4)
    suite.run(suite.contender("one", suite.provider("limited", tokens_per_minute=17)))
    start = timezone.now()

    collect(claim_next(now=start))  # 12 + 5 tokens: a whole minute's

    assert claim(now=start + timedelta(seconds=50)) == []
    assert len(claim(now=start + timedelta(seconds=70))) == 3


def test_a_provider_that_is_down_is_tried_with_one_call_until_it_answers(suite):
    suite.tasks(8)
    provider = suite.provider("shaky", *[refuses(500)] * 3, says(ANSWER), max_concurrency=4)
    suite.run(suite.contender("one", provider))
    for one in claim(most=3):
        collect(one)

    alone = claim()
    assert (len(alone), claim()) == (1, [])
    collect(alone[0])

    assert len(claim()) == 4
    assert Provider.objects.get(pk=provider.pk).down_in_a_row == 0


def test_calls_in_flight_count_towards_a_budget(suite):
    suite.tasks(9)
    run = suite.run(suite.priced("one"), budget_usd=Decimal("0.08"))
    first = claim()
    assert len(first) == 1, "what a call costs is not known yet"
    collect(first[0])  # $0.017

    assert len(claim()) == 4, "four more reach the budget"
    assert claim() == []
    run.refresh_from_db()
    assert run.priced_calls == 1
