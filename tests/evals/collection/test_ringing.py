"""The bell never makes anybody wait, and what it rings is heard."""

from __future__ import annotations

import socket

import pytest
from celery import current_app

from evals.collection import jobs
from evals.collection.jobs import pump
from evals.collection.wake import wake_workers
from tests.processes import free_port


@pytest.fixture
def broker(monkeypatch):
    def use(url):
        monkeypatch.setattr(current_app.conf, "broker_url", url)
        monkeypatch.setattr(current_app.conf, "broker_write_url", url)

    return use


def test_a_ring_leaves_that_many_messages(broker, valkey):
    broker(valkey)

    assert wake_workers(messages=3) is True

    with current_app.connection_for_read() as connection:
        queue = connection.SimpleQueue(current_app.conf.task_default_queue)
        heard = [queue.get(block=False) for _ in range(3)]
        for message in heard:
            message.ack()
        with pytest.raises(queue.Empty):
            queue.get(block=False)
    assert [message.headers["task"] for message in heard] == [pump.name] * 3


def test_nobody_listens(broker):
    broker(f"redis://127.0.0.1:{free_port()}/0")

    assert wake_workers() is False


def test_a_broker_that_accepts_and_says_nothing(broker):
    """Without limits of its own this would hang, not merely be slow."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        broker(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")

        assert wake_workers() is False


def test_the_job_is_known_under_the_name_that_is_rung(db):
    assert current_app.tasks["evals.jobs.pump"].name == pump.name
    assert current_app.main == "arena"
    assert jobs.pump() is None
