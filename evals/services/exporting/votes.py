"""Votes out, in LMArena's columns."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db.models import QuerySet

from evals.models import Category, Vote
from evals.models.votes import LeftSide, Outcome
from evals.selectors.votes import effective_votes
from evals.services.exporting.ids import TaskId, task_ids, tasks_of
from evals.services.exporting.writing import ExportError, write_rows
from evals.services.importing.vote_rows import JUDGES, VOTE_FIELDS

__all__ = ["VotesExported", "export_votes"]


@dataclass(frozen=True)
class VotesExported:
    votes: int
    excluded: int


def export_votes(*, path: str | Path, task_set: str = "", category: str = "") -> VotesExported:
    """The votes that count: none that was changed or taken back, none of an excluded reviewer."""
    categories = Category.objects.filter(slug=category) if category else Category.objects.all()
    if category and not categories:
        raise ExportError(f"There is no category “{category}”.")
    ids = task_ids(task_set)
    if task_set and not ids:
        raise ExportError(f"There is no task set “{task_set}”, or it has no tasks.")
    per_category = [_votes(one, task_set) for one in categories.order_by("pk")]
    judges = _judges(per_category)
    rows = (_row(vote, ids, judges) for votes in per_category for vote in _counting(votes).iterator(chunk_size=2_000))
    excluded = sum(votes.filter(reviewer__excluded_at__isnull=False).count() for votes in per_category)
    return VotesExported(write_rows(path, VOTE_FIELDS, rows), excluded)


def _votes(category: Category, task_set: str) -> QuerySet[Vote]:
    votes = effective_votes(category).select_related("category", "lo", "hi").order_by("seq")
    return votes.filter(task__in=tasks_of(task_set)) if task_set else votes


def _counting(votes: QuerySet[Vote]) -> QuerySet[Vote]:
    return votes.filter(reviewer__excluded_at__isnull=True)


def _judges(per_category: list[QuerySet[Vote]]) -> dict[int, str]:
    """By reviewer: the name, or the handle where two have the same name."""
    columns = ("reviewer_id", "reviewer__name", "reviewer__handle")
    people = {row for votes in per_category for row in _counting(votes).order_by().values_list(*columns).distinct()}
    times = Counter(name for _, name, _ in people)
    return {pk: name if times[name] == 1 else handle.removeprefix(f"{JUDGES}:") for pk, name, handle in people}


def _row(vote: Vote, ids: dict[int, TaskId], judges: dict[int, str]) -> dict[str, Any]:
    a, b = (vote.hi, vote.lo) if vote.left == LeftSide.HI else (vote.lo, vote.hi)
    a_wins = Outcome.HI if vote.left == LeftSide.HI else Outcome.LO
    winner = {Outcome.TIE: "tie", Outcome.BOTH_BAD: "tie (bothbad)", a_wins: "model_a"}
    task = ids.get(vote.task_id)
    return {
        "task_set": task.task_set if task else None,
        "question_id": _question(vote, task),
        "model_a": a.slug,
        "model_b": b.slug,
        "winner": winner.get(Outcome(str(vote.outcome)), "model_b"),
        "judge": judges[vote.reviewer_id],
        "category": vote.category.slug,
        "tstamp": vote.cast_at.timestamp(),
    }


def _question(vote: Vote, task: TaskId | None) -> str:
    """A task whose id stands for something else by now is named by its version too: read again, it is another task."""
    if task is None:
        return f"task-{vote.task_id}"
    return task.external_id if task.current else f"{task.external_id}@{task.version}"
