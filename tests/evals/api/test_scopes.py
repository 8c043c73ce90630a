"""What a token's scopes and a person's role let them read and write."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from arena.models import ApiToken, Role

pytestmark = pytest.mark.django_db

OPEN = ("task-sets", "task-sets/code", "task-sets/code/tasks", "providers", "providers/ollama", "contenders")
OPEN += ("contenders/kiesel", "runs", "leaderboards", "leaderboards/code")
# They say which contender wrote which text, or who voted for what.
CLOSED = ("generations", "votes")


def status(client: Client, path: str) -> int:
    return client.get(f"/api/v1/{path}").status_code


@pytest.mark.parametrize("path", OPEN + CLOSED)
def test_a_token_reads_with_evals_read_and_not_without(stocked, program: Callable[..., Client], path: str):
    assert status(program("evals:read"), path) == 200
    assert status(program("evals:write", "routing:read"), path) == 403
    assert status(Client(), path) == 401


@pytest.mark.parametrize("role", list(Role))
def test_whoever_is_shown_answers_as_a_and_b_cannot_look_up_who_wrote_them(stocked, make_user, client_of, role: Role):
    client = client_of(make_user(role))
    # A reviewer votes in the category: its board would tell them who wrote what.
    board = 403 if role == Role.REVIEWER else 200
    assert {status(client, path) for path in OPEN if path != "leaderboards/code"} == {200}
    assert status(client, "leaderboards/code") == board
    expected = 200 if role.rank >= Role.EDITOR.rank else 403
    assert {status(client, path) for path in CLOSED} == {expected}
    run, generation, vote = stocked["run"], stocked["run"].items.first().generation_id, stocked["votes"][0].pk
    assert status(client, f"runs/{run.pk}") == 200
    assert {status(client, f"generations/{generation}"), status(client, f"votes/{vote}")} == {expected}


def test_nothing_open_to_a_reviewer_holds_an_answer(stocked, client_of, reviewer_user):
    client = client_of(reviewer_user)
    for path in (*OPEN, f"runs/{stocked['run'].pk}"):
        assert "kiesel says" not in client.get(f"/api/v1/{path}").content.decode()


@pytest.mark.parametrize(("role", "told"), [(Role.REVIEWER, None), (Role.EDITOR, {"model_a": "kiesel"})])
def test_what_else_stood_in_a_task_file_is_not_for_reviewers(stocked, make_user, client_of, role: Role, told: Any):
    """Files of comparisons carry answers and the names of their writers beside the prompt."""
    stocked["task_set"].versions.get().items.update(metadata={"model_a": "kiesel"})
    [task, *_] = client_of(make_user(role)).get("/api/v1/task-sets/code/tasks").json()["results"]
    assert task["metadata"] == told


@pytest.mark.parametrize("path", ["task-sets", "contenders", "runs"])
def test_writing_needs_its_own_scope(stocked, program: Callable[..., Client], path: str):
    def post(client: Client) -> int:
        return client.post(f"/api/v1/{path}", {}, content_type="application/json").status_code

    assert post(program("evals:read")) == 403
    assert post(program("evals:write")) == 400
    assert post(Client()) == 401


@pytest.mark.parametrize(("role", "expected"), [(Role.VIEWER, 403), (Role.REVIEWER, 403), (Role.EDITOR, 400)])
def test_writing_needs_an_editor(stocked, make_user, client_of, role: Role, expected: int):
    client = client_of(make_user(role))
    assert client.post("/api/v1/contenders", {}, content_type="application/json").status_code == expected


def test_a_persons_post_needs_its_csrf_token_and_a_programs_does_not(stocked, editor_user, program):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(editor_user)
    assert browser.post("/api/v1/contenders", {}, content_type="application/json").status_code == 403
    token = program("evals:write")
    token.handler.enforce_csrf_checks = True
    assert token.post("/api/v1/contenders", {}, content_type="application/json").status_code == 400


def test_a_refusal_names_the_scope(stocked, program: Callable[..., Client]):
    body = program("routing:read").get("/api/v1/votes").json()
    assert body["detail"] == "This needs the scope evals:read, which your token lacks."


@pytest.mark.parametrize("change", [{"revoked": True}, {"expiry_date": timezone.now() - timedelta(seconds=1)}])
def test_a_token_that_ended_is_none(stocked, program: Callable[..., Client], change: dict[str, Any]):
    client = program("evals:read")
    ApiToken.objects.update(**change)
    assert status(client, "contenders") == 401


@pytest.mark.parametrize("header", ["Bearer", "Bearer x", "Bearer a.b", "Bearer .", "Bearer é.ü", "bearer a.b c"])
def test_a_header_that_is_no_token(stocked, header: str):
    answer = Client(headers={"Authorization": header}).get("/api/v1/contenders")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer["Content-Type"] == "application/problem+json"
