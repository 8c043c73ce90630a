"""`POST routing/outcomes`: what is taken, once each, by whom, and what is swept."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.models.signals import post_init
from django.test import Client
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import Schedule
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena import env
from arena.models import Role
from routing import schedules
from routing.models import OutcomeTally, ReportedOutcome
from routing.outcomes import chores, services
from routing.outcomes.batch import MOST_BYTES, MOST_OUTCOMES, read
from tests.routing.outcomes.batches import PATH, an_outcome, assert_tallies_are_a_recount, bearer, body, post

pytestmark = [pytest.mark.django_db, pytest.mark.on_both(because="counts are raised in SQL")]


@pytest.fixture
def shop(db: None) -> dict[str, str]:
    return bearer("outcomes:write")


def test_a_batch_is_stored_as_it_was_reported_and_counted(shop: dict[str, str]):
    served = an_outcome()
    failed = an_outcome(ok=False, error="Timeout", latency_ms=30_000.0, ttft_ms=None, tokens=None, cost_usd=None)
    answer = post([served, failed], shop)
    assert (answer.status_code, answer.json()) == (200, {"stored": 2, "repeated": 0})
    row = ReportedOutcome.objects.get(pk=failed["id"])
    assert (row.table_version, row.route_id, row.category, row.model) == (1, "code", "code", "a")
    assert (row.ok, row.error, row.latency_ms, row.ttft_ms, row.tokens, row.cost_usd) == (
        (False, "Timeout", 30_000.0, None, None, None)
    )
    assert (row.at.isoformat(), row.reported_by) == (failed["at"], "token shop")
    tally = OutcomeTally.objects.get()
    assert (tally.requests, tally.succeeded, tally.tokens, tally.tokens_told) == (2, 1, 400, 1)
    assert (tally.cost_usd, tally.cost_told, tally.cost_unknown) == (0.002, 1, 0)
    assert (sum(tally.latency.values()), sum(tally.ttft.values())) == (1, 1)


def test_what_comes_again_counts_once(shop: dict[str, str]):
    first, second, third = an_outcome(), an_outcome(model="b"), an_outcome()
    assert post([first, second], shop).json() == {"stored": 2, "repeated": 0}
    assert post([first, second], shop).json() == {"stored": 0, "repeated": 2}
    # The same id in another spelling, and with another story, is the same outcome.
    again = third | {"id": third["id"].replace("-", "").upper(), "ok": False}
    assert post([third, again, second], shop).json() == {"stored": 1, "repeated": 2}
    assert ReportedOutcome.objects.get(pk=third["id"]).ok, "the first of one batch stands"
    assert_tallies_are_a_recount()


def test_tallies_move_by_one_statement_however_many_they_are(shop: dict[str, str]):
    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if re.search(rf'UPDATE "?{OutcomeTally._meta.db_table}', sql):
            moved.append(len(params) if many else 1)
        return execute(sql, params, many, context)

    moved: list[int] = []
    models = [f"m{n}" for n in range(50)]
    post([an_outcome(model=model) for model in models], shop)
    with connection.execute_wrapper(note):
        post([an_outcome(model=model, latency_ms=80.0) for model in models], shop)
    assert moved == [1]
    assert_tallies_are_a_recount()


def test_a_batch_reads_its_own_tallies_and_no_others(shop: dict[str, str]):
    """Not every model of its outcomes on every route of them."""
    names = [f"x{n}" for n in range(20)]
    post([an_outcome(route_id=route, model=model) for route in names for model in names], shop)
    read: list[OutcomeTally] = []

    def note(instance: OutcomeTally, **_named: Any) -> None:
        read.append(instance)

    post_init.connect(note, sender=OutcomeTally)
    try:
        post([an_outcome(route_id=name, model=name) for name in names], shop)
    finally:
        post_init.disconnect(note, sender=OutcomeTally)
    assert len(read) == 20
    assert_tallies_are_a_recount()


def test_no_outcomes_are_none(shop: dict[str, str]):
    assert post([], shop).json() == {"stored": 0, "repeated": 0}


def test_a_batch_has_limits_and_each_is_named(shop: dict[str, str]):
    many = [an_outcome() for _ in range(MOST_OUTCOMES)]
    assert post(many, shop).json() == {"stored": MOST_OUTCOMES, "repeated": 0}
    answer = post([*many, an_outcome()], shop)
    assert answer.status_code == 400
    assert "Holds 1,001; at most 1,000 go into one batch." in answer.json()["detail"]
    answer = post(body() + b" " * MOST_BYTES, shop)
    assert answer.status_code == 413
    assert "1 MiB" in answer.json()["detail"]


def test_only_a_token_with_the_scope_reports(shop: dict[str, str], make_user: Callable[..., Any], client_of: Any):
    batch = [an_outcome()]
    assert post(batch, {}).status_code == 401
    assert post(batch, bearer("routing:read", "routing:publish", "evals:write")).status_code == 403
    assert (
        client_of(make_user(Role.EDITOR)).post(PATH, body(*batch), content_type="application/json").status_code == 403
    )
    assert Client().get(PATH, headers=shop).status_code == 403, "what was reported is read with routing:read"
    assert not ReportedOutcome.objects.exists()


def test_what_was_reported_is_not_public_where_tables_are(settings: Any):
    settings.ARENA_ROUTING_READ = "public"
    assert Client().get(PATH).status_code == 401
    assert Client().get(PATH, headers=bearer("routing:read")).status_code == 200


def test_old_outcomes_are_swept_and_what_they_added_stays(shop: dict[str, str]):
    old, kept = an_outcome(), an_outcome()
    with time_machine.travel(timezone.now() - timedelta(days=32)):
        post([old | {"at": timezone.now().isoformat()}], shop)
    post([kept], shop)
    assert chores.sweep_outcomes() == 1
    assert [str(row.pk) for row in ReportedOutcome.objects.all()] == [kept["id"]]
    assert sorted(OutcomeTally.objects.values_list("requests", flat=True)) == [1, 1]
    assert chores.sweep_outcomes() == 0


def test_a_sweep_goes_on_in_chunks(shop: dict[str, str]):
    with time_machine.travel(timezone.now() - timedelta(days=40)):
        for _ in range(6):
            post([an_outcome() for _ in range(MOST_OUTCOMES)], shop)
    assert chores.sweep_outcomes() == 6 * MOST_OUTCOMES
    assert not ReportedOutcome.objects.exists()


@pytest.mark.parametrize("days", [0, 29.9, 30.1, 30.9, 31.1, 32, 90])
def test_what_is_swept_cannot_be_reported_again(days: float, shop: dict[str, str]):
    """Else it would count twice: its row is what it is known by."""
    made = timezone.now()
    one = an_outcome(at=made.isoformat())
    with time_machine.travel(made - timedelta(hours=23)):  # a reporter's clock that is ahead
        assert post([one], shop).json()["stored"] == 1
    with time_machine.travel(made + timedelta(days=days)):
        chores.sweep_outcomes()
        answer = post([one], shop)
    assert answer.status_code == 400 or answer.json() == {"stored": 0, "repeated": 1}
    assert OutcomeTally.objects.get().requests == 1


def test_a_batch_is_read_and_written_while_the_sweep_passes():
    """The leeway: what was read at the window's very end is not swept before it is written."""
    now = timezone.now()
    edge = services.window(now).oldest
    (outcome,) = read(body(an_outcome(at=edge.isoformat())), window=services.window(now))
    assert services.store(outcomes=[outcome], reported_by="token shop").stored == 1
    assert services.sweep(now=now + timedelta(hours=23)) == 0
    assert services.store(outcomes=[outcome], reported_by="token shop").stored == 0


@pytest.mark.parametrize("days", ["0", "3651", "a month"])
def test_a_start_refuses_days_that_are_none(days: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ARENA_OUTCOMES_DAYS", days)
    with pytest.raises(ImproperlyConfigured, match=r"ARENA_OUTCOMES_DAYS: .* Set ARENA_OUTCOMES_DAYS to a number"):
        env.integer("ARENA_OUTCOMES_DAYS", default=30, least=1, most=3650)


def test_the_sweep_is_scheduled_and_an_admins_choice_stays():
    schedules.ensure()
    Schedule.objects.filter(func=schedules.SWEEP_OUTCOMES).update(minutes=5)
    schedules.ensure()
    schedule = Schedule.objects.get(func=schedules.SWEEP_OUTCOMES)
    assert (schedule.schedule_type, schedule.minutes, schedule.repeats) == (Schedule.MINUTES, 5, -1)
    assert import_string(schedule.func) is chores.sweep_outcomes


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_tallies_equal_a_recount_of_the_rows(data: st.DataObject, shop: dict[str, str]):
    ReportedOutcome.objects.all().delete()
    OutcomeTally.objects.all().delete()
    ids = [str(uuid.uuid4()) for _ in range(8)]
    figure = st.none() | st.floats(0, 1e6)
    now = timezone.now()
    outcome = st.fixed_dictionaries(
        {
            "id": st.sampled_from(ids),
            "route_id": st.sampled_from(["code", "chat", "Ä"]),
            "model": st.sampled_from(["a", "b"]),
            "ok": st.booleans(),
            "latency_ms": figure,
            "ttft_ms": figure,
            "tokens": st.none() | st.integers(0, 10**9),
            "cost_usd": st.none() | st.floats(0, 10),
            "at": st.integers(0, 60).map(lambda hours: (now - timedelta(hours=hours)).isoformat()),
        }
    ).map(lambda changes: an_outcome(**changes))
    for batch in data.draw(st.lists(st.lists(outcome, max_size=6), max_size=4)):
        assert post(batch, shop).status_code == 200
    assert_tallies_are_a_recount()
