"""A migration that renames the functions of schedules and queued chores can be reversed, and never doubles one."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.models.signals import post_init
from django_q.models import OrmQ, Schedule
from django_q.signing import SignedPackage

from arena.apps import ensure_schedules
from evals.collection.schedules import IMPORTS, REPORT
from evals.models import BakeOff, Run, TaskSet, TaskSetVersion

pytestmark = pytest.mark.on_both(because="a migration")

moved = import_module("evals.migrations.0004_chores_by_room")

OLD = {"evals.chores.sweep", "routing.chores.refresh", "routing.chores.deliver", "routing.chores.sweep_outcomes"}


def functions() -> list[str]:
    return sorted(Schedule.objects.values_list("func", flat=True))


@pytest.mark.django_db
def test_schedules_that_are_there_are_not_made_again():
    ensure_schedules(using="default")
    before = functions()
    assert before
    ensure_schedules(using="default")
    assert functions() == before


@pytest.mark.runs_once(on="sqlite", because="it rebuilds tables; forwards and backwards run on both below")
@pytest.mark.django_db(transaction=True)
def test_reversing_it_and_going_forward_again_keeps_each_schedule_once():
    ensure_schedules(using="default")
    before = functions()
    newer = set(before) - {moved.MOVED[old] for old in OLD}
    assert len(before) == len(OLD) + len(newer)
    try:
        call_command("migrate", "evals", "0003", verbosity=0)
        # The chores that make reports and finish imports are not there without their tables.
        assert functions() == sorted({*OLD, *newer} - {REPORT, IMPORTS})
    finally:
        call_command("migrate", verbosity=0)
    assert functions() == before


@pytest.mark.django_db
@pytest.mark.parametrize("go", [moved.forwards, moved.backwards])
def test_a_schedule_under_both_names_is_kept_under_the_new_one(go):
    Schedule.objects.all().delete()
    for old in OLD:
        for name in (old, moved.MOVED[old]):
            Schedule.objects.create(func=name, schedule_type=Schedule.MINUTES, minutes=1)
    go(apps, None)
    assert functions() == sorted(OLD if go is moved.backwards else {moved.MOVED[old] for old in OLD})


@pytest.mark.django_db
def test_the_bake_offs_of_several_task_sets_stay_several():
    Schedule.objects.all().delete()
    for args in ("1,", "2,"):
        Schedule.objects.create(func="evals.chores.bake_off", args=args, schedule_type=Schedule.DAILY)
    Schedule.objects.create(func="evals.collection.chores.bake_off", args="2,", schedule_type=Schedule.WEEKLY)
    moved.forwards(apps, None)
    found = Schedule.objects.order_by("args").values_list("func", "args", "schedule_type")
    assert list(found) == [
        ("evals.collection.chores.bake_off", "1,", Schedule.DAILY),
        ("evals.collection.chores.bake_off", "2,", Schedule.WEEKLY),
    ]


@pytest.mark.django_db
def test_a_chore_that_a_cluster_finishes_meanwhile_is_no_error():
    for n in range(2):
        OrmQ.objects.create(key="arena", payload=SignedPackage.dumps({"func": "evals.chores.rank", "id": str(n)}))
    first = OrmQ.objects.order_by("pk")[0].pk

    def finish(instance, **_):
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_q_ormq WHERE id = %s", [first])

    post_init.connect(finish, sender=OrmQ)
    try:
        moved.forwards(apps, None)
    finally:
        post_init.disconnect(finish, sender=OrmQ)
    assert [SignedPackage.loads(one.payload)["func"] for one in OrmQ.objects.all()] == [
        "evals.leaderboards.chores.rank"
    ]


@pytest.mark.django_db
def test_a_bake_off_that_was_scheduled_keeps_what_its_last_run_was_started_with():
    newer = import_module("evals.migrations.0018_bake_off_reports")
    Schedule.objects.all().delete()
    task_set = TaskSet.objects.create(slug="code", name="Code")
    version = TaskSetVersion.objects.create(task_set=task_set, n=1, sha256="0" * 64)
    Run.objects.create(version=version, samples=3, budget_usd=5, state="done")
    for args in (f"{task_set.pk},", "999999,"):
        Schedule.objects.create(func="evals.collection.chores.bake_off", args=args, schedule_type=Schedule.WEEKLY)

    newer.keep_bake_offs(apps, None)
    made = BakeOff.objects.get()
    assert (made.task_set, made.samples, made.budget_usd) == (task_set, 3, 5)
    assert set(Schedule.objects.values_list("func", "intended_date_kwarg")) == {
        ("evals.bake_offs.chores.bake_off", "due")
    }
    newer.back_to_chores_without_a_time(apps, None)
    assert set(Schedule.objects.values_list("func", "intended_date_kwarg")) == {
        ("evals.collection.chores.bake_off", None)
    }
