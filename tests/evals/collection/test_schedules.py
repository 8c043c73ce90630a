"""Schedules are set by admins, from a closed list; a bake-off runs a task set again as things are now."""

from __future__ import annotations

import pytest
from django.test import Client
from django_q.models import Schedule

from arena.models import Role, User
from evals.catalog.services.contenders import ContenderFields, save_contender
from evals.catalog.services.providers import ProviderFields, save_provider
from evals.catalog.services.task_sets import TaskRow, save_version
from evals.collection import chores, schedules
from evals.models import Contender, Generation, Provider, Run, RunItem, TaskSet

pytestmark = pytest.mark.django_db

PAGE = "/runs/schedules/"


@pytest.fixture(autouse=True)
def _none_but_ours(db: None) -> None:
    """`migrate` makes the house's own."""
    Schedule.objects.all().delete()


@pytest.fixture
def provider():
    fields = ProviderFields(name="Ollama", base_url="http://127.0.0.1:11434/v1", locality="local")
    return save_provider(slug="ollama", fields=fields)


@pytest.fixture
def contender(provider):
    return save_contender(
        slug="llama", fields=ContenderFields(provider=provider, model_name="l", settings={})
    ).contender


@pytest.fixture
def task_set() -> TaskSet:
    rows = [TaskRow(str(n), "Code", [{"role": "user", "content": f"Question {n}?"}]) for n in range(2)]
    return save_version(task_set_slug="code", rows=rows, source="test").version.task_set


@pytest.fixture
def admin(client_of, admin_user: User) -> Client:
    return client_of(admin_user)


def finish(run: Run) -> None:
    Generation.objects.filter(run_items__run=run).update(state="done", text="x")
    run.state = Run.State.DONE
    run.save()


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_bake_off_is_added_changed_and_removed(admin: Client, task_set: TaskSet):
    admin.post(PAGE, {"task_set": task_set.pk, "every": "W", "first_at": "2030-01-07T06:00"})
    row = Schedule.objects.get()
    assert (row.func, row.args, row.schedule_type) == ("evals.collection.chores.bake_off", f"{task_set.pk},", "W")
    assert row.next_run.isoformat() == "2030-01-07T06:00:00+00:00"
    assert "Bake-off of code" in admin.get(PAGE).content.decode()
    admin.post(f"{PAGE}{row.pk}/", {"every": "D"})
    row.refresh_from_db()
    assert row.schedule_type == "D"
    admin.post(f"{PAGE}{row.pk}/", {"remove": "1"})
    assert not Schedule.objects.exists()


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_one_for_each_task_set(admin: Client, task_set: TaskSet):
    for every in ("W", "D"):
        admin.post(PAGE, {"task_set": task_set.pk, "every": every})
    assert Schedule.objects.get().schedule_type == "D"


@pytest.mark.parametrize("change", [{"every": "C"}, {"every": "x"}, {"func": "os.system", "every": "Z"}, {}])
def test_an_interval_that_is_none_of_ours(admin: Client, task_set: TaskSet, change: dict[str, str]):
    admin.post(PAGE, {"task_set": task_set.pk, "every": "W"})
    row = Schedule.objects.get()
    admin.post(f"{PAGE}{row.pk}/", change)
    admin.post(PAGE, {"task_set": task_set.pk, "every": "W"} | change | {"func": "os.system"})
    row.refresh_from_db()
    assert (row.func, row.schedule_type) == ("evals.collection.chores.bake_off", "W")


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_what_keeps_the_house_running_is_shown_and_stays(admin: Client):
    schedules.ensure()
    row = Schedule.objects.get(func=schedules.SWEEP)
    assert "every minute" in admin.get(PAGE).content.decode()
    admin.post(f"{PAGE}{row.pk}/", {"every": "W"})
    admin.post(f"{PAGE}{row.pk}/", {"remove": "1"})
    row.refresh_from_db()
    assert row.schedule_type == Schedule.MINUTES


@pytest.mark.parametrize("role", [Role.VIEWER, Role.REVIEWER, Role.EDITOR])
def test_schedules_are_an_admins(make_user, client_of, task_set: TaskSet, role: Role):
    client = client_of(make_user(role))
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"task_set": task_set.pk, "every": "W"}).status_code == 403


def test_the_first_bake_off_asks_everybody_and_the_next_only_what_is_missing(task_set, contender, provider):
    assert chores.bake_off(task_set.pk).endswith("started.")
    first = Run.objects.get()
    assert first.items.count() == 2
    finish(first)
    contender.refresh_from_db()
    save_contender(
        slug="llama",
        contender=contender,
        fields=ContenderFields(provider=provider, model_name="l", settings={"seed": 1}),
    )
    chores.bake_off(task_set.pk)
    second = Run.objects.exclude(pk=first.pk).get()
    assert list(second.contenders.values_list("slug", flat=True)) == ["llama@2"]
    finish(second)
    chores.bake_off(task_set.pk)
    third = Run.objects.latest("pk")
    assert RunItem.objects.filter(run=third, linked=True).count() == 2


def test_the_first_bake_off_asks_the_newest_revisions_and_nobody_hosted_what_stays_in_the_house(
    task_set, contender, provider
):
    Contender.objects.create(slug="llama@2", family="llama", revision=2, provider=provider, model_name="l")
    cloud = Provider.objects.create(slug="cloud", name="Cloud", base_url="https://cloud.example/v1", locality="hosted")
    Contender.objects.create(slug="cirrus", family="cirrus", provider=cloud, model_name="c")
    TaskSet.objects.update(local_only=True)
    chores.bake_off(task_set.pk)
    assert [one.slug for one in Run.objects.get().contenders.all()] == ["llama@2"]


@pytest.mark.on_both(because="two race for the same rows")
def test_twice_starts_one(task_set, contender):
    chores.bake_off(task_set.pk)
    assert "is collecting" in chores.bake_off(task_set.pk)
    assert Run.objects.count() == 1


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_one_that_cannot_start_says_why(task_set):
    assert chores.bake_off(task_set.pk).startswith("Not started: There is no contender that may be asked.")
    assert not Run.objects.exists()
