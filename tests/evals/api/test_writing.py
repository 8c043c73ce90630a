"""Task sets, contenders and runs made by programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from evals.models import Contender, Generation, Provider, Run, TaskSet
from evals.transfer.api import TaskSetFileIn
from evals.transfer.forms import TaskSetForm

pytestmark = pytest.mark.django_db

TASKS = [
    {"id": "1", "category": "SQL", "prompt": "Count the rows."},
    {"id": "2", "category": "SQL", "messages": [{"role": "user", "content": "Join them."}], "owner": "mara"},
]


@pytest.fixture
def post(program) -> Callable[[str, Any], Any]:
    client: Client = program("evals:write", "evals:read")

    def post(path: str, body: Any) -> Any:
        return client.post(f"/api/v1/{path}", body, content_type="application/json")

    return post


def test_a_task_set_and_its_next_version(post):
    first = post("task-sets", {"slug": "sql", "name": "SQL", "local_only": True, "tasks": TASKS})
    assert (first.status_code, first.json()["version"], first.json()["tasks_new"]) == (201, 1, 2)
    assert TaskSet.objects.get().local_only
    same = post("task-sets", {"slug": "sql", "tasks": TASKS})
    assert (same.status_code, same.json()["unchanged"]) == (200, True)
    more = post("task-sets", {"slug": "sql", "tasks": [*TASKS, {"id": "3", "category": "SQL", "prompt": "Third"}]})
    assert (more.json()["version"], more.json()["tasks_new"], more.json()["tasks_kept"]) == (2, 1, 2)
    assert TaskSet.objects.get().local_only


def test_a_task_set_from_a_file_and_its_rows_with_errors(program):
    client: Client = program("evals:write", "evals:read")

    def send(content: str, path: str = "task-set-files", **fields: Any) -> Any:
        upload = SimpleUploadedFile("tasks.csv", content.encode())
        return client.post(f"/api/v1/{path}", {"slug": "sql", "category": "SQL", "file": upload, **fields})

    good = "id;text\n1;Count the rows.\n"
    first = send(good, columns="prompt=text")
    assert (first.status_code, first.json()["version"], first.json()["tasks_new"]) == (201, 1, 1)
    bad = send("id;prompt\n1;Count.\n2;\n")
    assert (bad.status_code, list(bad.json()["errors"]["file"])) == (400, ["3"])
    marked = send("id;prompt\n1;Count.\n2;\n", "task-set-files/errors")
    assert (marked.status_code, "has no prompt" in marked.content.decode()) == (200, True)
    assert send("id;prompt\n1;Count.\n", "task-set-files/errors").status_code == 204
    assert list(send(good, format="csv").json()["errors"]) == ["format"]
    assert TaskSet.objects.get().versions.count() == 1


def test_a_bad_task_is_named_by_its_place_and_nothing_is_written(post):
    answer = post("task-sets", {"slug": "sql", "tasks": [*TASKS, {"id": "3", "category": "SQL"}]})
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert list(answer.json()["errors"]["tasks"]) == ["3"]
    assert not TaskSet.objects.exists()


@pytest.mark.parametrize("body", [{}, {"slug": "new", "tasks": TASKS}, {"slug": "sql", "tasks": []}, [], "x"])
def test_a_task_set_that_cannot_be(post, body: Any):
    answer = post("task-sets", body)
    assert answer.status_code == 400
    assert not TaskSet.objects.exists()


def test_a_body_that_is_too_large_is_refused_as_a_problem(post, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = post("task-sets", {"slug": "sql", "tasks": TASKS * 20})
    assert (answer.status_code, answer["Content-Type"]) == (413, "application/problem+json")
    assert "1,000 bytes" in answer.json()["detail"]
    assert not TaskSet.objects.exists()


def contender(**changes: Any) -> dict[str, Any]:
    return {"slug": "basalt", "provider": "ollama", "model_name": "basalt-7b"} | changes


def test_a_contender(stocked, post):
    answer = post("contenders", contender(settings={"temperature": 0.1}, usd_per_mtok_input="0.5"))
    assert answer.status_code == 201
    body = answer.json()
    assert (body["slug"], body["settings"], body["usd_per_mtok_input"]) == ("basalt", {"temperature": 0.1}, 0.5)
    assert (body["usd_per_mtok_output"], body["used_at"]) == (None, None)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"slug": "kiesel"}, "slug"),
        ({"slug": "new"}, "slug"),
        ({"provider": "nobody"}, "provider"),
        ({"settings": {"api_key": "x"}}, "settings"),
        ({"settings": "x"}, "settings"),
        ({"settings": {"stop": "a\x00b"}}, "settings"),
        ({"usd_per_mtok_input": -1}, "usd_per_mtok_input"),
        ({"context_tokens": 2**40}, "context_tokens"),
        ({"model_name": ""}, "model_name"),
    ],
)
def test_a_contender_that_cannot_be(stocked, post, change: dict[str, Any], field: str):
    answer = post("contenders", contender(**change))
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]
    assert not Contender.objects.filter(slug="basalt").exists()


def test_a_run_starts_and_links_what_there_is(stocked, post):
    post("contenders", contender())
    budget = {"budget_usd": "2.50", "allow_unknown_costs": True}
    answer = post("runs", {"task_set": "code", "contenders": ["kiesel", "basalt"], **budget})
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert (body["progress"]["total"], body["progress"]["linked"], body["progress"]["waiting"]) == (6, 3, 3)
    assert (body["version"], body["budget_usd"]) == (1, 2.5)
    assert Generation.objects.filter(contender__slug="basalt", state="waiting").count() == 3
    assert Contender.objects.get(slug="basalt").used_at is not None


def test_a_run_without_contenders_asks_all_that_can_be(stocked, post):
    assert post("runs", {"task_set": "code"}).json()["contenders"] == ["granit", "kiesel"]


def test_a_run_without_contenders_asks_the_newest_revision_of_each(stocked, post):
    older = stocked["contenders"][0]
    Contender.objects.create(slug="kiesel@2", family="kiesel", revision=2, provider=older.provider, model_name="k")
    assert post("runs", {"task_set": "code"}).json()["contenders"] == ["granit", "kiesel@2"]


def test_a_run_without_contenders_keeps_what_is_local_only_in_the_house(stocked, post):
    post("task-sets", {"slug": "sql", "local_only": True, "tasks": TASKS})
    cloud = Provider.objects.create(slug="cloud", name="Cloud", base_url="https://cloud.example/v1", locality="hosted")
    Contender.objects.create(slug="cirrus", family="cirrus", provider=cloud, model_name="c")
    assert post("runs", {"task_set": "sql"}).json()["contenders"] == ["granit", "kiesel"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"task_set": "nothing"}, "task_set"),
        ({"version": 9}, "version"),
        ({"contenders": ["nobody"]}, "contenders"),
        ({"samples": 0}, "samples"),
        ({"samples": 10**6}, "samples"),
        ({"budget_usd": -1}, "budget_usd"),
    ],
)
def test_a_run_that_cannot_be(stocked, post, change: dict[str, Any], field: str):
    answer = post("runs", {"task_set": "code"} | change)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]
    assert Run.objects.count() == 1


def test_what_stays_in_the_house_is_not_sent_out_through_the_api_either(stocked, post):
    post("task-sets", {"slug": "sql", "local_only": True, "tasks": TASKS})
    Provider.objects.update(locality="hosted")
    for named in ([], ["kiesel"]):
        answer = post("runs", {"task_set": "sql", "contenders": named})
        assert answer.status_code == 400
        assert "local_only" in answer.json()["errors"]["contenders"][0]


def test_a_body_that_is_no_json_is_a_problem(stocked, post):
    answer = post("runs", "{")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


def test_a_body_nested_too_deep_is_a_problem(stocked, post):
    answer = post("contenders", "[" * 200_000)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_contenders_price_says_whose_it_is_and_how_old(stocked, post):
    prices = {"usd_per_mtok_input": "1", "usd_per_mtok_output": "2", "usd_per_mtok_cached_input": "0.1"}
    body = post("contenders", contender(**prices, price_source="a page", priced_at="2026-01-02")).json()
    assert (body["price"]["source"], body["price"]["as_of"], body["price"]["stale"]) == (
        "contender",
        "2026-01-02",
        True,
    )
    assert (body["price"]["cached_input"], body["price"]["where"]) == (0.1, "a page")
    assert post("contenders", contender(slug="other")).json()["price"] is None


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_run_is_estimated_without_starting_it(stocked, post):
    n = Run.objects.count()
    wanted = {"task_set": "code", "contenders": ["kiesel"], "fresh": True, "budget_usd": "5"}
    answer = post("runs/estimate", wanted)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["calls"], body["usd_known"], body["rows"][0]["usd"]) == (body["tasks"], False, None)
    assert "cannot be kept" in body["problem"]
    refused = post("runs", wanted)
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["allow_unknown_costs"])
    assert Run.objects.count() == n


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_run_is_steered(stocked, post):
    run = post("runs", {"task_set": "code", "contenders": ["kiesel"], "fresh": True, "warm_up_calls": 2}).json()
    assert run["warm_up_calls"] == 2
    path = f"runs/{run['id']}"
    assert post(f"{path}/pause", {}).json()["state"] == "paused"
    assert post(f"{path}/resume", {}).json()["state"] == "collecting"
    assert post(f"{path}/budget", {"budget_usd": "3"}).status_code == 400
    changed = post(f"{path}/budget", {"budget_usd": "3", "allow_unknown_costs": True}).json()
    assert (changed["budget_usd"], changed["allow_unknown_costs"]) == (3, True)
    assert post(f"{path}/retry", {"errors": ["nonsense"]}).status_code == 400
    assert post(f"{path}/retry", {"errors": ["auth"]}).json()["state"] == "collecting"
    stopped = post(f"{path}/stop", {}).json()
    assert (stopped["state"], stopped["reason"].startswith("Stopped by")) == ("stopped", True)
    assert post("runs/999999/stop", {}).status_code == 404


def test_the_schema_of_a_file_names_what_the_page_takes():
    """The endpoint reads the page's form, so a field that one of them lacks would be dropped or refused."""
    told = TaskSetFileIn().fields
    assert set(told) == {*TaskSetForm.base_fields, "dry_run"}
    for name in ("file_format", "sample_by"):
        choices = dict(TaskSetForm.base_fields[name].choices)
        assert list(told[name].choices) == list(choices)
    required = {name for name, field in TaskSetForm.base_fields.items() if field.required}
    assert {name for name, field in told.items() if field.required} == required
    for name in ("slug", "name", "category", "sheet", "confirmed"):
        assert told[name].max_length == TaskSetForm.base_fields[name].max_length
