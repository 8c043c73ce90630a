"""Task sets out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.models import Category, TaskSetItem, TaskSetVersion
from evals.services.exporting.writing import ExportError, write_rows
from evals.services.naming import derived_slug

__all__ = ["TaskSetExported", "export_task_set"]

_COLUMNS = ("id", "category", "system", "prompt", "messages", "reference", "checks", "metadata")


@dataclass(frozen=True)
class TaskSetExported:
    """`left_out`: tasks known only by their ids, which have nothing that could be asked."""

    version: int
    tasks: int
    left_out: int


def export_task_set(*, slug: str, path: str | Path, n: int | None = None) -> TaskSetExported:
    """One version, the newest if `n` is None. Imported again under the same name it is unchanged."""
    versions = TaskSetVersion.objects.filter(task_set__slug=slug).order_by("-n")
    version = versions.first() if n is None else versions.filter(n=n).first()
    if version is None:
        raise ExportError(f"There is no task set “{slug}”{'' if n is None else f' with a version {n}'}.")
    items = version.items.order_by("position")
    left_out = items.filter(task__messages=[]).count()
    asked = items.exclude(task__messages=[]).select_related("task__category")
    written = write_rows(path, _COLUMNS, _rows(asked.iterator(chunk_size=500)))
    return TaskSetExported(version.n, written, left_out)


def _rows(items: Iterator[TaskSetItem]) -> Iterator[dict[str, Any]]:
    for item in items:
        yield {
            "id": item.external_id,
            "category": _name(item.task.category),
            **_asked(item.task.messages),
            "reference": item.task.reference or None,
            "checks": item.task.checks or None,
            "metadata": item.metadata or None,
        }


def _name(category: Category) -> str:
    """The slug of one that was renamed: its name would be another category's when it is read again."""
    return category.name if derived_slug(category.name, longest=80) == category.slug else category.slug


def _asked(messages: list[dict[str, str]]) -> dict[str, Any]:
    """As a prompt, which people can read and edit in a table, where nothing is lost by it."""
    plain = [set(message) == {"role", "content"} for message in messages]
    roles = [message["role"] for message in messages]
    if all(plain) and roles == ["user"]:
        return {"prompt": messages[0]["content"]}
    if all(plain) and roles == ["system", "user"] and messages[0]["content"].strip():
        return {"system": messages[0]["content"], "prompt": messages[1]["content"]}
    return {"messages": messages}
