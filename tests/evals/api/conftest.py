"""A program with a token, and a little of everything the API shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoDbBlocker

from arena.models import ApiToken
from evals.catalog.services import providers
from evals.catalog.services.contenders import ContenderFields, freeze, save_contender
from evals.catalog.services.providers import ProviderFields, save_provider
from evals.catalog.services.task_sets import TaskRow, save_version
from evals.leaderboards.ranking import rank_category
from evals.models import Contender, Generation, Provider, Run, RunItem, TaskSet, Vote
from tests.databases import stored_for_a_module
from tests.evals.voting import casting

KEY = "sk-very-secret-0123456789"


@pytest.fixture
def program(db: None) -> Callable[..., Client]:
    """`program("evals:read", …)`: a client with a token of these scopes."""

    def make(*scopes: str) -> Client:
        _, key = ApiToken.objects.create_key(name="a program", scopes=list(scopes))
        return Client(headers={"Authorization": f"Bearer {key}"})

    return make


@pytest.fixture(scope="module")
def stock(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A provider with a key, two contenders, a task set, a run with answers, votes and a leaderboard."""
    with stored_for_a_module(django_db_blocker, fill):
        yield


@pytest.fixture
def stocked(stock: None, db: None) -> dict[str, Any]:
    """What `stock` has stored, read anew for this test."""
    return {
        "provider": Provider.objects.get(),
        "contenders": list(Contender.objects.order_by("pk")),
        "task_set": TaskSet.objects.get(),
        "run": Run.objects.get(),
        "votes": list(Vote.objects.order_by("seq")),
    }


def fill() -> None:
    fields = ProviderFields(name="Ollama", base_url="http://127.0.0.1:11434/v1", locality="local")
    provider = save_provider(slug="ollama", fields=fields, api_key=KEY)
    pair = [
        save_contender(slug=slug, fields=ContenderFields(provider=provider, model_name=slug, settings={})).contender
        for slug in ("kiesel", "granit")
    ]
    rows = [TaskRow(str(n), "Code", [{"role": "user", "content": f"Question {n}?"}]) for n in range(3)]
    version = save_version(task_set_slug="code", rows=rows, source="test").version
    run = Run.objects.create(version=version)
    run.contenders.set(pair)
    for contender in pair:
        freeze(contender)
        for item in version.items.all():
            generation = Generation.objects.create(
                task=item.task, contender=contender, state="done", text=f"{contender.slug} says {item.external_id}"
            )
            RunItem.objects.create(run=run, generation=generation)
    category = version.items.first().task.category
    casting.cast(
        category, [("Mara Lind", f"t{n}", "kiesel", "granit", outcome) for n, outcome in enumerate(["lo", "lo", "tie"])]
    )
    rank_category(category_id=category.pk)


@pytest.fixture
def secrets(stocked: dict[str, Any]) -> tuple[str, str]:
    stored = Provider.objects.get(slug="ollama").api_key_encrypted
    assert providers.api_key(stocked["provider"]) == KEY
    return KEY, stored
