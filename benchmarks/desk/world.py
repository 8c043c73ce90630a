"""A team's year: four categories, a hundred contenders who answered everything, two hundred people who voted.

Put in by bulk inserts: through the imports and the voting page it would take hours. What the application keeps of it
(tallies, counters, leaderboards, figures) is made by the application itself.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, transaction
from django.utils import timezone

from arena.accounts.services import save_person
from arena.models import Role, User
from evals.collection.quarantine.cases import detected
from evals.leaderboards import evidence
from evals.leaderboards.ranking import rank_category
from evals.models import (
    Attempt,
    Ballot,
    Battle,
    Category,
    Contender,
    Generation,
    Leaderboard,
    Ledger,
    Provider,
    Run,
    RunItem,
    Task,
    TaskSet,
    TaskSetItem,
    TaskSetVersion,
    Vote,
)
from evals.models.bulk import insert
from evals.models.counts import fold
from evals.voting.category_settings import add_reason
from evals.voting.queries import agreement
from evals.voting.reviewers import reviewer_of

__all__ = ["SMALL", "Shape", "build"]

_SENTENCE = "The order was sent on Monday, and the refund is due once our courier has seen it come back. "
_CHOICES = np.array(["left", "right", "tie", "both_bad"])
_NAMES = ("support", "extraction", "summaries", "code")


class Shape(NamedTuple):
    """Of all categories together; the n-th reviewer casts 1/n as many votes as the first. `boards`: earlier
    leaderboards of each category."""

    contenders: int = 100
    tasks: int = 1000
    votes: int = 1_000_000
    reviewers: int = 200
    runs: int = 24
    boards: int = 100


SMALL = Shape(contenders=10, tasks=80, votes=4000, reviewers=12, runs=4, boards=5)


def build(shape: Shape) -> User:
    """Returns an admin who has voted. The database is migrated and empty."""
    now = timezone.now()
    people = [save_person(username=f"person-{n:03d}", role=Role.REVIEWER)[0] for n in range(shape.reviewers - 1)]
    admin, _ = save_person(username="mara", role=Role.ADMIN)
    reviewers = [reviewer_of(user).pk for user in (admin, *people)]
    contenders = _contenders(shape, now)
    with transaction.atomic():
        for k, name in enumerate(_NAMES):
            _category(shape, k, name, contenders, reviewers, admin, now)
    _quarantine(now)
    for category in Category.objects.all():
        rank_category(category_id=category.pk, rebuild=True)
        _earlier_boards(category, shape.boards)
    # What the sweep does in a year's minutes.
    while agreement.refresh() + evidence.refresh():
        pass
    fold()
    call_command("publish", verbosity=0, stdout=io.StringIO())
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")  # as its own autovacuum does within a minute
    return admin


def _contenders(shape: Shape, now: datetime) -> list[int]:
    providers = [
        Provider.objects.create(
            slug=f"provider-{n}", name=f"Provider {n}", base_url=f"http://127.0.0.1:9/{n}/v1", locality=where
        )
        for n, where in enumerate(("hosted", "hosted", "local", "hosted"))
    ]
    made = [
        Contender.objects.create(
            slug=f"contender-{n:03d}",
            family=f"contender-{n:03d}",
            provider=providers[n % len(providers)],
            model_name=f"model-{n}",
            usd_per_mtok_input=1 + n % 7,
            usd_per_mtok_output=3 + n % 11,
            used_at=now - timedelta(days=300),
            kind="openai",
            base_url=f"http://127.0.0.1:9/{n % len(providers)}/v1",
            retired_at=now if n % 25 == 24 else None,
        )
        for n in range(shape.contenders)
    ]
    return [one.pk for one in made]


def _category(
    shape: Shape, k: int, name: str, contenders: list[int], reviewers: list[int], admin: User, now: datetime
) -> None:
    category = Category.objects.create(slug=name, name=name.title(), overlap=2)
    words = enumerate(("correct", "tone", "complete"), 1)
    why = [add_reason(category=category, key=str(key), label=label, actor=admin).pk for key, label in words]
    n = shape.tasks // len(_NAMES)
    tasks = _tasks(category, n, now)
    version = _task_set(category, tasks, now)
    first = _next(Generation)
    answers = {(task, who): first + i for i, (task, who) in enumerate((t, c) for t in tasks for c in contenders)}
    insert(Generation, *_generations(answers, now))
    insert(Attempt, *_attempts(answers, now))
    _sequence(Generation, Attempt)
    for run in range(max(shape.runs // len(_NAMES), 1)):
        _run(version, list(answers.values()), contenders, now - timedelta(days=30 * run), new=run == 0)
    _votes(shape, k, category, tasks, contenders, answers, reviewers, why, now)


def _next(model: Any) -> int:
    last = model._default_manager.order_by("-pk").values_list("pk", flat=True).first()
    return (last or 0) + 1


def _tasks(category: Category, n: int, now: datetime) -> list[int]:
    rows: Iterator[tuple[Any, ...]] = (
        (category.pk, f"{category.pk:04d}{i:060d}", [{"role": "user", "content": f"Ticket {i}: {_SENTENCE}"}],
         [], [], f"about {i}", [], False, 0, now)
        for i in range(n)
    )  # fmt: skip
    columns = (
        "category_id", "digest", "messages", "images", "tools", "reference", "checks", "local_only", "votes_cast",
        "created_at",
    )  # fmt: skip
    insert(Task, columns, rows)
    return list(Task.objects.filter(category=category).order_by("pk").values_list("pk", flat=True))


def _task_set(category: Category, tasks: list[int], now: datetime) -> TaskSetVersion:
    task_set = TaskSet.objects.create(slug=f"{category.slug}-set", name=f"{category.name} set")
    version = None
    for n in (1, 2):
        version = TaskSetVersion.objects.create(task_set=task_set, n=n, sha256=f"{n:064d}", source="tickets.jsonl")
        items: Iterator[tuple[Any, ...]] = ((version.pk, task, f"t{i}", i, {}) for i, task in enumerate(tasks))
        insert(TaskSetItem, ("version_id", "task_id", "external_id", "position", "metadata"), items)
    assert version is not None
    return version


def _generations(answers: dict[tuple[int, int], int], now: datetime) -> tuple[tuple[str, ...], Iterator[Any]]:
    same: dict[str, Any] = {
        "sample": 1, "take": 1, "not_before": now, "attempts_made": 1, "ahead": False, "thinking": "",
        "finish_reason": "stop", "tool_calls": [], "images": [], "turns": [], "error_detail": "", "cost_usd": None,
        "cost_source": "", "checks": [{"type": "reference", "ok": True, "detail": ""}], "refused": False,
        "quarantine": "", "created_at": now, "finished_at": now,
    }  # fmt: skip
    columns = ("id", "task_id", "contender_id", "state", "error", "text", "ttft_ms", "latency_ms", "tokens_out")
    values = tuple(same.values())

    def rows() -> Iterator[Any]:
        for (task, who), pk in answers.items():
            failed = pk % 50 == 0
            state, error = ("failed", "timeout_total") if failed else ("done", "")
            text = "" if failed else f"Ticket {task}, in words number {who}. {_SENTENCE * (4 + pk % 5)}"
            yield (pk, task, who, state, error, text, 100.0 + pk % 97, 900.0 + pk % 991, 80 + pk % 61, *values)

    return (*columns, *same), rows()


def _attempts(answers: dict[tuple[int, int], int], now: datetime) -> tuple[tuple[str, ...], Iterator[Any]]:
    columns = (
        "generation_id", "n", "started_at", "latency_ms", "tokens_in", "tokens_out", "cost_usd", "cost_source",
        "in_flight", "error", "error_detail",
    )  # fmt: skip
    calls = (
        (pk, 1, now, 900.0 + pk % 991, 60, 80 + pk % 61, (pk % 13) / 10_000, "list", 4,
         "timeout_total" if pk % 50 == 0 else "", "")
        for pk in answers.values()
    )  # fmt: skip
    return columns, calls


def _sequence(*models: Any) -> None:
    """After ids of our own, PostgreSQL's counters stand behind."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for statement in connection.ops.sequence_reset_sql(no_style(), models):
                cursor.execute(statement)


def _run(version: TaskSetVersion, answers: list[int], contenders: list[int], at: datetime, *, new: bool) -> None:
    run = Run.objects.create(
        version=version, state=Run.State.DONE, spent_usd=12.5, priced_calls=len(answers), created_at=at, finished_at=at
    )
    run.contenders.set(contenders)
    insert(RunItem, ("run_id", "generation_id", "linked"), ((run.pk, pk, not new) for pk in answers))


def _votes(
    shape: Shape,
    k: int,
    category: Category,
    tasks: list[int],
    contenders: list[int],
    answers: dict[tuple[int, int], int],
    reviewers: list[int],
    why: list[int],
    now: datetime,
) -> None:
    rng = np.random.default_rng(7 + k)
    wanted = shape.votes // len(_NAMES)
    size = int(wanted * 1.6)
    diligence = 1 / np.arange(1, len(reviewers) + 1)
    who = rng.choice(len(reviewers), size, p=diligence / diligence.sum())
    task = rng.integers(len(tasks), size=size)
    # Every tenth battle is one that many judge: on those it can be seen whether they agree.
    task = np.where(rng.random(size) < 0.1, task % 5, task)
    a = rng.integers(len(contenders), size=size)
    b = (a + 1 + rng.integers(len(contenders) - 1, size=size)) % len(contenders)
    lo, hi = np.minimum(a, b), np.maximum(a, b)
    battle = (task * len(contenders) + lo) * len(contenders) + hi
    _, kept = np.unique(battle * len(reviewers) + who, return_index=True)
    kept = rng.permutation(kept)[:wanted]
    who, task, lo, hi, battle = (column[kept] for column in (who, task, lo, hi, battle))
    theta = rng.normal(0, 0.5, len(contenders)) + rng.normal(0, 0.3, (len(reviewers), len(contenders)))
    odds = np.exp((theta[who, lo] - theta[who, hi]) / 2)
    chance = rng.random(len(kept)) * (odds + 1 / odds + 0.5) / 0.93
    outcome = np.select([chance < odds, chance < odds + 1 / odds, chance < odds + 1 / odds + 0.5], [0, 1, 2], 3)
    left = rng.integers(2, size=len(kept))
    # On the left stands lo (0) or hi (1).
    choice = np.where(outcome < 2, (outcome != left).astype(int), outcome)
    numbers, at = np.unique(battle, return_inverse=True)
    first = _next(Battle)
    where = divmod(numbers // len(contenders), len(contenders)), numbers % len(contenders)
    (t, low), high = where
    pairs = zip(t.tolist(), low.tolist(), high.tolist(), strict=True)
    insert(
        Battle,
        ("id", "task_id", "lo_id", "hi_id", "created_at"),
        (
            (first + i, tasks[t], answers[tasks[t], contenders[x]], answers[tasks[t], contenders[y]], now)
            for i, (t, x, y) in enumerate(pairs)
        ),
    )
    ballot = _next(Ballot)
    began = now - timedelta(days=200)
    step = timedelta(days=199) / max(len(kept), 1)
    rows = list(zip(*(c.tolist() for c in (who, task, lo, hi, at, outcome, left, choice)), strict=True))
    names = ("lo", "hi", "tie", "both_bad")

    def ballots() -> Iterator[Any]:
        for i, (r, _t, _lo, _hi, battle, _o, side, chosen) in enumerate(rows):
            then = began + step * i
            reasons = [why[i % 3]] if i % 10 == 0 else []
            yield (
                ballot + i, f"{k}{i:021d}", first + battle, category.pk, reviewers[r], names[side], "voted", then,
                then - timedelta(seconds=5 + i % 40), then, str(_CHOICES[chosen]), "", reasons, {},
                f"Comment {i}" if i % 500 == 0 else "", "", then,
            )  # fmt: skip

    insert(
        Ballot,
        ("id", "token", "battle_id", "category_id", "reviewer_id", "left", "state", "reserved_until", "shown_at",
         "closed_at", "choice", "strength", "reasons", "dimensions", "comment", "skip_reason", "counted_at"),
        ballots(),
    )  # fmt: skip

    def votes() -> Iterator[Any]:
        for i, (r, t, x, y, _battle, o, side, _c) in enumerate(rows):
            then = began + step * i
            yield (
                category.pk, i + 1, ballot + i, 1, reviewers[r], tasks[t], contenders[x], contenders[y], names[side],
                names[o], then, then,
            )  # fmt: skip

    insert(
        Vote,
        ("category_id", "seq", "ballot_id", "n", "reviewer_id", "task_id", "lo_id", "hi_id", "left", "outcome",
         "cast_at", "created_at"),
        votes(),
    )  # fmt: skip
    Ledger.objects.filter(category=category).update(seq=len(rows))
    _sequence(Battle, Ballot)


def _quarantine(now: datetime) -> None:
    answers = Generation.objects.filter(state=Generation.State.DONE).order_by("-pk").values_list("pk", flat=True)[:40]
    detected(dict.fromkeys(answers, "names itself"), at=now)
    Generation.objects.filter(pk__in=list(answers)).update(quarantine="names itself")


def _earlier_boards(category: Category, n: int) -> None:
    newest = Leaderboard.objects.filter(category=category).latest("pk")
    columns = (
        "category_id", "seq", "revision", "params_digest", "params", "digest", "method", "votes", "reviewers",
        "result", "computed_at",
    )  # fmt: skip
    seqs = sorted({max(1, newest.seq * i // (n + 1)) for i in range(1, n + 1)} - {newest.seq})
    rows = (
        (category.pk, seq, newest.revision, newest.params_digest, newest.params, newest.digest, newest.method, seq,
         newest.reviewers, newest.result, newest.computed_at - timedelta(hours=newest.seq - seq))
        for seq in seqs
    )  # fmt: skip
    insert(Leaderboard, columns, rows)
