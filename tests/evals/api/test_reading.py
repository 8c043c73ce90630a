"""Lists, details, pages and filters."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from tests.evals.voting.casting import retract

pytestmark = [pytest.mark.django_db, pytest.mark.on_both(because="the API's own queries, filters and order")]


@pytest.fixture
def reader(program) -> Client:
    return program("evals:read")


def get(client: Client, path: str, **query: Any) -> Any:
    answer = client.get(f"/api/v1/{path}", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


@pytest.mark.parametrize("path", ["generations", "contenders", "votes", "task-sets/code/tasks"])
def test_pages_follow_each_other_and_leave_nothing_out(stocked, reader: Client, path: str):
    whole = get(reader, path)["results"]
    seen, address = [], f"/api/v1/{path}?page_size=1"
    while address:
        page = reader.get(address).json()
        assert set(page) == {"next", "previous", "results"}
        seen += page["results"]
        address = page["next"]
    assert seen == whole
    assert len(seen) > 1


def test_a_page_is_never_larger_than_the_most(stocked, reader: Client):
    assert len(get(reader, "generations", page_size=100_000)["results"]) == 6


@pytest.mark.parametrize("cursor", ["x", "cD1hYmM=", "cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk="])
def test_a_made_up_cursor_is_no_failure_of_ours(stocked, reader: Client, cursor: str):
    answer = reader.get("/api/v1/generations", {"cursor": cursor})
    assert answer.status_code in (200, 404)


def test_a_generation_with_every_call_made_for_it(stocked, reader: Client):
    generation = stocked["run"].items.first().generation
    body = get(reader, f"generations/{generation.pk}")
    assert (body["contender"], body["category"], body["text"]) == ("kiesel", "code", "kiesel says 0")
    assert body["cost_usd"] is None
    assert body["attempts"] == []


def test_a_conversation_and_its_tools_are_read_with_every_answer(stocked, reader: Client):
    item = stocked["run"].items.first()
    task, told = item.generation.task, {"ttft_ms": 1.5, "latency_ms": 9.0, "tokens_in": 3, "tokens_out": None}
    call = {"id": "c1", "name": "look", "arguments": "{}"}
    turn = {"text": "First.", "tool_calls": [call], "finish_reason": "stop", "cost_usd": None} | told
    type(item.generation).objects.filter(pk=item.generation.pk).update(turns=[turn | {"thinking": "Hm."}])
    tools = [{"type": "function", "function": {"name": "look"}}]
    gap = {"role": "assistant", "content": ""}
    type(task).objects.filter(pk=task.pk).update(messages=[*task.messages, gap, *task.messages], tools=tools)

    assert get(reader, f"generations/{item.generation.pk}")["turns"] == [turn]
    (read,) = [one for one in get(reader, "task-sets/code/tasks")["results"] if one["task"] == task.pk]
    assert (read["tools"], read["messages"][1]) == (tools, gap)


def test_generations_are_found_by_run_contender_task_set_and_state(stocked, reader: Client):
    run = stocked["run"].pk
    assert len(get(reader, "generations", run=run, contender="kiesel")["results"]) == 3
    assert len(get(reader, "generations", task_set="code", category="code", state="done")["results"]) == 6
    assert get(reader, "generations", run=run + 1)["results"] == []
    assert get(reader, "generations", state="failed")["results"] == []


@pytest.mark.parametrize("query", [{"contendr": "kiesel"}, {"run": "x"}, {"state": "finished"}, {"run": "9" * 40}])
def test_a_filter_that_is_none_is_refused(stocked, reader: Client, query: dict[str, str]):
    answer = reader.get("/api/v1/generations", query)
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == set(query)


def test_votes_name_reviewers_by_pseudonym(stocked, reader: Client):
    body = get(reader, "votes", category="code")
    assert "Mara" not in json.dumps(body)
    newest = body["results"][0]
    vote = stocked["votes"][-1]
    assert newest["reviewer"] == f"R-{vote.reviewer_id:02d}"
    assert (newest["seq"], newest["outcome"], newest["effective"], newest["source"]) == (3, "tie", True, "votes.csv")
    assert {newest["lo"], newest["hi"]} == {"kiesel", "granit"}


def test_a_vote_taken_back_stays_readable(stocked, reader: Client):
    vote = stocked["votes"][0]
    retract(vote)
    retraction, *_, first = get(reader, "votes")["results"]
    assert (retraction["outcome"], retraction["supersedes"], retraction["effective"]) == (None, vote.pk, False)
    assert (first["id"], first["effective"]) == (vote.pk, False)
    assert get(reader, f"votes/{vote.pk}") == first


def test_a_leaderboard_is_the_document_that_rank_prints(stocked, reader: Client):
    out = StringIO()
    call_command("rank", "--json", stdout=out)
    [printed] = json.loads(out.getvalue())["leaderboards"]
    assert get(reader, "leaderboards/code") == printed
    assert get(reader, "leaderboards")["results"] == [printed]
    assert [row["contender"] for row in printed["ratings"]] == ["kiesel", "granit"]


def test_a_run_says_how_far_it_is(stocked, reader: Client):
    body = get(reader, f"runs/{stocked['run'].pk}")
    assert body["contenders"] == ["granit", "kiesel"]
    assert (body["progress"]["total"], body["progress"]["done"]) == (6, 6)
    assert [row["contender"] for row in body["rows"]] == ["granit", "kiesel"]


def test_the_tasks_of_a_version(stocked, reader: Client):
    assert [task["id"] for task in get(reader, "task-sets/code/tasks")["results"]] == ["2", "1", "0"]
    assert get(reader, "task-sets/code")["versions"][0]["n"] == 1
    assert reader.get("/api/v1/task-sets/code/tasks", {"version": 7}).status_code == 404


def test_no_answer_holds_a_key(stocked, reader: Client, secrets: tuple[str, str]):
    for path in ("providers", "providers/ollama", "contenders", "contenders/kiesel", "runs", "generations"):
        text = json.dumps(get(reader, path))
        assert not any(secret in text for secret in secrets)
    assert get(reader, "providers/ollama")["key"] == "stored"


@pytest.mark.parametrize(
    "path",
    [
        "contenders/none",
        "providers/none",
        "task-sets/none",
        "runs/0",
        "generations/99999999999999999999",
        "votes/0",
        "leaderboards/none",
        "nothing-here",
        "routing-not/x",
        "runs/",
        "",
    ],
)
def test_what_is_not_there_is_a_problem_document(stocked, reader: Client, path: str):
    answer = reader.get(f"/api/v1/{path}")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == 404


def test_other_methods_and_other_versions_are_problem_documents_too(stocked, reader: Client):
    for answer, status in (
        (reader.delete("/api/v1/contenders"), 403),
        (reader.post("/api/v1/nothing"), 404),
        (reader.get("/api/v2/contenders"), 404),
    ):
        assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
