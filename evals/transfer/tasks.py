"""Imports task sets from files of several formats.

ours          id, category, prompt or messages or turns, system, tools, reference, checks, attachments; the rest is
              metadata
MT-bench      question_id, category, turns, reference: each turn is asked, with the answers to those before it
OpenAI evals  input, ideal
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import transaction

from evals.catalog.conversations import turns_asked
from evals.catalog.images.references import images_in
from evals.catalog.names import BadValueError
from evals.catalog.services.categories import CategoryNameError
from evals.catalog.services.task_sets import TaskRow, TaskSetError, save_version
from evals.collection.checks.rules import read_checks
from evals.transfer.files.errors import BadRowsError, Problems, RowError, UnreadableError
from evals.transfer.files.rows import Layout, Row, read_rows
from evals.transfer.files.text import Limits, Source
from evals.transfer.files.values import Fields, id_text, is_missing, json_value, name_text, prose
from evals.transfer.formats import format_of
from evals.transfer.images import ImageFiles, ImportedImages, ImportLimits
from evals.transfer.messages import GAP, MOST_TURNS, read_messages, read_tools
from evals.transfer.redaction.redactor import Replacements
from evals.transfer.requests import MOST_SAMPLED, Redaction, Sample, confirmation, drawn_from, merged, redacted
from evals.transfer.sampling.drawing import Drawn

__all__ = ["TASK_FIELDS", "TasksImported", "import_tasks", "read_task", "read_tasks", "task_layout"]

TASK_FIELDS = (
    "id",
    "category",
    "prompt",
    "messages",
    "system",
    "tools",
    "reference",
    "checks",
    "attachments",
    "metadata",
    "question_id",
    "turns",
    "input",
    "ideal",
)
_CONVERSATIONS = "Conversations: each turn is asked, with the answers to those before it."
_ID_LENGTH = 200
_CATEGORY_LENGTH = 120


@dataclass(frozen=True)
class _Request:
    """What a format gives: the messages to ask, and the metadata to keep. `reference` None: it is in its own column."""

    messages: list[dict[str, Any]]
    reference: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def read_tasks(
    rows: Iterable[Row], *, category: str, limits: Limits, problems: Problems, images: ImportedImages | None = None
) -> tuple[list[TaskRow], list[str]]:
    """The tasks, and notices for the user. An id given twice is a problem that names both lines. Without `images` the
    tasks' images keep the names that the file gives them."""
    notices: Counter[str] = Counter()
    tasks = list(_each_task(rows, category=category, limits=limits, problems=problems, images=images, notices=notices))
    return tasks, _told(notices)


def _each_task(
    rows: Iterable[Row],
    *,
    category: str,
    limits: Limits,
    problems: Problems,
    notices: Counter[str],
    images: ImportedImages | None = None,
) -> Iterator[TaskRow]:
    lines: dict[str, int] = {}
    for n, row in enumerate(rows, start=1):
        try:
            task, notice = read_task(row, number=n, category=category, limits=limits)
            if images is not None:
                task = replace(task, messages=images.named_by_content(task.messages))
        except BadValueError as error:
            problems.add(row.line, str(error))
            continue
        if task.external_id in lines:
            first = f"{problems.place} {lines[task.external_id]}"
            problems.add(row.line, f"has the id “{task.external_id}”, which is already on {first}.")
            continue
        lines[task.external_id] = row.line
        if notice:
            notices[notice] += 1
        yield task


def _told(notices: Mapping[str, int]) -> list[str]:
    return [f"{text} ({n:,} {'row' if n == 1 else 'rows'})" for text, n in notices.items()]


def read_task(row: Row, *, number: int, category: str, limits: Limits) -> tuple[TaskRow, str]:
    """`number` is the row's number, its id if it has no other; `category` is for rows without one."""
    fields = row.fields
    request = _request(fields, limits)
    reference = prose(fields.get("reference"), "reference") if request.reference is None else request.reference
    checks, tools = fields.get("checks"), fields.get("tools")
    messages = _with_attachments(_with_system(request.messages, fields), fields, limits)
    named = fields.get("id") if not is_missing(fields.get("id")) else fields.get("question_id")
    return TaskRow(
        line=row.line,
        external_id=str(number) if is_missing(named) else id_text(named, "id", longest=_ID_LENGTH),
        category=_category(fields, category),
        messages=messages,
        tools=[] if is_missing(tools) else read_tools(json_value(tools, "tools", limits)),
        reference=reference,
        checks=[] if is_missing(checks) else read_checks(json_value(checks, "checks", limits), reference=reference),
        metadata=row.extra | request.extra | _metadata(fields, limits),
    ), _CONVERSATIONS if turns_asked(messages) > 1 else ""


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
    return _Request(request.messages, request.reference, unread | request.extra)


def _plain(fields: Fields, limits: Limits) -> _Request:
    return _Request([_user(prose(fields["prompt"], "prompt"), "prompt")])


def _chat(fields: Fields, limits: Limits) -> _Request:
    return _Request(read_messages(json_value(fields["messages"], "messages", limits), "messages"))


def _mt_bench(fields: Fields, limits: Limits) -> _Request:
    turns = json_value(fields["turns"], "turns", limits)
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, str) for turn in turns):
        raise BadValueError("turns must be a list of texts, the user's; write other conversations as messages.")
    if len(turns) > MOST_TURNS:
        raise BadValueError(f"has {len(turns):,} turns; the limit is {MOST_TURNS}. Split the task.")
    said = [_user(turn, f"turn {n}") for n, turn in enumerate(turns, start=1)]
    messages = read_messages([message for one in said for message in (one, GAP)], "turns")
    references = fields.get("reference")
    if isinstance(references, str) and references.startswith("["):
        references = json_value(references, "reference", limits)
    references = references if isinstance(references, list) else [references]
    # Checks read the last answer.
    reference = prose(references[-1], "reference") if references else ""
    return _Request(messages, reference, {"references": references} if references[1:] else {})


def _openai_eval(fields: Fields, limits: Limits) -> _Request:
    given, ideal = fields["input"], fields.get("ideal")
    if isinstance(given, str) and given.lstrip().startswith("[{"):
        given = json_value(given, "input", limits)
    messages = [_user(given, "input")] if isinstance(given, str) else read_messages(given, "input")
    if isinstance(ideal, str) and ideal.startswith("["):
        ideal = json_value(ideal, "ideal", limits)
    if not isinstance(ideal, list):
        return _Request(messages, prose(ideal, "ideal"))
    extra = {"ideal": ideal} if len(ideal) > 1 else {}
    return _Request(messages, prose(ideal[0], "ideal") if ideal else "", extra)


def _user(text: str, name: str) -> dict[str, Any]:
    if not text.strip():
        raise BadValueError(f"{name} is blank.")
    return {"role": "user", "content": text}


def _with_system(messages: list[dict[str, Any]], fields: Fields) -> list[dict[str, Any]]:
    system = prose(fields.get("system"), "system")
    if not system.strip():
        return messages
    if any(message["role"] in ("system", "developer") and "name" not in message for message in messages):
        raise BadValueError("has a system text and a system message. Leave one out.")
    return [{"role": "system", "content": system}, *messages]


def _with_attachments(messages: list[dict[str, Any]], fields: Fields, limits: Limits) -> list[dict[str, Any]]:
    """Attached texts are added to the last user message, each under its name, and images after its text."""
    given = fields.get("attachments")
    if is_missing(given):
        return messages
    given = json_value(given, "attachments", limits)
    if not isinstance(given, list):
        raise BadValueError('attachments must be a JSON list: ["photo.jpg"], or [{"name": "a.txt", "text": "…"}].')
    attached = [_attachment(n, one) for n, one in enumerate(given, start=1)]
    last = max((i for i, message in enumerate(messages) if message["role"] == "user"), default=None)
    if last is None:
        raise BadValueError("has attachments, but no user message to attach them to.")
    message = messages[last] | {"content": _with_parts(messages[last]["content"], attached)}
    return [*messages[:last], message, *messages[last + 1 :]]


def _with_parts(content: Any, attached: list[dict[str, Any]]) -> Any:
    """A text stays one where only texts are attached: its task is the same as ever."""
    if isinstance(content, str):
        if all(part["type"] == "text" for part in attached):
            return "\n\n".join([content, *(part["text"] for part in attached)])
        content = [{"type": "text", "text": content}]
    return [*content, *attached]


def _attachment(n: int, given: Any) -> dict[str, Any]:
    if isinstance(given, str):
        return {"type": "image_url", "image_url": {"url": given}}
    if isinstance(given, dict) and set(given) == {"name", "text"} and isinstance(given["text"], str):
        return {
            "type": "text",
            "text": f"{name_text(given['name'], 'an attachment’s name', longest=200)}:\n\n{given['text']}",
        }
    raise BadValueError(
        f"attachment {n} is neither an image nor a text. Write an image as its file, its data: URL or its address, "
        'and a text as {"name": "a.txt", "text": "…"}.'
    )


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
    with_images: int
    notices: tuple[str, ...]
    dry_run: bool
    drawn: Drawn | None = None
    replacements: Replacements | None = None
    # Of these replacements; empty without any.
    confirmation: str = ""
    # Nothing was written because the replacements were not confirmed.
    unconfirmed: bool = False


def task_layout(
    *,
    file_format: str = "auto",
    sheet: str = "",
    columns: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    beside: Callable[[str], bytes] | None = None,
) -> Layout:
    """How `import_tasks` reads a file with these options."""
    return Layout(TASK_FIELDS, file_format, columns or {}, limits or Limits(), tasks=True, sheet=sheet, beside=beside)


def import_tasks(
    *,
    source: Source,
    task_set: str,
    category: str = "",
    file_format: str = "auto",
    sheet: str = "",
    columns: Mapping[str, str] | None = None,
    local_only: bool | None = None,
    name: str = "",
    limits: Limits | None = None,
    image_files: ImageFiles | None = None,
    image_limits: ImportLimits | None = None,
    problems: Problems | None = None,
    sample: Sample | None = None,
    redaction: Redaction | None = None,
    dry_run: bool = False,
) -> TasksImported:
    """All of the file or, with a RefusedError, nothing. `category` is for rows without one; `image_files` are where
    images are found that the file names by a path. Of a log of requests, equal ones are one task.

    `sheet` is the one to read of a workbook. `problems` collects more errors than are shown, for `write_marked`.
    `sample` takes some tasks instead of all, but every row must still be right. With `redaction` nothing is written
    unless the replacements are confirmed. `dry_run` does the same work and rolls it back, so it reports exactly what
    would happen.
    """
    limits = limits or Limits()
    beside = None if image_files is None else image_files.read
    layout = task_layout(file_format=file_format, sheet=sheet, columns=columns, limits=limits, beside=beside)
    problems = problems or Problems()
    with ImportedImages(image_files, limits=image_limits) as images:
        chosen = _chosen(source, layout, category, problems, images, sample)
        rows = chosen.rows
        problems.raise_if_any()
        replacements, code, unconfirmed = None, "", False
        if redaction is not None:
            rows, replacements = redacted(rows, redaction, problems)
            problems.raise_if_any()
            code = confirmation(rows, task_set)
            unconfirmed = not dry_run and redaction.confirmed is not True and redaction.confirmed != code
            dry_run = dry_run or unconfirmed
        if not dry_run:
            images.keep_files()
        with transaction.atomic():
            images.keep_rows()
            try:
                saved = save_version(
                    task_set_slug=task_set, rows=rows, source=source.name, local_only=local_only, name=name
                )
            except TaskSetError as error:
                raise UnreadableError(str(error)) from error
            except CategoryNameError as error:
                raise _bad_category(error, rows, problems.place) from error
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
        with_images=sum(1 for row in rows if images_in(row.messages)),
        notices=(*problems.notices, *chosen.notices),
        dry_run=dry_run,
        drawn=chosen.drawn,
        replacements=replacements,
        confirmation=code,
        unconfirmed=unconfirmed,
    )


@dataclass(frozen=True)
class _Chosen:
    rows: list[TaskRow]
    notices: list[str]
    drawn: Drawn | None = None


def _chosen(
    source: Source, layout: Layout, category: str, problems: Problems, images: ImportedImages, sample: Sample | None
) -> _Chosen:
    """All tasks of the file, or a sample of them. Errors go to `problems`."""
    notices: Counter[str] = Counter()

    def tasks(problems: Problems, notices: Counter[str], images: ImportedImages | None = None) -> Iterator[TaskRow]:
        rows = read_rows(source, layout, problems)
        return _each_task(
            rows, category=category, limits=layout.limits, problems=problems, images=images, notices=notices
        )

    if sample is None:
        rows = list(tasks(problems, notices, images))
        if problems.total or not format_of(source, layout).requests:
            return _Chosen(rows, _told(notices))
        once, made = merged(rows)
        told = [f"{made:,} requests, {len(once):,} of them different; equal ones are one task."]
        return _Chosen(once, [*told, *_told(notices)] if made > len(once) else _told(notices))
    if not 1 <= sample.size <= MOST_SAMPLED:
        raise UnreadableError(f"A sample has 1 to {MOST_SAMPLED:,} tasks, not {sample.size:,}.")

    def every() -> Iterator[TaskRow]:
        yield from tasks(problems, notices)
        problems.raise_if_any()

    drawn_rows, drawn = drawn_from(every(), tasks(Problems(), Counter()), sample)
    named = []
    for row in drawn_rows:
        # Images of the others are neither read nor fetched.
        try:
            named.append(replace(row, messages=images.named_by_content(row.messages)))
        except BadValueError as error:
            problems.add(row.line, str(error))
    return _Chosen(named, _told(notices), drawn)


def _bad_category(error: CategoryNameError, rows: list[TaskRow], place: str) -> BadRowsError:
    line = next(row.line for row in rows if row.category == error.name)
    return BadRowsError([RowError(line, str(error), place)], total=1)
