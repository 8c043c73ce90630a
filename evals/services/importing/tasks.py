"""Task sets from files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction

from evals.services.importing.errors import BadRowsError, Problems, RowError, UnreadableError
from evals.services.importing.limits import Limits
from evals.services.importing.lines import Source
from evals.services.importing.reading import Layout, read_rows
from evals.services.importing.task_rows import TASK_FIELDS, read_tasks
from evals.services.task_sets import CategoryNameError, TaskRow, TaskSetError, save_version

__all__ = ["TasksImported", "import_tasks"]


@dataclass(frozen=True)
class TasksImported:
    """`ids` counts the rows; `tasks_new` and `tasks_kept` count tasks, of which two ids may share one."""

    task_set: str
    version: int
    unchanged: bool
    ids: int
    tasks_new: int
    tasks_kept: int
    by_category: dict[str, int]
    with_checks: int
    notices: tuple[str, ...]
    dry_run: bool


def import_tasks(
    *,
    source: Source,
    task_set: str,
    category: str = "",
    file_format: str = "auto",
    columns: Mapping[str, str] | None = None,
    local_only: bool | None = None,
    name: str = "",
    limits: Limits | None = None,
    dry_run: bool = False,
) -> TasksImported:
    """All of the file or, with a RefusedError, nothing. `category` is for rows that name none.

    `dry_run` does the same work and takes it back, so what it reports is what would happen.
    """
    limits = limits or Limits()
    layout = Layout(TASK_FIELDS, file_format, columns or {}, limits)
    problems = Problems()
    rows, notices = read_tasks(read_rows(source, layout, problems), category=category, limits=limits, problems=problems)
    problems.raise_if_any()
    with transaction.atomic():
        try:
            saved = save_version(
                task_set_slug=task_set, rows=rows, source=source.name, local_only=local_only, name=name
            )
        except TaskSetError as error:
            raise UnreadableError(str(error)) from error
        except CategoryNameError as error:
            raise _bad_category(error, rows) from error
        if dry_run:
            transaction.set_rollback(True)
    return TasksImported(
        task_set=task_set,
        version=saved.version.n,
        unchanged=saved.unchanged,
        ids=len(rows),
        tasks_new=saved.tasks_new,
        tasks_kept=saved.tasks_kept,
        by_category=dict(Counter(row.category for row in rows)),
        with_checks=sum(1 for row in rows if row.checks),
        notices=tuple(notices),
        dry_run=dry_run,
    )


def _bad_category(error: CategoryNameError, rows: list[TaskRow]) -> BadRowsError:
    line = next(row.line for row in rows if row.category == error.name)
    return BadRowsError([RowError(line, str(error))], total=1)
