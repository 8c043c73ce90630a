"""One task edited in a form: read by the same code as a row of a file, and saved as a new version of its task set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from arena.strict_text import StrictTextError, read_yaml
from evals.catalog.names import BadValueError
from evals.catalog.services.categories import CategoryNameError
from evals.catalog.services.task_sets import SavedVersion, TaskMovedError, TaskSetError, replace_task
from evals.models import TaskSetItem
from evals.transfer.exports import task_fields
from evals.transfer.files.errors import UnreadableError
from evals.transfer.files.rows import Row
from evals.transfer.files.text import Limits, check_texts
from evals.transfer.images import UPLOADED, ImportedImages
from evals.transfer.tasks import read_task

__all__ = ["STRUCTURED", "TEXTS", "TaskRefusedError", "edit_task", "written_fields"]

# As they are typed, and as YAML, of which JSON is a part.
TEXTS = ("category", "system", "prompt", "reference")
STRUCTURED = ("messages", "attachments", "tools", "checks", "metadata")
LIMITS = Limits(field_chars=200_000)


class TaskRefusedError(ValueError):
    """Nothing was saved. `field` is the one to mend, empty where it is not one alone."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


def written_fields(item: TaskSetItem) -> dict[str, str]:
    """What a form shows of the task: each field as text, empty where the task has none."""
    fields = task_fields(item)
    texts = {name: str(fields.get(name) or "") for name in TEXTS}
    return texts | {name: _written(fields.get(name)) for name in STRUCTURED}


def edit_task(*, item: TaskSetItem, fields: Mapping[str, str], editor: str) -> SavedVersion:
    """Save the task with these fields, as `written_fields` gives them, in a new version of its task set.

    `item` is the task as it was when the editor began. Raises TaskMovedError if the newest version has another one
    under its id, and TaskRefusedError for fields that an import would refuse.
    """
    before = written_fields(item)
    # Browsers send other line ends than are stored: what was not touched stays as it is.
    given = {
        name: was if _plain(fields.get(name, "")) == _plain(was) else _plain(fields.get(name, ""))
        for name, was in before.items()
    }
    row = Row(line=1, fields={"id": item.external_id} | _values(given), extra={})
    with ImportedImages(limits=UPLOADED) as images:
        try:
            task, _ = read_task(row, number=1, category="", limits=LIMITS)
            messages = images.named_by_content(task.messages)
        except BadValueError as error:
            raise TaskRefusedError(f"The task {error}" if str(error).startswith("has ") else f"{error}") from error
        try:
            images.keep_files()
        except UnreadableError as error:
            raise TaskRefusedError(str(error), "messages") from error
        with transaction.atomic():
            images.keep_rows()
            try:
                return replace_task(
                    item=item,
                    category=task.category,
                    messages=messages,
                    tools=task.tools,
                    reference=task.reference,
                    checks=task.checks,
                    metadata=task.metadata,
                    source=f"{item.external_id} edited by {editor}",
                )
            except CategoryNameError as error:
                raise TaskRefusedError(str(error), "category") from error
            except TaskMovedError:
                raise
            except TaskSetError as error:
                raise TaskRefusedError(str(error)) from error


def _values(given: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {name: given[name] for name in TEXTS}
    for name in TEXTS:
        _checked(values[name], name)
    for name in STRUCTURED:
        if given[name].strip():
            try:
                values[name] = read_yaml(given[name], nesting=LIMITS.nesting, longest=LIMITS.field_chars)
            except StrictTextError as error:
                raise TaskRefusedError(f"{name}: {error}", name) from error
            _checked(values[name], name)
    if not isinstance(values.get("metadata", {}), dict):
        raise TaskRefusedError("metadata must be names with values, such as source: support.", "metadata")
    return {name: value for name, value in values.items() if value not in ("", None)}


def _checked(value: Any, name: str) -> None:
    try:
        check_texts(value, name, LIMITS)
    except BadValueError as error:
        raise TaskRefusedError(str(error), name) from error


def _written(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, indent=2)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
