"""The report of a bake-off: what changed since the last time, made once, as it was when the run ended."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import IntegrityError
from django_q.models import Schedule

from evals.bake_offs import chores, reporting
from evals.bake_offs.report import summary
from evals.catalog.services.contenders import ContenderFields, save_contender
from evals.catalog.services.task_sets import TaskRow, save_version
from evals.collection import schedules
from evals.models import BakeOffReport, Category, Contender, Generation, Run
from evals.signals import bake_off_finished
from tests.evals.bake_offs.conftest import CHEAP, answer, bake, due, end, lists, report, rule, set_up

pytestmark = pytest.mark.django_db


def row(found: dict[str, Any], model: str) -> dict[str, Any]:
    return next(one for one in found["contenders"] if one["model"] == model)


def told(found: dict[str, Any]) -> str:
    return " ".join(summary(found))


@pytest.fixture
def two(task_set, contender):
    """`two(first, second)`: two times, whose answers come as `answer` is told."""

    def run(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
        set_up(task_set)
        for week, how in enumerate((first, second)):
            at = bake(task_set, week)
            answer(at, **how)
            end(at)
            found = report(at)
        return found

    return run


def test_the_first_one_has_nothing_to_compare_with(task_set, contender):
    set_up(task_set)
    run = bake(task_set)
    answer(run, wrong=1)
    end(run)
    found = report(run)
    assert (found["state"], found["before"], found["tasks"]) == ("done", None, 4)
    old = row(found, "old")
    assert (old["new"], old["before"], old["all"]["success"], old["all"]["n"]) == (False, None, 3, 4)
    assert "nothing to compare with yet" in told(found)


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_success_latency_and_cost_stand_beside_those_of_the_last_time_task_by_task(two):
    found = two({"wrong": 1, "usd": "0.01", "ms": 1000}, {"wrong": 3, "usd": "0.02", "ms": 3000})
    old = row(found, "old")
    assert (old["lost"], old["gained"]) == (2, 0)
    assert [old[name]["success"] for name in ("before", "now")] == [3, 1]
    assert [old[name]["latency_ms"]["p50"] for name in ("before", "now")] == [1000, 3000]
    assert [round(old[name]["usd_per_success"], 6) for name in ("before", "now")] == [round(0.04 / 3, 6), 0.08]
    low, high = old["now"]["success_ci95"]
    assert 0 < low < 0.25 < high < 1
    assert found["cost"] == {"spent_usd": 0.08, "budget_usd": None, "unknown": [], "before_usd": 0.04}
    assert "old: 1 of 4 answers pass, 3 last time. 2 pass no longer, 0 newly." in told(found)
    assert "It cost $0.080, $0.040 last time." in told(found)


def test_nothing_changed_is_said_too(two):
    assert "As last time, task by task: old." in told(two({"wrong": 1}, {"wrong": 1}))


def test_a_cost_that_is_not_known_is_null_and_told(two):
    found = two({}, {"usd": None})
    assert row(found, "old")["now"]["usd_per_success"] is None
    assert found["cost"]["unknown"] == ["old"]
    assert "what old cost is not known" in told(found)


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_only_tasks_that_both_asked_are_compared(task_set, contender):
    set_up(task_set)
    first = bake(task_set)
    answer(first)
    end(first)
    report(first)
    texts = ["Question 0?", "Question 1?", "Another?"]
    checks = [{"type": "contains", "value": "yes"}]
    rows = [TaskRow(str(n), "Code", [{"role": "user", "content": text}], checks=checks) for n, text in enumerate(texts)]
    save_version(task_set_slug="code", rows=rows, source="test")
    second = bake(task_set, 1)
    answer(second, wrong=1)
    end(second)
    old = row(report(second), "old")
    assert (old["all"]["n"], old["now"]["n"], old["before"]["n"]) == (3, 2, 2)


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_newcomers_say_how_many_votes_they_need(task_set, contender, provider, listing):
    set_up(task_set, **rule(provider))
    lists(provider, listing("old"))
    first = bake(task_set)
    end(first)
    report(first)
    lists(provider, listing("old", "came"))
    second = bake(task_set, 1)
    answer(second)
    end(second)
    found = report(second)
    came = row(found, "came")
    assert (came["new"], came["joined_by_rule"], came["model_name"]) == (True, True, "came")
    assert [one["category"] for one in came["votes"]] == [Category.objects.get().slug]
    assert "1 model joined by the rule: came." in told(found)
    assert "no leaderboard yet" in told(found)


def test_prices_that_moved_with_the_day_they_were_checked(task_set, contender, provider, listing):
    set_up(task_set, **rule(provider))
    lists(provider, listing({"id": "old", "pricing": {"prompt": "0.000001", "completion": "0.000002"}}))
    end(bake(task_set))
    report()
    fields = ContenderFields(
        provider=contender.provider,
        model_name="old",
        settings={},
        usd_per_mtok_input=Decimal(3),
        usd_per_mtok_output=Decimal(2),
        priced_at=dt.date(2026, 11, 20),
    )
    contender.provider.refresh_from_db()
    contender.refresh_from_db()
    fields = ContenderFields(**vars(fields) | {"provider": contender.provider})
    save_contender(slug="old", contender=contender, fields=fields)
    second = bake(task_set, 1)
    end(second)
    found = report(second)
    in_force, listed = found["prices"]
    assert (in_force["kind"], in_force["of"], in_force["before"], in_force["now"]) == ("in_force", "input", 1.0, 3.0)
    assert in_force["as_of"] == "2026-11-20"
    assert (listed["kind"], listed["before"], listed["now"]) == ("listed", 3.0, 1.0)
    assert "A million tokens in of old cost $3.00, as of 2026-11-20, and $1.00 last time." in told(found)


def test_contenders_that_the_list_lost_or_that_failed_for_good(task_set, contender, provider, listing):
    save_contender(slug="frail", fields=ContenderFields(provider=provider, model_name="frail", settings={}))
    set_up(task_set, **rule(provider))
    lists(provider, listing("frail"))
    run = bake(task_set)
    answer(run, only="frail")
    found = Generation.objects.filter(run_items__run=run)
    found.filter(contender=contender).update(state="failed", error="model_not_found")
    found.filter(pk=found.filter(contender__slug="frail")[0].pk).update(state="failed", error="timeout_total")
    end(run)
    content = report(run)
    assert content["list"]["gone"] == ["old"]
    assert (row(content, "old")["gone"], row(content, "old")["failed"]) == (True, {"model_not_found": 4})
    assert "old is no longer listed by cloud." in told(content)
    assert "The provider of old does not know the model: no task was answered." in told(content)
    assert "frail failed for good at 1 answer of 4." in told(content)


def test_a_list_that_was_cut_says_of_nobody_that_they_are_gone(task_set, contender, provider, listing, monkeypatch):
    monkeypatch.setattr("evals.collection.listing.reading.MOST_MODELS", 1)
    set_up(task_set, **rule(provider))
    lists(provider, listing("fresh", "old"))
    run = bake(task_set)
    end(run)
    assert (report(run)["list"]["cut"], report(run)["list"]["gone"]) == (True, [])


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
@pytest.mark.parametrize("unknown", [False, True])
def test_one_that_uses_up_its_budget_ends_and_its_report_says_so(task_set, contender, unknown: bool):
    set_up(task_set, budget_usd=Decimal("0.02"))
    run = bake(task_set)
    waiting = Generation.objects.filter(run_items__run=run).order_by("pk")[2:]
    Generation.objects.filter(pk__in=[one.pk for one in waiting]).update(state="failed", error="lost")
    answer(run, usd=None if unknown else "0.01")
    Generation.objects.filter(pk__in=[one.pk for one in waiting]).update(state="waiting", error="")
    end(run, Run.State.PAUSED, "as the worker says")
    found = report(run)
    assert found["state"] == "stopped"
    reason = "cost is not known" if unknown else "budget of $0.020 is used up: $0.020 spent"
    assert reason in told(found)
    assert row(found, "old")["not_asked"] == 2
    assert bake(task_set, 1) is not None


def test_one_that_a_person_paused_is_waited_for(task_set, contender):
    set_up(task_set, budget_usd=Decimal(5))
    run = bake(task_set)
    end(run, Run.State.PAUSED, "Paused by Mara.")
    chores.report_bake_offs()
    run.refresh_from_db()
    assert run.state == Run.State.PAUSED
    assert not BakeOffReport.objects.exists()


def test_one_that_was_stopped_is_reported_once_nothing_is_in_flight(task_set, contender):
    set_up(task_set)
    run = bake(task_set)
    held = Generation.objects.filter(run_items__run=run).order_by("pk")[0]
    token = {
        "lease_token": "0d5b7a0c-2f6e-4a7f-9d0c-6a1b2c3d4e5f",
        "lease_until": dt.datetime(2100, 1, 1, tzinfo=dt.UTC),
    }
    Generation.objects.filter(pk=held.pk).update(state="running", **token)
    end(run, Run.State.STOPPED, "Stopped by Mara.")
    chores.report_bake_offs()
    assert not BakeOffReport.objects.exists()
    Generation.objects.filter(pk=held.pk).update(state="done", lease_token=None, lease_until=None)
    assert (report(run)["state"], report(run)["reason"]) == ("stopped", "Stopped by Mara.")


@pytest.mark.on_both(because="two race for the same row")
def test_a_report_is_made_once_however_often_the_chore_comes(task_set, contender):
    set_up(task_set)
    run = bake(task_set)
    end(run)
    assert chores.report_bake_offs().startswith("1 report made")
    assert chores.report_bake_offs().startswith("0 reports made")
    assert reporting.make_report(round_id=run.bake_off_round.pk) is None
    assert BakeOffReport.objects.count() == 1


def test_one_killed_as_it_is_made_is_made_the_next_time(task_set, contender):
    set_up(task_set)
    end(bake(task_set))

    def dies(**values: object) -> None:
        raise SystemExit

    bake_off_finished.connect(dies)
    try:
        with pytest.raises(SystemExit):
            chores.report_bake_offs()
    finally:
        bake_off_finished.disconnect(dies)
    assert not BakeOffReport.objects.exists()
    assert chores.report_bake_offs().startswith("1 report made")


@pytest.mark.on_both(because="triggers refuse it")
@pytest.mark.parametrize(
    "statement", ["UPDATE evals_bakeoffreport SET state = 'done'", "DELETE FROM evals_bakeoffreport"]
)
def test_a_report_is_never_changed(task_set, contender, statement: str):
    set_up(task_set)
    end(bake(task_set))
    report()
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_clock_looks_for_what_ended_each_minute(db):
    schedules.ensure()
    row = Schedule.objects.get(func=schedules.REPORT)
    assert (row.schedule_type, row.minutes, row.repeats) == (Schedule.MINUTES, 1, -1)


def test_a_report_made_late_says_what_was_when_the_run_started(task_set, contender, provider, listing):
    """Facts of the start are kept with it, not looked up when the report is made."""
    set_up(task_set, **rule(provider))
    lists(provider, listing("old", {"id": "fresh", "pricing": CHEAP}))
    chores.bake_off(task_set.pk, due=due(0))
    run = Run.objects.get()
    Contender.objects.filter(slug="fresh").update(usd_per_mtok_input=Decimal(9))
    end(run)
    assert row(report(run), "fresh")["price"]["input"] == 0.2
