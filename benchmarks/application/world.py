"""A category in which a hundred thousand votes were cast, put in as its owner would: through the imports."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import NamedTuple

import numpy as np
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from arena.accounts.services import save_person
from arena.models import Role, User
from evals.catalog.queries.task_sets import known_tasks
from evals.models import Ballot, Battle, Category, Contender, Generation, Reviewer
from evals.models.bulk import insert
from evals.transfer.files.text import Source
from evals.transfer.generations import import_generations
from evals.transfer.tasks import import_tasks
from evals.transfer.votes import import_votes
from evals.voting.reviewers import reviewer_of

__all__ = ["CATEGORY", "Shape", "build"]

CATEGORY = "support"
TASK_SET = "tickets"
_BALLOT = (
    "token",
    "battle_id",
    "reviewer_id",
    "left",
    "state",
    "reserved_until",
    "shown_at",
    "closed_at",
    "counted_at",
)
_SENTENCE = "The order was sent on Monday, and the refund is due once our courier has seen it come back."


class Shape(NamedTuple):
    """`reviewers` differ in diligence: the n-th casts 1/n as many votes as the first."""

    votes: int = 100_000
    contenders: int = 20
    tasks: int = 2_000
    reviewers: int = 30


class Votes(NamedTuple):
    """One an element, all by number; no reviewer judges one battle twice."""

    reviewer: np.ndarray
    task: np.ndarray
    first: np.ndarray
    second: np.ndarray
    winner: np.ndarray


def build(shape: Shape, during_votes: AbstractContextManager[object]) -> User:
    """Tasks, answers by everybody, votes, and the ballots they were cast on. Returns a person who may vote, and who has
    closed as many ballots as the most diligent of the reviewers. `during_votes` is entered while votes are imported."""
    call_command("migrate", verbosity=0)
    user, _ = save_person(username="mara", role=Role.REVIEWER)
    import_tasks(source=_jsonl("tickets.jsonl", _tasks(shape)), task_set=TASK_SET, category=CATEGORY)
    import_generations(source=_jsonl("answers.jsonl", _answers(shape)), task_set=TASK_SET)
    votes = _drawn(shape)
    file = _csv("votes.csv", votes)
    with during_votes:
        import_votes(source=file, task_set=TASK_SET, category=CATEGORY)
    _show(shape, votes, user)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")  # as its own autovacuum does within a minute
    return user


def _model(k: int) -> str:
    return f"contender-{k:02d}"


def _tasks(shape: Shape) -> Iterable[dict[str, object]]:
    return ({"id": f"t{n}", "prompt": f"Ticket {n}: where is my order? {_SENTENCE}"} for n in range(shape.tasks))


def _answers(shape: Shape) -> Iterable[dict[str, object]]:
    for n in range(shape.tasks):
        for k in range(shape.contenders):
            text = f"Ticket {n}, in words number {k}. {' '.join([_SENTENCE] * 7)}"
            yield {"task": f"t{n}", "model": _model(k), "text": text, "latency_ms": 900}


def _drawn(shape: Shape) -> Votes:
    """Uniform pairs and tasks; outcomes by Davidson's model, tastes and both bad included."""
    rng = np.random.default_rng(7)
    diligence = 1 / np.arange(1, shape.reviewers + 1)
    n = int(shape.votes * 1.5)
    reviewer = rng.choice(shape.reviewers, n, p=diligence / diligence.sum())
    task = rng.integers(shape.tasks, size=n)
    first = rng.integers(shape.contenders, size=n)
    second = (first + 1 + rng.integers(shape.contenders - 1, size=n)) % shape.contenders
    battle = (task * shape.contenders + np.minimum(first, second)) * shape.contenders + np.maximum(first, second)
    _, kept = np.unique(battle * shape.reviewers + reviewer, return_index=True)
    kept = np.sort(kept)[: shape.votes]
    assert len(kept) == shape.votes, "too few battles for so many votes: give it more tasks"
    reviewer, task, first, second = reviewer[kept], task[kept], first[kept], second[kept]
    theta = rng.normal(0, 0.5, shape.contenders) + rng.normal(0, 0.3, (shape.reviewers, shape.contenders))
    odds = np.exp((theta[reviewer, first] - theta[reviewer, second]) / 2)
    chance = rng.random(shape.votes) * (odds + 1 / odds + 0.5) / 0.93
    winner = np.select([chance < odds, chance < odds + 1 / odds, chance < odds + 1 / odds + 0.5], [0, 1, 2], 3)
    return Votes(reviewer, task, first, second, winner)


def _show(shape: Shape, votes: Votes, user: User) -> None:
    """What the reviewers of the imported votes were shown, as if they had voted here: drawing looks at that."""
    tasks = known_tasks(TASK_SET)
    task_ids = np.array([tasks[f"t{n}"].task_id for n in range(shape.tasks)])
    by_slug = dict(Contender.objects.values_list("slug", "pk"))
    answers = {(task, who): pk for pk, task, who in Generation.objects.values_list("pk", "task_id", "contender_id")}
    contender_ids = [by_slug[_model(k)] for k in range(shape.contenders)]
    reviewer_ids = [reviewer_of(user).pk, *_reviewers(shape)[1:]]
    shown = []
    for r, t, a, b, _ in zip(*votes, strict=True):
        one, other = (answers[int(task_ids[t]), contender_ids[k]] for k in (a, b))
        shown.append((int(task_ids[t]), min(one, other), max(one, other), reviewer_ids[r]))
    insert(
        Battle,
        ("task_id", "lo_id", "hi_id", "created_at"),
        ((*battle, timezone.now()) for battle in sorted({row[:3] for row in shown})),
    )
    battles = {row[1:]: row[0] for row in Battle.objects.values_list("pk", "lo_id", "hi_id")}
    # One a minute until now.
    first = timezone.now() - timedelta(minutes=shape.votes)
    category = Category.objects.get(slug=CATEGORY).pk
    same = {
        "category_id": category,
        "choice": "tie",
        "strength": "",
        "reasons": [],
        "dimensions": {},
        "comment": "",
        "skip_reason": "",
    }
    ballots = (
        (f"{n:022d}", battles[lo, hi], reviewer, "lo", "voted", *[first + timedelta(minutes=n)] * 4, *same.values())
        for n, (_, lo, hi, reviewer) in enumerate(shown)
    )
    insert(Ballot, (*_BALLOT, *same), ballots)


def _reviewers(shape: Shape) -> list[int]:
    names = {f"judge {r:02d}": r for r in range(shape.reviewers)}
    found = {name: pk for pk, name in Reviewer.objects.filter(name__in=names).values_list("pk", "name")}
    return [found[name] for name in names]


def _jsonl(name: str, rows: Iterable[dict[str, object]]) -> Source:
    return Source(io.BytesIO("".join(json.dumps(row) + "\n" for row in rows).encode()), name)


def _csv(name: str, votes: Votes) -> Source:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["question_id", "model_a", "model_b", "winner", "judge"])
    labels: Sequence[str] = ("model_a", "model_b", "tie", "tie (bothbad)")
    for r, t, a, b, w in zip(*(column.tolist() for column in votes), strict=True):
        writer.writerow([f"t{t}", _model(a), _model(b), labels[w], f"judge {r:02d}"])
    return Source(io.BytesIO(text.getvalue().encode()), name)
