"""The first page says what is true and what to do next, to each role its own."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from arena.models import Role
from evals.collection.services import start_run
from evals.models import Contender, Generation, Provider, Task, TaskSet, TaskSetItem, TaskSetVersion
from evals.models.task_sets import Category

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.runs_once(on="sqlite", because="what pages say; tests/routing/test_links.py opens them on PostgreSQL"),
]


def home(client):
    response = client.get("/")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


@pytest.fixture
def ready(editor_user):
    """A task with answers by two contenders, and a run that asks a third."""
    category = Category.objects.create(slug="code", name="Code")
    version = TaskSetVersion.objects.create(
        task_set=TaskSet.objects.create(slug="nightly", name="Nightly"), n=1, sha256="0" * 64
    )
    task = Task.objects.create(category=category, digest="a", messages=[{"role": "user", "content": "?"}])
    TaskSetItem.objects.create(version=version, task=task, external_id="1", position=1)
    provider = Provider.objects.create(slug="quarry", name="Quarry", base_url="https://quarry.example/v1")
    made = [
        Contender.objects.create(slug=slug, family=slug, provider=provider, model_name=slug)
        for slug in ("basalt", "granite", "marble")
    ]
    for contender in made[:2]:
        Generation.objects.create(task=task, contender=contender, state="done", text=contender.slug)
    return start_run(version=version, contenders=made, started_by=editor_user)


def test_a_stranger_reads_what_it_is_and_how_to_get_in():
    html = home(Client())
    assert "Blind votes on your own prompts" in html
    assert "sign_in_link" in html


def test_an_empty_installation_leads_through_the_steps(client_of, editor_user):
    html = home(client_of(editor_user))
    assert "Your first table" in html
    assert "0 of at least 2" in html
    assert "/task-sets/new/" in html


def test_imported_contenders_count_but_cannot_be_asked(client_of, editor_user):
    provider = Provider.objects.create(slug="imported", name="Collected elsewhere", kind="imported")
    for slug in ("basalt", "granite"):
        Contender.objects.create(slug=slug, family=slug, provider=provider, model_name=slug)
    Contender.objects.create(slug="old", family="old", provider=provider, model_name="old", retired_at=timezone.now())
    TaskSet.objects.create(slug="nightly", name="Nightly")
    html = home(client_of(editor_user))
    assert "0 answers," in html
    assert "2 of at least 2" in html
    assert "A run needs a contender to ask." in html


@pytest.mark.parametrize(
    ("role", "votes", "collects"),
    [(Role.VIEWER, False, False), (Role.REVIEWER, True, False), (Role.EDITOR, True, True), (Role.ADMIN, True, True)],
)
def test_each_role_is_offered_what_it_may_do(client_of, make_user, ready, role, votes, collects):
    html = home(client_of(make_user(role, "somebody")))
    assert ("Vote in code" in html) == votes
    assert ("New run" in html) == collects


def test_what_collects_is_counted(client_of, viewer_user, ready):
    html = home(client_of(viewer_user))
    assert f"Run {ready.pk}" in html
    assert "2 of 3 answers are in." in html
    assert "Answers are ready for 1 task; no votes yet." in html
