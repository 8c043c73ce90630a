"""The pump whose calls are made in a process of their own, as a worker's are."""

from __future__ import annotations

import threading

import psutil
import pytest

from evals.collection.network_process import NetworkEndedError, NetworkProcess
from evals.collection.pump import Pump
from evals.models import Attempt, Generation
from tests.processes import wait_until
from tests.servers import ANSWER, OK, refuses
from tests.suites import states


@pytest.fixture
def reachable(suite, settings, monkeypatch):
    """What the test may reach, the process may."""

    def allow() -> None:
        monkeypatch.setenv("ARENA_OUTBOUND_ALLOW", ",".join(settings.ARENA_OUTBOUND_ALLOW))

    return allow


def children() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if any("network_process" in word for word in one.cmdline())]


def test_answers_and_failures_come_back_and_places_are_handed_over(suite, reachable):
    suite.tasks(7)
    works = suite.contender("works", suite.provider("works", lambda talk: talk.send(OK + ANSWER), max_concurrency=2))
    fails = suite.contender("fails", suite.provider("fails", refuses(401, "no such key"), max_concurrency=2))
    run = suite.run(works, fails)
    reachable()

    Pump(network=NetworkProcess).run(until_idle=True)

    assert sorted(states(run)) == ["done"] * 7 + ["failed"] * 7
    assert set(Generation.objects.filter(state="failed").values_list("error", flat=True)) == {"auth"}
    assert Attempt.objects.count() == 14
    assert max(Attempt.objects.values_list("in_flight", flat=True)) <= 2
    assert not Generation.objects.filter(ahead=True).exists()
    assert children() == []


@pytest.mark.on_both(because="a claim locks rows on PostgreSQL")
def test_calls_of_a_process_that_was_killed_are_lost_and_asked_for_again(suite, reachable):
    arrived, opens = threading.Event(), threading.Event()

    def hangs(talk):
        arrived.set()
        while not opens.is_set() and not talk.pause(0.02):
            pass
        talk.send(OK + ANSWER)

    suite.tasks(3)
    run = suite.run(suite.contender("slow", suite.provider("slow", hangs, max_concurrency=1)))
    reachable()

    def kill() -> None:
        arrived.wait()
        for one in children():
            one.kill()

    threading.Thread(target=kill).start()
    with pytest.raises(NetworkEndedError):
        Pump(network=NetworkProcess).run(until_idle=True)

    assert states(run) == ["waiting"] * 3
    assert list(Attempt.objects.values_list("error", flat=True)) == ["lost"]
    assert not Generation.objects.filter(ahead=True).exists()
    opens.set()
    Generation.objects.update(not_before=run.created_at)
    Pump(network=NetworkProcess).run(until_idle=True)
    assert states(run) == ["done"] * 3


def test_a_process_ends_with_its_worker(suite, reachable):
    with NetworkProcess(lambda result: None):
        (process,) = children()
    wait_until(lambda: not process.is_running(), "the process has ended")
