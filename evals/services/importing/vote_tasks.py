"""Which task, and so which category, each imported vote is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from evals.models import Category
from evals.services.categories import CategoryNameError, named_categories
from evals.services.importing.errors import Problems
from evals.services.importing.known import KnownTasks
from evals.services.importing.vote_rows import Verdict
from evals.services.task_sets import add_tasks_known_by_id

__all__ = ["Place", "tasks_voted_on"]

_Question = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Place:
    task_id: int
    category_id: int


def tasks_voted_on(
    verdicts: Iterable[Verdict], *, category: str, source: str, problems: Problems
) -> tuple[dict[_Question, Place], int]:
    """The place of each (task set, question), and how many tasks are new.

    A task the set has keeps its own category, and a row that says otherwise is a problem: a vote cannot count in
    two. One the set does not have is made, known by its id, in the category its rows name, else in `category`.
    """
    known = KnownTasks()
    named, lines = _named_by(verdicts, category, known)
    try:
        categories = named_categories(lines)
    except CategoryNameError as error:
        problems.add(lines[error.name], str(error))
        return {}, 0
    by_id = {one.pk: one for one in categories.values()}
    by_id |= Category.objects.in_bulk({one.category_id for slug in known.seen for one in known.of(slug).values()})
    places: dict[_Question, Place] = {}
    new: dict[str, dict[str, Category]] = {}
    for (task_set, question), names in named.items():
        there = known.find(task_set, question)
        meant = by_id[there.category_id] if there else None
        for name, line in names.items():
            says = categories[name] if name else None
            meant = meant or says
            if meant is None:
                problems.add(line, f"question “{question}” has no category. Give --category, or a column for it.")
            elif says is not None and says != meant:
                problems.add(line, _conflict(task_set, question, meant, says))
        if there:
            places[task_set, question] = Place(there.task_id, there.category_id)
        elif meant is not None:
            new.setdefault(task_set, {})[question] = meant
    if problems.total:
        return {}, 0
    for task_set, questions in new.items():
        made = add_tasks_known_by_id(task_set_slug=task_set, categories=questions, source=f"votes in {source}")
        places |= {(task_set, question): Place(made[question], one.pk) for question, one in questions.items()}
    return places, sum(map(len, new.values()))


def _named_by(
    verdicts: Iterable[Verdict], default: str, known: KnownTasks
) -> tuple[dict[_Question, dict[str, int]], dict[str, int]]:
    """For each question the categories its rows name, and for each category name, the first line that does."""
    named: dict[_Question, dict[str, int]] = {}
    lines: dict[str, int] = {}
    for verdict in verdicts:
        name = verdict.category
        if not name and known.find(verdict.task_set, verdict.question) is None:
            name = default
        named.setdefault((verdict.task_set, verdict.question), {}).setdefault(name, verdict.line)
        if name:
            lines.setdefault(name, verdict.line)
    return named, lines


def _conflict(task_set: str, question: str, meant: Category, says: Category) -> str:
    return (
        f"question “{question}” of {task_set} is in the category “{meant.name}”, and this row says “{says.name}”. "
        "Correct the row, or leave the column out: --map category="
    )
