"""Task ids in a file of answers or votes: looked up once for each task set it names."""

from __future__ import annotations

from typing import Any

from evals.selectors.task_sets import KnownTask, known_tasks
from evals.services.importing.errors import BadValueError
from evals.services.importing.values import is_missing, name_text
from evals.services.task_sets import TaskSetError, check_task_set_slug

__all__ = ["KnownTasks"]


class KnownTasks:
    def __init__(self) -> None:
        self._sets: dict[str, dict[str, KnownTask]] = {}

    @property
    def seen(self) -> tuple[str, ...]:
        return tuple(self._sets)

    def task_set(self, value: Any, default: str) -> str:
        """The row's own task set, else the one the caller named."""
        if is_missing(value):
            return default
        slug = name_text(value, "task_set", longest=80)
        if slug not in self._sets:
            try:
                check_task_set_slug(slug)
            except TaskSetError as error:
                raise BadValueError(str(error)) from None
        return slug

    def find(self, task_set: str, external_id: str) -> KnownTask | None:
        return self.of(task_set).get(external_id)

    def of(self, task_set: str) -> dict[str, KnownTask]:
        if task_set not in self._sets:
            self._sets[task_set] = known_tasks(task_set)
        return self._sets[task_set]
