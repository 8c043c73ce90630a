"""`POST routing/outcomes`: what is taken, once each, what is refused and by which words, and what is swept."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import time_machine
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import Schedule
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena import env
from arena.models import Role
from routing import chores, schedules
from routing.models import OutcomeTally, ReportedOutcome
from routing.outcomes import storing
from routing.outcomes.reading import MOST_BYTES, MOST_OUTCOMES, BatchError, Outcome, Window, read
from tests.routing.outcomes import PATH, an_outcome, assert_tallies_are_a_recount, at, bearer, post

pytestmark = pytest.mark.django_db

WINDOW = Window(at(2026, 10, 1), at(2026, 11, 1))
FIELDS = [field.name for field in msgspec.structs.fields(Outcome)]


@pytest.fixture
def shop(db: None) -> dict[str, str]:
    return bearer("outcomes:write")


def body(*outcomes: Any) -> bytes:
    return json.dumps({"outcomes": list(outcomes)}).encode()


def faults(of: bytes) -> dict[str, str]:
    with pytest.raises(BatchError) as caught:
        read(of, window=WINDOW)
    return {fault.field: fault.message for fault in caught.value.faults}


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


def test_no_outcomes_are_none(shop: dict[str, str]):
    assert post([], shop).json() == {"stored": 0, "repeated": 0}


def test_one_bad_outcome_refuses_the_whole_batch_by_every_place(shop: dict[str, str]):
    answer = post([an_outcome(), an_outcome(latency_ms=-1, tokens=1.5), an_outcome(ok="yes"), {}], shop)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    told = answer.json()
    fields = [error["field"] for error in told["errors"]]
    lacking = ("id", "table_version", "route_id", "model", "ok", "at")
    assert fields == [
        "outcomes[1].latency_ms",
        "outcomes[1].tokens",
        "outcomes[2].ok",
        *(f"outcomes[3].{name}" for name in lacking),
    ]
    assert told["detail"].startswith("outcomes[1].latency_ms: -1 is not a number from 0 to 1,000,000,000")
    assert "Nothing of this batch was stored: 9 places are wrong." in told["detail"]
    assert not ReportedOutcome.objects.exists()
    assert not OutcomeTally.objects.exists()


WRONG: list[tuple[str, Any, str]] = [
    ("id", "42", "UUID"),
    ("id", 42, "UUID"),
    ("table_version", 0, "from 1"),
    ("table_version", 2**31, "2,147,483,647"),
    ("table_version", True, "whole number"),
    ("route_id", "", "1 to 200 characters"),
    ("route_id", "x" * 201, "1 to 200 characters"),
    ("route_id", "a\0b", "NUL"),
    ("category", "x" * 201, "200 characters"),
    ("category", None, "200 characters"),
    ("model", None, "1 to 200 characters"),
    ("ok", 1, "true or false"),
    ("error", "x" * 201, "200 characters"),
    ("latency_ms", -0.001, "from 0"),
    ("latency_ms", 1e10, "1,000,000,000"),
    ("ttft_ms", "300", "number"),
    ("tokens", 1.5, "whole number"),
    ("tokens", -1, "whole number"),
    ("tokens", 10**30, "whole number"),
    ("cost_usd", {"usd": 1}, "An object is not a number"),
    ("at", "2026-10-05T09:12:00", "zone"),
    ("at", 1791191520, "zone"),
    ("at", "yesterday", "zone"),
    ("at", "2026-09-30T23:59:59Z", "too long ago"),
    ("at", "0001-01-01T00:00:00+14:00", "too long ago"),
    ("at", "9999-12-31T23:59:59-14:00", "ahead of Arena's clock"),
]


@pytest.mark.parametrize(("name", "value", "words"), WRONG)
def test_each_field_says_what_it_must_be(name: str, value: Any, words: str):
    good = an_outcome(at="2026-10-05T09:12:00+02:00")
    told = faults(body(good, good | {name: value}))
    assert list(told) == [f"outcomes[1].{name}"]
    assert words in told[f"outcomes[1].{name}"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_finite_number_is_refused(number: str):
    good = body(an_outcome(at="2026-10-05T09:12:00Z", cost_usd=0.125))
    assert len(read(good, window=WINDOW)) == 1
    told = faults(good.replace(b"0.125", number.encode()))
    assert list(told) in ([""], ["outcomes[0].cost_usd"])


def test_a_misspelt_field_is_named_with_the_one_that_was_meant():
    told = faults(body(an_outcome(at="2026-10-05T09:12:00Z", latency=3)))
    assert told == {"outcomes[0].latency": "Not known. Is it latency_ms?"}


def test_an_error_beside_success_is_refused():
    assert list(faults(body(an_outcome(at="2026-10-05T09:12:00Z", error="Timeout")))) == ["outcomes[0].error"]


NO_BATCH = [
    (b"", ""),
    (b"{", ""),
    (b"\xff\xfe", ""),
    (b"[]", ""),
    (b"{}", "outcomes"),
    (b'{"outcomes": 3}', "outcomes"),
    (b'{"outcomes": [3]}', "outcomes[0]"),
    (b'{"outcomes": [], "more": 1}', "more"),
    (b'{"outcomes": [{"id": ' + b"[" * 100_000, ""),
    (b'{"outcomes": [{"tokens": ' + b"9" * 100_000 + b"}]}", ""),
]


@pytest.mark.parametrize(("sent", "place"), NO_BATCH)
def test_what_is_no_batch_is_told_at_its_place(sent: bytes, place: str, shop: dict[str, str]):
    assert place in faults(sent)
    assert post(sent, shop).status_code == 400


def test_a_batch_has_limits_and_each_is_named(shop: dict[str, str]):
    many = [an_outcome() for _ in range(MOST_OUTCOMES)]
    assert post(many, shop).json() == {"stored": MOST_OUTCOMES, "repeated": 0}
    answer = post([*many, an_outcome()], shop)
    assert answer.status_code == 400
    assert "Holds 1,001; at most 1,000 go into one batch." in answer.json()["detail"]
    answer = post(body() + b" " * MOST_BYTES, shop)
    assert answer.status_code == 413
    assert "1 MiB" in answer.json()["detail"]


def test_the_errors_of_a_body_full_of_them_are_counted(shop: dict[str, str]):
    told = post(body(*[{}] * 100), shop).json()
    assert len(told["errors"]) == 100
    assert "600 places are wrong; errors has the first 100." in told["detail"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
changed = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), anything, max_size=3)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=changed)
def test_whatever_is_sent_is_stored_or_refused_by_its_place(changes: dict[str, Any], shop: dict[str, str]):
    answer = post([an_outcome(), an_outcome() | changes], shop)
    if answer.status_code == 200:
        assert sum(answer.json().values()) == 2
    else:
        assert answer.status_code == 400
        # JSON knows no NaN; Python writes one all the same.
        assert all(error["field"].startswith("outcomes[1]") or not error["field"] for error in answer.json()["errors"])


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
    edge = storing.window(now).oldest
    (outcome,) = read(body(an_outcome(at=edge.isoformat())), window=storing.window(now))
    assert storing.store(outcomes=[outcome], reported_by="token shop").stored == 1
    assert storing.sweep(now=now + timedelta(hours=23)) == 0
    assert storing.store(outcomes=[outcome], reported_by="token shop").stored == 0


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
