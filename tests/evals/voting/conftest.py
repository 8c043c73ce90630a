"""A small category to vote in. Everything is made by hand, so that each test says what it stands on."""

from __future__ import annotations

import pytest
from django.utils import timezone

from arena.models import Role
from evals.models import Category, Contender, Generation, Provider, Task
from evals.voting.casting import cast_vote, reopen
from evals.voting.counting import count_votes
from evals.voting.holding import hold
from evals.voting.queries.battles import last_closed
from evals.voting.reviewers import reviewer_of


class World:
    """One category; contenders `one`, `two`, … whose answers differ."""

    def __init__(self, slug="code"):
        self.category = Category.objects.create(
            slug=slug, name=slug.title(), guidelines="Which would you **rather** get?"
        )
        self.provider, _ = Provider.objects.get_or_create(
            slug="quarry", defaults={"name": "Quarry", "kind": "openai", "base_url": "https://quarry.example/v1"}
        )
        self.contenders: list[Contender] = []
        self.tasks: list[Task] = []

    def contender(self, slug, **fields):
        made = Contender.objects.create(
            slug=slug, family=slug, provider=self.provider, model_name=f"{slug}-2026", **fields
        )
        self.contenders.append(made)
        return made

    def task(self, prompt):
        messages = [{"role": "user", "content": prompt}]
        made = Task.objects.create(category=self.category, digest=f"{self.category.slug}:{prompt}", messages=messages)
        self.tasks.append(made)
        return made

    def answer(self, task, contender, text=None, **fields):
        text = f"{contender.slug} answers {task.digest}" if text is None else text
        return Generation.objects.create(
            **{"task": task, "contender": contender, "state": Generation.State.DONE, "text": text} | fields
        )

    def fill(self, contenders=3, tasks=4):
        words = ("granit", "kiesel", "basalt", "schiefer", "marmor", "tuff")
        for name in words[:contenders]:
            self.contender(name)
        for n in range(tasks):
            task = self.task(f"Question {n}?")
            for contender in self.contenders:
                self.answer(task, contender)
        return self


def count_now(category):
    """Count every held vote of the category, as if its time were over."""
    return count_votes(category=category, now=timezone.now() + hold())


def cast(*, ballot, choice, reviewer):
    """Cast and count; the row that the vote became."""
    cast_vote(ballot=ballot, choice=choice, reviewer=reviewer)
    count_now(ballot.category)
    return ballot.votes.filter(category=ballot.category).latest("n")


def undo(reviewer, category):
    """What the desk's button does: back to the battle the reviewer closed last."""
    return reopen(ballot=last_closed(reviewer, category), reviewer=reviewer)


@pytest.fixture
def world(db):
    return World().fill()


@pytest.fixture
def make_reviewer(make_user):
    """`make_reviewer("mara")`: a person who may vote, as a reviewer."""
    return lambda username: reviewer_of(make_user(Role.REVIEWER, username))


@pytest.fixture
def reviewer(make_reviewer):
    return make_reviewer("mara")
