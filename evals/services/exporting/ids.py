"""The id by which a file names a task."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from evals.models import Task, TaskSetItem
from evals.selectors.task_sets import known_tasks

__all__ = ["TaskId", "task_ids", "tasks_of"]


@dataclass(frozen=True, slots=True)
class TaskId:
    """`current` False: a later version gave this id another content, so the id alone would name the wrong task."""

    task_set: str
    external_id: str
    version: int
    current: bool


def task_ids(task_set: str = "") -> dict[int, TaskId]:
    """By task: one of its ids, the same one each time; a current one if it has any. Of one task set, or of all."""
    items = TaskSetItem.objects.filter(version__task_set__slug=task_set) if task_set else TaskSetItem.objects.all()
    rows = items.order_by("version__task_set__slug", "version__n", "position").values_list(
        "task_id", "version__task_set__slug", "external_id", "version__n"
    )
    known: dict[str, dict[str, int]] = {}
    ids: dict[int, TaskId] = {}
    for task_id, slug, external_id, n in rows.iterator():
        if slug not in known:
            known[slug] = {name: task.task_id for name, task in known_tasks(slug).items()}
        found = TaskId(slug, external_id, n, known[slug][external_id] == task_id)
        before = ids.get(task_id)
        if before is None or (found.current and not before.current):
            ids[task_id] = found
    return ids


def tasks_of(task_set: str) -> QuerySet[Task]:
    """For `task__in`: the tasks of every version."""
    return Task.objects.filter(items__version__task_set__slug=task_set)
