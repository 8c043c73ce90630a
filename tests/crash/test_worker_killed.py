"""A real worker, a real Valkey, a real SIGKILL: everything is done once, and nothing is lost."""

from __future__ import annotations

import signal
import threading
from typing import Any

import pytest

from evals.models import Attempt, Contender, Generation, Run
from evals.models.generations import ErrorCategory
from tests.processes import free_port, wait_until
from tests.servers import ANSWER, OK

pytestmark = [pytest.mark.crash, pytest.mark.django_db(transaction=True)]

# The promise to the outside: work of a killed worker is taken up again within this time.
TAKEN_UP_S = 30


@pytest.fixture
def model(suite):
    """A server whose calls hang until `model.opens` is set; the suite has one contender there."""
    model = HangingModel()
    provider = suite.provider("local", model.answer, max_concurrency=2)
    model.asked = suite.servers["local"].requests
    model.port = suite.servers["local"].port
    suite.contender("one", provider)
    suite.contender("two", provider)
    yield model
    model.opens.set()


class HangingModel:
    def __init__(self):
        self.opens = threading.Event()
        self.hanging = 0
        self.port = 0
        self.asked: list[dict[str, Any]] = []

    def answer(self, talk):
        if not self.opens.is_set():
            self.hanging += 1
            while not self.opens.is_set() and not talk.pause(0.05):
                pass
        talk.send(OK + ANSWER)


@pytest.fixture
def start_worker(processes, model):
    def start(**environment):
        return processes.python(
            *("-m", "celery", "-A", "arena", "worker"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            ARENA_OUTBOUND_ALLOW=f"127.0.0.1:{model.port}",
            LOG_LEVEL="INFO",
            **environment,
        )

    return start


def all_done():
    return not Generation.objects.exclude(state=Generation.State.DONE).exists()


@pytest.mark.runs_once(on="postgresql", because="its claims are locks on rows, which end with its connection")
def test_what_a_killed_worker_held_is_taken_up_by_another_and_everything_is_done_once(
    suite, model, processes, start_worker
):
    suite.tasks(5)
    worker = start_worker()
    command = processes.manage("collect", "--task-set", "suite", "--warm-up", "0", "--wait")
    wait_until(lambda: model.hanging == 2, "the worker is in the middle of two calls")
    held = set(Generation.objects.filter(state="running", ahead=False).values_list("pk", flat=True))
    assert len(held) == 2
    assert Generation.objects.filter(state="running", ahead=True).count() == 6

    worker.kill_group()
    model.opens.set()
    start_worker()
    lost = Attempt.objects.filter(error=ErrorCategory.LOST)
    wait_until(lambda: lost.count() == 2, "the lost calls are noticed", timeout=TAKEN_UP_S)
    wait_until(all_done, "everything is collected")

    assert set(lost.values_list("generation_id", flat=True)) == held
    for generation in Generation.objects.all():
        errors = list(generation.attempts.values_list("n", "error"))
        assert errors == ([(1, "lost"), (2, "")] if generation.pk in held else [(1, "")])
    assert Generation.objects.count() == 10
    assert len(model.asked) == 12
    assert command.popen.wait(timeout=60) == 0, command.output()
    assert "Done: 10 generations" in command.output()
    assert Run.objects.get().state == Run.State.DONE


def test_a_worker_finds_its_work_without_a_broker(suite, model, start_worker):
    suite.tasks(2)
    suite.run(*Contender.objects.all())
    model.opens.set()

    start_worker(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")

    wait_until(all_done, "a worker without a broker collects")
    wait_until(lambda: Run.objects.get().state == Run.State.DONE, "the run is done")
    assert Attempt.objects.count() == 4


def test_a_worker_told_to_end_finishes_its_calls_and_takes_no_more(suite, model, start_worker):
    suite.tasks(5)
    suite.run(*Contender.objects.all())
    worker = start_worker()
    wait_until(lambda: model.hanging == 2, "the worker is in the middle of two calls")

    worker.signal(signal.SIGTERM)
    wait_until(lambda: "shut" in worker.output().lower(), "the worker has heard")
    model.opens.set()

    assert worker.popen.wait(timeout=60) == 0, worker.output()
    assert list(Attempt.objects.values_list("error", flat=True)) == ["", ""]
    assert Generation.objects.filter(state="waiting").count() == 8
