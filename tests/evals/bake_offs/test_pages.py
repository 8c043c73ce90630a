"""Pages of schedules and reports: an admin sets a bake-off up, reads what changed, and asks for e-mails."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django_q.models import OrmQ, Schedule

from arena.models import Role, User
from evals.bake_offs import chores
from evals.collection import schedules
from evals.models import BakeOff, BakeOffReport, BakeOffRound, BakeOffSubscription, Provider, TaskSet
from tests.evals.bake_offs.conftest import answer, bake, end, lists, report, rule, set_up

pytestmark = pytest.mark.django_db

PAGE = "/runs/schedules/"
OF = f"{PAGE}of/code/"


@pytest.fixture
def admin(client_of, admin_user: User) -> Client:
    return client_of(admin_user)


def given(task_set: TaskSet, **fields: Any) -> dict[str, Any]:
    return {
        "task_set": task_set.pk, "every": "W", "contenders": "same", "samples": 1, "most_newcomers": 3, **fields
    }  # fmt: skip


def text(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_bake_off_is_set_up_changed_and_removed(admin: Client, task_set: TaskSet):
    admin.post(f"{PAGE}new/", given(task_set, first_at="2030-01-07T06:00", budget_usd="$2.50"))
    row, made = Schedule.objects.get(), BakeOff.objects.get()
    assert (row.func, row.args, row.schedule_type, row.intended_date_kwarg) == (
        "evals.bake_offs.chores.bake_off", f"{task_set.pk},", "W", "due"
    )  # fmt: skip
    assert row.next_run.isoformat() == "2030-01-07T06:00:00+00:00"
    assert (str(made.budget_usd), made.saved_by) == ("2.5000", "a-admin")
    assert "every week" in text(admin, PAGE)
    admin.post(OF, given(task_set, every="Q", samples=2))
    row.refresh_from_db()
    assert (row.schedule_type, row.next_run.year, BakeOff.objects.get().samples) == ("Q", 2030, 2)
    admin.post(f"{OF}remove/")
    assert not Schedule.objects.exists()
    assert "removed" in text(admin, PAGE)
    admin.post(f"{PAGE}new/", given(task_set))
    assert (Schedule.objects.count(), BakeOff.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("field", "change", "words"),
    [
        ("every", {"every": "C"}, "Select a valid choice"),
        ("every", {"every": "os.system"}, "Select a valid choice"),
        ("most_usd_input", {"rule": True}, "say up to which price"),
        ("most_usd_input", {"most_usd_input": "cheap"}, "“cheap” is not an amount"),
        ("include", {"rule": True, "most_usd_input": "1", "most_usd_output": "1", "include": "a," * 40 + "b" * 9},
         "patterns with 400"),
    ],
)  # fmt: skip
def test_what_is_refused_is_said_at_its_field_and_changes_nothing(
    admin: Client, task_set: TaskSet, provider: Provider, field: str, change: dict[str, Any], words: str
):
    change = dict(change)
    change |= {"newcomers_from": provider.pk} if change.pop("rule", False) else {}
    response = admin.post(f"{PAGE}new/", given(task_set, **change))
    assert words in " ".join(response.context["form"].errors[field])
    assert not Schedule.objects.exists()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.REVIEWER, Role.EDITOR])
def test_schedules_are_an_admins(make_user, client_of, task_set: TaskSet, role: Role):
    client = client_of(make_user(role))
    assert client.get(PAGE).status_code == 403
    assert client.post(f"{PAGE}new/", given(task_set)).status_code == 403


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_what_keeps_the_house_running_is_shown_and_stays(admin: Client):
    schedules.ensure()
    assert "every minute" in text(admin, PAGE)
    assert "A bake-off needs a task set." in text(admin, PAGE)
    assert "A bake-off needs a task set." in text(admin, f"{PAGE}new/")


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_start_now_starts_one_however_often_it_is_pressed(admin: Client, task_set, contender):
    set_up(task_set)
    asked_at = admin.get(OF).context["asked_at"]
    for _ in range(2):
        admin.post(f"{OF}start/", {"asked_at": asked_at})
    queued = [one.task for one in OrmQ.objects.all()]
    assert [one["func"] for one in queued] == ["evals.bake_offs.chores.bake_off"] * 2
    for one in queued:
        chores.bake_off(*one["args"], **one["kwargs"])
    assert BakeOffRound.objects.get().started_by == "a-admin"
    assert "start it from this page" in admin.post(f"{OF}start/", {"asked_at": "x"}, follow=True).content.decode()


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_the_report_says_what_changed(
    client_of, editor_user: User, admin: Client, task_set, contender, provider, listing
):
    lists(provider, listing("old"))
    set_up(task_set, **rule(provider))
    first = bake(task_set)
    answer(first)
    end(first)
    report(first)
    lists(provider, listing("newcomer", {"id": "secretive"}))
    second = bake(task_set, 1)
    answer(second, wrong=2, ms=2000)
    end(second)
    report(second)

    page = text(client_of(editor_user), f"/bake-offs/{BakeOffReport.objects.first().pk}/")
    for words in (
        "Bake-off 2 of code", f"run {second.pk}", f"run {first.pk}", "1 model joined by the rule: newcomer.",
        "$0.20 in, $0.80 out a million tokens", "no leaderboard yet", "old is no longer listed by cloud.",
        "2 of 4 answers", "50.0%", "100%", "Its price is not known.", "2.0 s",
    ):  # fmt: skip
        assert words in page, words
    listed = text(client_of(editor_user), "/bake-offs/")
    assert "code, 2" in listed
    assert "1 model joined by the rule: newcomer." in listed
    assert "Number 2" in text(admin, PAGE)


@pytest.mark.parametrize("role", [Role.EDITOR, Role.ADMIN])
def test_pages_without_anything(make_user, client_of, role: Role):
    client = client_of(make_user(role))
    assert "No reports yet" in text(client, "/bake-offs/")
    assert client.get("/bake-offs/7/").status_code == 404


def test_names_from_a_list_of_models_are_escaped(client_of, editor_user: User, task_set, contender, provider, listing):
    lists(provider, listing({"id": "<script>alert(1)</script>"}))
    set_up(task_set, **rule(provider))
    end(bake(task_set))
    report()
    page = client_of(editor_user).get(f"/bake-offs/{BakeOffReport.objects.get().pk}/").content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_an_admin_asks_for_e_mails_and_ends_them(admin: Client, admin_user: User, settings: Any):
    assert "There is no mail server." in text(admin, PAGE)
    settings.EMAIL_HOST = "127.0.0.1"
    assert "“mara” is not an e-mail address" in admin.post(f"{PAGE}mail/", {"address": "mara"}).content.decode()
    admin.post(f"{PAGE}mail/", {"address": "mara@example.com"})
    assert BakeOffSubscription.objects.get().user == admin_user
    assert "mara@example.com" in text(admin, PAGE)
    admin.post(f"{PAGE}mail/", {"address": ""})
    assert not BakeOffSubscription.objects.exists()


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_the_api_has_bake_offs_and_their_reports(client_of, editor_user: User, task_set, contender, provider):
    set_up(task_set, **rule(provider, include="gpt-*"))
    run = bake(task_set)
    answer(run)
    end(run)
    report(run)
    client = client_of(editor_user)
    [found] = client.get("/api/v1/bake-offs").json()["results"]
    assert (found["task_set"], found["every"], found["newcomers"]["include"]) == ("code", "every week", "gpt-*")
    [one] = client.get("/api/v1/bake-off-reports?task_set=code&state=done").json()["results"]
    whole = client.get(f"/api/v1/bake-off-reports/{one['id']}").json()
    assert (whole["run"], whole["document"]["schema"]) == (run.pk, "bake-off-report/v1")
    assert whole["summary"] == one["summary"]
    assert client.get("/api/v1/bake-off-reports?tasks=code").status_code == 400
    assert client.get("/api/v1/bake-off-reports/999").status_code == 404
