"""What machines are told: alive, ready, how much; and who may ask for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from django_q.models import Schedule

from tests.processes import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _asked_anew(db: None) -> None:
    """The schedules are as old as the database, which has been there since the session began."""
    cache.clear()
    Schedule.objects.update(next_run=timezone.now())


@pytest.fixture
def no_broker(settings) -> None:
    settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{free_port()}/0"


def test_alive_costs_no_query_and_asks_for_no_name(client: Client, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/healthz", headers={"host": "10.9.8.7"})
    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert client.post("/healthz").status_code == 405


def test_not_ready_says_which_part_is_missing(client: Client, no_broker: None) -> None:
    answer = client.get("/readyz", headers={"host": "10.9.8.7"})
    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "database": "ok",
        "broker": "no answer: see REDIS_URL",
        "workers": "unknown while the broker is away",
        "chores": "ok",
    }


def test_a_broker_without_workers_is_not_ready(client: Client, valkey: str, settings) -> None:
    settings.CELERY_BROKER_URL = valkey
    answer = client.get("/readyz").json()
    assert answer["broker"] == "ok"
    assert answer["workers"] != "ok"


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_schedule_nobody_takes_up_means_that_no_cluster_runs(client: Client, no_broker: None) -> None:
    Schedule.objects.create(func="evals.leaderboards.chores.sweep", next_run=timezone.now() - timedelta(minutes=5))
    assert "manage.py qcluster" in client.get("/readyz").json()["chores"]


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_metrics_count_what_is_left_to_do(client: Client) -> None:
    text = client.get("/metrics").content.decode()
    for line in ('arena_generations{state="waiting"} 0.0', "arena_votes_total 0.0", "arena_chores_queued"):
        assert line in text
    assert "django_http_requests_total" in text


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("203.0.113.9", {}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, 403),
        ("203.0.113.9", {"Authorization": "Bearer right"}, 200),
        ("203.0.113.9", {"Authorization": "Bearer wrong"}, 403),
        ("203.0.113.9", {"Authorization": "Bearer "}, 403),
    ],
)
def test_metrics_are_for_this_machine_or_for_the_token(client: Client, settings, address, headers, status) -> None:
    settings.ARENA_METRICS_TOKEN = "right"
    assert client.get("/metrics", headers=headers, REMOTE_ADDR=address).status_code == status


def test_without_a_token_nobody_from_elsewhere_reads_metrics(client: Client, settings) -> None:
    settings.ARENA_METRICS_TOKEN = ""
    answer = client.get("/metrics", headers={"Authorization": "Bearer "}, REMOTE_ADDR="203.0.113.9")
    assert answer.status_code == 403
    assert b"ARENA_METRICS_TOKEN" in answer.content
