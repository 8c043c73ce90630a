"""Imports task sets from files of several formats.

ours          id, category, prompt or messages, system, reference, checks, attachments; the rest is metadata
MT-bench      question_id, category, turns, reference: the first turn is asked
OpenAI evals  input, ideal
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from evals.catalog.names import BadValueError
from evals.catalog.services.categories import CategoryNameError
from evals.catalog.services.task_sets import TaskRow, TaskSetError, save_version
from evals.collection.checks.rules import read_checks
from evals.transfer.files.errors import BadRowsError, Problems, RowError, UnreadableError
from evals.transfer.files.rows import Layout, Row, read_rows
from evals.transfer.files.text import Limits, Source
from evals.transfer.files.values import Fields, is_missing, json_value, name_text, prose

__all__ = ["TASK_FIELDS", "TasksImported", "import_tasks", "read_task", "read_tasks"]

TASK_FIELDS = (
    "id",
    "category",
    "prompt",
    "messages",
    "system",
    "reference",
    "checks",
    "attachments",
    "metadata",
    "question_id",
    "turns",
    "input",
    "ideal",
)
_ROLES = ("system", "developer", "user", "assistant")
_ID_LENGTH = 200
_CATEGORY_LENGTH = 120


@dataclass(frozen=True)
class _Request:
    """What a format gives: the messages to ask, and the metadata to keep. `reference` None: it is in its own column."""

    messages: list[dict[str, str]]
    reference: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    notice: str = ""


def read_tasks(
    rows: Iterable[Row], *, category: str, limits: Limits, problems: Problems
) -> tuple[list[TaskRow], list[str]]:
    """The tasks, and notices for the user. An id given twice is a problem that names both lines."""
    tasks: list[TaskRow] = []
    lines: dict[str, int] = {}
    notices: Counter[str] = Counter()
    for n, row in enumerate(rows, start=1):
        try:
            task, notice = read_task(row, number=n, category=category, limits=limits)
        except BadValueError as error:
            problems.add(row.line, str(error))
            continue
        if task.external_id in lines:
            problems.add(
                row.line, f"has the id “{task.external_id}”, which is already on line {lines[task.external_id]}."
            )
            continue
        lines[task.external_id] = row.line
        tasks.append(task)
        if notice:
            notices[notice] += 1
    return tasks, [f"{text} ({count:,} rows)" for text, count in notices.items()]


def read_task(row: Row, *, number: int, category: str, limits: Limits) -> tuple[TaskRow, str]:
    """`number` is the row's number, its id if it has no other; `category` is for rows without one."""
    fields = row.fields
    request = _request(fields, limits)
    reference = prose(fields.get("reference"), "reference") if request.reference is None else request.reference
    checks = fields.get("checks")
    named = fields.get("id") if not is_missing(fields.get("id")) else fields.get("question_id")
    return TaskRow(
        line=row.line,
        external_id=str(number) if is_missing(named) else name_text(named, "id", longest=_ID_LENGTH),
        category=_category(fields, category),
        messages=_with_attachments(_with_system(request.messages, fields), fields, limits),
        reference=reference,
        checks=[] if is_missing(checks) else read_checks(json_value(checks, "checks", limits), reference=reference),
        metadata=row.extra | request.extra | _metadata(fields, limits),
    ), request.notice


def _category(fields: Fields, default: str) -> str:
    value = fields.get("category")
    if is_missing(value) and not default:
        raise BadValueError("has no category. Add a column, map one to it (category=…), or give one for rows without.")
    return name_text(default if is_missing(value) else value, "category", longest=_CATEGORY_LENGTH)


def _request(fields: Fields, limits: Limits) -> _Request:
    """Reads the columns of one format; those of the others are kept as metadata."""
    shapes = {"messages": _chat, "prompt": _plain, "turns": _mt_bench, "input": _openai_eval}
    given = [name for name in shapes if not is_missing(fields.get(name))]
    if "messages" in given and "prompt" in given:
        raise BadValueError("has both prompt and messages. Leave one out.")
    if not given:
        raise BadValueError("has no prompt and no messages. If the text is in another column, map it: prompt=…")
    request = shapes[given[0]](fields, limits)
    theirs = {"turns": ("turns",), "input": ("input", "ideal")}
    read = theirs.get(given[0], ())
    unread = {name: fields[name] for names in theirs.values() for name in names if name in fields and name not in read}
    # The row has an id besides question_id, which then is only kept as metadata.
    if not is_missing(fields.get("id")) and "question_id" in fields:
        unread["question_id"] = fields["question_id"]
    return _Request(request.messages, request.reference, unread | request.extra, request.notice)


def _plain(fields: Fields, limits: Limits) -> _Request:
    return _Request([_user(prose(fields["prompt"], "prompt"), "prompt")])


def _chat(fields: Fields, limits: Limits) -> _Request:
    return _Request(_messages(json_value(fields["messages"], "messages", limits), "messages"))


def _mt_bench(fields: Fields, limits: Limits) -> _Request:
    turns = json_value(fields["turns"], "turns", limits)
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, str) for turn in turns):
        raise BadValueError("turns must be a list of texts.")
    references = fields.get("reference")
    if isinstance(references, str) and references.startswith("["):
        references = json_value(references, "reference", limits)
    references = references if isinstance(references, list) else [references]
    extra: dict[str, Any] = {"later_turns": turns[1:]} if turns[1:] else {}
    if references[1:]:
        extra["later_references"] = references[1:]
    reference = prose(references[0], "reference") if references else ""
    notice = "The first turn is asked; later turns are kept as metadata." if turns[1:] else ""
    return _Request([_user(turns[0], "turns")], reference, extra, notice)


def _openai_eval(fields: Fields, limits: Limits) -> _Request:
    given, ideal = fields["input"], fields.get("ideal")
    if isinstance(given, str) and given.lstrip().startswith("[{"):
        given = json_value(given, "input", limits)
    messages = [_user(given, "input")] if isinstance(given, str) else _messages(given, "input")
    if isinstance(ideal, str) and ideal.startswith("["):
        ideal = json_value(ideal, "ideal", limits)
    if not isinstance(ideal, list):
        return _Request(messages, prose(ideal, "ideal"))
    extra = {"ideal": ideal} if len(ideal) > 1 else {}
    return _Request(messages, prose(ideal[0], "ideal") if ideal else "", extra)


def _user(text: str, name: str) -> dict[str, str]:
    if not text.strip():
        raise BadValueError(f"{name} is blank.")
    return {"role": "user", "content": text}


def _messages(given: Any, name: str) -> list[dict[str, str]]:
    if not isinstance(given, list) or not given:
        raise BadValueError(f'{name} must be a JSON list, such as [{{"role": "user", "content": "…"}}].')
    messages = [_message(n, one) for n, one in enumerate(given, start=1)]
    if messages[-1]["role"] == "assistant":
        raise BadValueError(f"{name} end with the assistant's: there is nothing to ask.")
    if not any(message["content"].strip() for message in messages):
        raise BadValueError(f"{name} are blank.")
    return messages


def _message(n: int, given: Any) -> dict[str, str]:
    if not isinstance(given, dict) or given.get("role") not in _ROLES:
        raise BadValueError(f"message {n} needs a role: {', '.join(_ROLES)}.")
    if not isinstance(given.get("content"), str):
        raise BadValueError(f"message {n} needs content, as text.")
    unknown = sorted(set(given) - {"role", "content", "name"})
    if unknown:
        raise BadValueError(f"message {n} has “{unknown[0][:40]}”; a message is role and content (and name).")
    message = {"role": given["role"], "content": given["content"]}
    if "name" in given:
        message["name"] = name_text(given["name"], "a message's name", longest=64)
    return message


def _with_system(messages: list[dict[str, str]], fields: Fields) -> list[dict[str, str]]:
    system = prose(fields.get("system"), "system")
    if not system.strip():
        return messages
    if any(message["role"] in ("system", "developer") and "name" not in message for message in messages):
        raise BadValueError("has a system text and a system message. Leave one out.")
    return [{"role": "system", "content": system}, *messages]


def _with_attachments(messages: list[dict[str, str]], fields: Fields, limits: Limits) -> list[dict[str, str]]:
    """Attached texts are added to the last user message, each under its name."""
    given = fields.get("attachments")
    if is_missing(given):
        return messages
    given = json_value(given, "attachments", limits)
    if not isinstance(given, list):
        raise BadValueError('attachments must be a JSON list, such as [{"name": "report.txt", "text": "…"}].')
    texts = [_attachment(n, one) for n, one in enumerate(given, start=1)]
    last = max((i for i, message in enumerate(messages) if message["role"] == "user"), default=None)
    if last is None:
        raise BadValueError("has attachments, but no user message to attach them to.")
    message = messages[last] | {"content": "\n\n".join([messages[last]["content"], *texts])}
    return [*messages[:last], message, *messages[last + 1 :]]


def _attachment(n: int, given: Any) -> str:
    if not isinstance(given, dict) or set(given) != {"name", "text"} or not isinstance(given["text"], str):
        raise BadValueError(f"attachment {n}: only texts can be attached, as name and text.")
    return f"{name_text(given['name'], 'an attachment’s name', longest=200)}:\n\n{given['text']}"


def _metadata(fields: Fields, limits: Limits) -> dict[str, Any]:
    """A `metadata` object is the metadata, as exports write it; any other value is one more entry."""
    given = fields.get("metadata")
    if is_missing(given):
        return {}
    if isinstance(given, str) and given.startswith("{"):
        given = json_value(given, "metadata", limits)
    return given if isinstance(given, dict) else {"metadata": given}


@dataclass(frozen=True)
class TasksImported:
    """`ids` counts the rows; `tasks_new` and `tasks_kept` count tasks, and two ids may share one."""

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
    """All of the file or, with a RefusedError, nothing. `category` is for rows without one.

    `dry_run` does the same work and rolls it back, so it reports exactly what would happen.
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
