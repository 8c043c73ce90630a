"""Stored answers scored again by corrected checks: what changes, what evidence says then, and who may ask for it."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from arena.models import Role
from evals.catalog.services.task_sets import TaskRow, save_version
from evals.collection import chores
from evals.collection.checks.run import run_checks
from evals.collection.queries.check_rates import check_rates
from evals.collection.queries.rescores import rescore_state
from evals.collection.rescoring import ask_rescore, rescore, stalled
from evals.collection.services import start_run
from evals.leaderboards.evidence import evidence
from evals.models import Contender, Generation, Provider, Rescore, Task
from evals.transfer.files.text import Source
from evals.transfer.tasks import import_tasks

pytestmark = pytest.mark.django_db

WRONG, RIGHT = {"type": "equals", "value": "Pariss"}, {"type": "reference", "value": "Paris", "match": "contains"}


def version_with(*checks, n=3):
    rows = [
        TaskRow(f"{i}", "Facts", [{"role": "user", "content": f"{i}: the capital of France?"}], checks=list(checks))
        for i in range(n)
    ]
    return save_version(task_set_slug="facts", rows=rows, source="test").version


def answer(run, texts):
    """As if they had been collected, and scored on arrival."""
    for generation in Generation.objects.filter(run_items__run=run).select_related("task"):
        text = texts[generation.contender.slug]
        Generation.objects.filter(pk=generation.pk).update(
            state="done", text=text, finished_at=timezone.now(), checks=run_checks(generation.task.checks, text=text)
        )


def words(client, address):
    return " ".join(client.get(address).content.decode().split())


@pytest.fixture
def run():
    provider = Provider.objects.create(slug="quarry", name="Quarry", base_url="https://quarry.example/v1")
    contenders = [
        Contender.objects.create(slug=slug, family=slug, provider=provider, model_name=slug)
        for slug in ("basalt", "granite")
    ]
    run = start_run(version=version_with(WRONG), contenders=contenders)
    answer(run, {"basalt": "It is Paris.", "granite": "It is Rome."})
    return run


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_corrected_check_scores_what_is_stored_and_evidence_follows(run):
    assert evidence("facts")["basalt"].success_rate == 0
    version_with(RIGHT)
    asked, new = ask_rescore(run=run, who="Mara")
    done = rescore(pk=asked.pk)

    assert new
    assert (done.read, done.changed, done.finished) == (6, 6, True)
    asked.refresh_from_db()
    assert (asked.read, asked.changed, asked.now_pass, asked.now_fail) == (6, 6, 3, 0)
    assert {one: measured.success_rate for one, measured in evidence("facts").items()} == {"basalt": 1, "granite": 0}
    results = Generation.objects.filter(contender__slug="granite").values_list("checks", flat=True)
    wrong = {"type": "reference", "ok": False, "detail": "does not name “Paris”"}
    assert list(results) == [[wrong]] * 3
    assert rescore_state(run=run) == {"last": asked, "under_way": False}
    assert stalled() == []
    # The answers stay with the tasks they were given to, and nothing waits to be asked for.
    assert not Generation.objects.exclude(state="done").exists()
    basalt, granite = check_rates(run)
    assert (basalt.contender, basalt.success.rate, dict(basalt.checks)["reference"].n) == ("basalt", 1, 3)
    low, high = granite.success.ci95
    assert (granite.success.rate, low, high) == pytest.approx((0, 0, 0.5615), abs=1e-4)


@pytest.mark.on_both(because="two at once meet a unique constraint")
def test_asking_twice_scores_once_and_scoring_twice_changes_nothing(run):
    version_with(RIGHT)
    first, _ = ask_rescore(task_set=run.version.task_set, who="Mara")
    second, new = ask_rescore(task_set=run.version.task_set, who="Nils")
    assert (second.pk, new) == (first.pk, False)
    assert OrmQ.objects.count() == 1

    assert rescore(pk=first.pk).changed == 6
    assert rescore(pk=first.pk) == rescore(pk=first.pk)
    again, new = ask_rescore(task_set=run.version.task_set, who="Nils")
    assert new
    assert (rescore(pk=again.pk).read, Rescore.objects.get(pk=again.pk).changed) == (6, 0)


@pytest.mark.runs_once(on="sqlite", because="the same statements as above")
def test_portions_go_on_where_the_last_one_stopped(run):
    version_with(RIGHT)
    asked, _ = ask_rescore(run=run, who="Mara")
    reads = [rescore(pk=asked.pk, seconds=0).read for _ in range(6)]
    # What was asked for after it had begun is not asked again: each was read once.
    assert reads == [1] * 6
    assert rescore(pk=asked.pk).finished
    assert Rescore.objects.get(pk=asked.pk).read == 6


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_chore_that_was_lost_is_begun_again(run):
    asked, _ = ask_rescore(run=run, who="Mara")
    OrmQ.objects.all().delete()
    assert stalled() == []
    Rescore.objects.filter(pk=asked.pk).update(moved_at=timezone.now() - timedelta(minutes=6))
    assert chores.rescore_unfinished() == "1 rescore begun again."
    assert OrmQ.objects.count() == 1
    assert chores.rescore(asked.pk) == "6 answers scored again, 0 of them changed."


@pytest.mark.runs_once(on="sqlite", because="the same statements as above")
def test_an_answer_to_what_is_asked_no_more_keeps_its_own_checks(run):
    rows = [TaskRow("other", "Facts", [{"role": "user", "content": "Another question?"}], checks=[RIGHT])]
    save_version(task_set_slug="facts", rows=rows, source="test")
    asked, _ = ask_rescore(run=run, who="Mara")
    assert (rescore(pk=asked.pk).read, Rescore.objects.get(pk=asked.pk).changed) == (6, 0)


@pytest.mark.runs_once(on="sqlite", because="the same statements as above")
def test_what_is_asked_twice_with_different_checks_keeps_its_own(run):
    prompt = Task.objects.filter(category__slug="facts").first().messages
    rows = [TaskRow(name, "Facts", prompt, checks=[check]) for name, check in (("a", RIGHT), ("b", {"type": "json"}))]
    save_version(task_set_slug="facts", rows=rows, source="test")
    asked, _ = ask_rescore(run=run, who="Mara")
    assert rescore(pk=asked.pk).changed == 0


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_the_command_says_what_changed(run):
    version_with(RIGHT)
    out = StringIO()
    call_command("rescore", task_set="facts", stdout=out, stderr=StringIO())
    assert out.getvalue() == "6 answers scored again, 6 changed: 3 now pass, 0 now fail.\n"
    with pytest.raises(CommandError, match="Known: facts"):
        call_command("rescore", task_set="nothing")
    with pytest.raises(CommandError, match="no run 999"):
        call_command("rescore", run=999)


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_pages_and_the_api_tell_rates_with_intervals_and_ask_for_scoring(run, client_of, make_user):
    version_with(RIGHT)
    editor = client_of(make_user(Role.EDITOR, "mara"))
    run_page, set_page = reverse("evals:run", args=[run.pk]), reverse("evals:task-set", args=["facts"])
    assert "Score the answers again" in words(editor, run_page)
    assert "0 of 3" in words(editor, run_page)
    body = editor.get(reverse("api:run-checks", args=[run.pk])).json()
    assert [row["contender"] for row in body["rows"]] == ["basalt", "granite"]
    assert body["rows"][0]["checks"][0]["type"] == "equals"

    editor.post(reverse("evals:run-rescore", args=[run.pk]))
    editor.post(reverse("evals:task-set-rescore", args=["facts"]))
    for asked in Rescore.objects.order_by("pk"):
        rescore(pk=asked.pk)
    assert "for mara: 6 answers read, 6 changed (3 now pass, 0 now fail)." in words(editor, run_page)
    assert "3 of 3" in words(editor, run_page)
    assert "for mara: 6 answers read, 0 changed." in words(editor, set_page)
    last = editor.get(reverse("api:run-rescore", args=[run.pk])).json()["last"]
    assert (last["read"], last["changed"], last["now_pass"]) == (6, 6, 3)
    assert editor.post(reverse("api:task-set-rescore", args=["facts"])).status_code == 202
    # Reviewers, who are shown these answers blinded, do not read how their writers do.
    reviewer = client_of(make_user(Role.REVIEWER, "nils"))
    assert "0 of 3" not in words(reviewer, run_page)
    assert "Score the answers again" not in words(reviewer, set_page)


@pytest.mark.runs_once(on="sqlite", because="a file")
def test_the_verification_list_is_two_hundred_questions_whose_references_are_right_by_their_checks():
    path = Path(settings.BASE_DIR) / "examples" / "verification.jsonl"
    with path.open("rb") as stream:
        done = import_tasks(source=Source(stream, path.name), task_set="verification")
    assert (done.ids, done.tasks_new, done.with_checks) == (200, 200, 200)
    assert set(done.by_category.values()) == {20}
    for task in Task.objects.all():
        (check,) = task.checks
        assert check["type"] == "reference"
        right = [check["value"], *check.get("accepted", ())]
        for text in (*right, f"**{check['value']}**.", f" {check['value']}\n"):
            assert run_checks([check], text=text)[0]["ok"], (task.messages, text)
        assert not run_checks([check], text="I have no idea, it is perhaps the 123456th zebra.")[0]["ok"], task.messages
