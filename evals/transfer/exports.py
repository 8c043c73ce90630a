"""Exports, with the field names of the imports: an exported file can be imported again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db.models import QuerySet

from evals.catalog.images.references import urls_in
from evals.catalog.names import derived_slug
from evals.catalog.queries.task_sets import known_tasks
from evals.models import Category, Generation, Task, TaskSetItem, TaskSetVersion, Vote
from evals.models.generations import ErrorCategory
from evals.models.votes import LeftSide, Outcome, effective_votes
from evals.transfer.answers import GENERATION_FIELDS, TURN_FIELDS, in_openai_form
from evals.transfer.exported_images import ImagesBeside, ImagesInline
from evals.transfer.files.writing import ExportError, row_lines, write_rows
from evals.transfer.vote_files import JUDGES, VOTE_FIELDS
from evals.voting.importing import votes_being_imported

__all__ = [
    "GenerationsExported",
    "TaskId",
    "TaskSetExported",
    "VotesExported",
    "export_generations",
    "export_task_set",
    "export_votes",
    "task_fields",
    "task_ids",
    "task_set_lines",
    "tasks_of",
]


@dataclass(frozen=True, slots=True)
class TaskId:
    """`current` False: a later version gave this id other content, so the id alone would name the wrong task."""

    task_set: str
    external_id: str
    version: int
    current: bool


def task_ids(task_set: str = "") -> dict[int, TaskId]:
    """By task: one of its ids, always the same one; a current one if there is one. Of one task set, or of all."""
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


_COLUMNS = ("id", "category", "system", "prompt", "messages", "attachments", "tools", "reference", "checks", "metadata")


@dataclass(frozen=True)
class TaskSetExported:
    """`left_out`: tasks known only by their ids, which have no text to ask."""

    version: int
    tasks: int
    left_out: int


def export_task_set(*, slug: str, path: str | Path, n: int | None = None) -> TaskSetExported:
    """Export version `n`, by default the newest. Importing the file under the same name changes nothing. Images become
    files in a folder beside it, by the names that stand in it."""
    version = _version_of(slug, n)
    left_out = version.items.filter(task__messages=[]).count()
    written = write_rows(path, _COLUMNS, _task_rows(_with_text(version), ImagesBeside(path)))
    return TaskSetExported(version.n, written, left_out)


def task_set_lines(*, slug: str, ending: str, n: int | None = None) -> tuple[int, Iterator[str]]:
    """The version, and the same file in pieces, read from the database as they are taken. `ending` is .csv or .jsonl.
    Images stand in it themselves, as data: URLs. Raises ExportError before the first piece, except for an image whose
    file is gone."""
    version = _version_of(slug, n)
    return version.n, row_lines(ending, _COLUMNS, _task_rows(_with_text(version), ImagesInline()))


def _version_of(slug: str, n: int | None) -> TaskSetVersion:
    versions = TaskSetVersion.objects.select_related("task_set__long_context_of").filter(task_set__slug=slug)
    versions = versions.order_by("-n")
    version = versions.first() if n is None else versions.filter(n=n).first()
    if version is None:
        raise ExportError(f"There is no task set “{slug}”{'' if n is None else f' with a version {n}'}.")
    if version.task_set.long_context_of is not None:
        raise ExportError(
            f"“{slug}” is made of {version.task_set.long_context_of.slug}: export that, and make the long prompts "
            "again where you import it."
        )
    return version


def _with_text(version: TaskSetVersion) -> Iterator[TaskSetItem]:
    items = version.items.exclude(task__messages=[]).select_related("task__category").order_by("position")
    return items.iterator(chunk_size=500)


def _task_rows(items: Iterator[TaskSetItem], images: ImagesBeside | ImagesInline) -> Iterator[dict[str, Any]]:
    for item in items:
        yield task_fields(item, images.named_in(item.task.messages))


def task_fields(item: TaskSetItem, messages: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A row of an export; None for what the task does not have. `messages` are its own, with images named in another
    way. A task known only by its id asks nothing."""
    messages = item.task.messages if messages is None else messages
    return {
        "id": item.external_id,
        "category": _category_name(item.task.category),
        **(_asked(messages) if messages else {}),
        "tools": item.task.tools or None,
        "reference": item.task.reference or None,
        "checks": item.task.checks or None,
        "metadata": item.metadata or None,
    }


def _category_name(category: Category) -> str:
    """The slug if the category was renamed, since its new name would read as another category."""
    return category.name if derived_slug(category.name, longest=80) == category.slug else category.slug


def _asked(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """As a prompt, which is easier to read and edit in a table, if that loses nothing; images after it are
    attachments."""
    attached = _attached(messages[-1].get("content"))
    if attached is not None and messages[-1]["role"] == "user":
        text, files = attached
        asked = _asked([*messages[:-1], messages[-1] | {"content": text}])
        return asked | {"attachments": files} if "prompt" in asked else {"messages": messages}
    plain = [set(message) == {"role", "content"} and isinstance(message["content"], str) for message in messages]
    roles = [message["role"] for message in messages]
    if all(plain) and roles == ["user"]:
        return {"prompt": messages[0]["content"]}
    if all(plain) and roles == ["system", "user"] and messages[0]["content"].strip():
        return {"system": messages[0]["content"], "prompt": messages[1]["content"]}
    return {"messages": messages}


def _attached(content: Any) -> tuple[str, list[str]] | None:
    """The text and the images of a content that is one text and images after it, as an import writes it."""
    if not isinstance(content, list) or len(content) < 2:
        return None
    text, *files = content
    names = [url for part in files if set(part) == {"type", "image_url"} and set(part["image_url"]) == {"url"}
             for url in urls_in([{"content": [part]}])]  # fmt: skip
    if set(text) != {"type", "text"} or text["type"] != "text" or len(names) < len(files):
        return None
    return text["text"], names


@dataclass(frozen=True)
class GenerationsExported:
    """`left_out`: answers to tasks whose id has other content in a later version."""

    generations: int
    left_out: int


def export_generations(*, path: str | Path, task_set: str = "") -> GenerationsExported:
    """Export the newest finished take of each sample; a task with several ids under one of them. Images become files in
    a folder beside it."""
    images = ImagesBeside(path)
    ids = task_ids(task_set)
    if task_set and not ids:
        raise ExportError(f"There is no task set “{task_set}”, or it has no tasks.")
    left_out = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal left_out
        for generation in _newest_finished(task_set):
            task = ids.get(generation.task_id)
            if task is None or not task.current:
                left_out += 1
            else:
                yield _generation_row(generation, task, images)

    return GenerationsExported(write_rows(path, GENERATION_FIELDS, rows()), left_out)


def _newest_finished(task_set: str) -> Iterator[Generation]:
    finished = Generation.objects.filter(state__in=[Generation.State.DONE, Generation.State.FAILED])
    if task_set:
        finished = finished.filter(task__in=tasks_of(task_set))
    last = None
    ordered = finished.select_related("contender").order_by("task_id", "contender_id", "sample", "-take")
    for generation in ordered.iterator(chunk_size=500):
        this = (generation.task_id, generation.contender_id, generation.sample)
        if this != last:
            yield generation
        last = this


def _generation_row(generation: Generation, task: TaskId, images: ImagesBeside) -> dict[str, Any]:
    return {
        "task_set": task.task_set,
        "task": task.external_id,
        "model": generation.contender.slug,
        "text": generation.text,
        "images": [images.name_of(sha256) for sha256 in generation.images] or None,
        "tool_calls": in_openai_form(generation.tool_calls) or None,
        "turns": [_turn_row(turn) for turn in generation.turns] or None,
        "sample": generation.sample,
        "latency_ms": generation.latency_ms,
        "ttft_ms": generation.ttft_ms,
        "gap_ms_p50": generation.gap_ms_p50,
        "gap_ms_p95": generation.gap_ms_p95,
        "tokens_in": generation.tokens_in,
        "tokens_out": generation.tokens_out,
        "cost_usd": generation.cost_usd,
        "error": _error(generation) if generation.state == Generation.State.FAILED else None,
    }


def _turn_row(turn: dict[str, Any]) -> dict[str, Any]:
    kept = {name: turn[name] for name in TURN_FIELDS if turn.get(name) not in (None, "", [])}
    return (
        {"text": turn["text"]} | kept | ({"tool_calls": calls} if (calls := in_openai_form(turn["tool_calls"])) else {})
    )


def _error(generation: Generation) -> str:
    if generation.error == ErrorCategory.IMPORTED:
        return generation.error_detail
    return ": ".join(filter(None, (ErrorCategory(generation.error).label, generation.error_detail)))


@dataclass(frozen=True)
class VotesExported:
    votes: int
    excluded: int


def export_votes(*, path: str | Path, task_set: str = "", category: str = "") -> VotesExported:
    """Export the votes that count: without those changed or taken back, without excluded reviewers, and without a file
    of which not all votes are stored yet. Verdicts on a rubric's dimension only if it is the `category` named."""
    categories = Category.with_dimensions.filter(slug=category) if category else Category.objects.all()
    if category and not categories:
        raise ExportError(f"There is no category “{category}”.")
    ids = task_ids(task_set)
    if task_set and not ids:
        raise ExportError(f"There is no task set “{task_set}”, or it has no tasks.")
    per_category = [_votes_of(one, task_set) for one in categories.order_by("pk")]
    judges = _judges(per_category)
    rows = (
        _vote_row(vote, ids, judges) for votes in per_category for vote in _counting(votes).iterator(chunk_size=2_000)
    )
    excluded = sum(votes.filter(reviewer__excluded_at__isnull=False).count() for votes in per_category)
    return VotesExported(write_rows(path, VOTE_FIELDS, rows), excluded)


def _votes_of(category: Category, task_set: str) -> QuerySet[Vote]:
    votes = effective_votes(category).select_related("category", "lo", "hi").order_by("seq")
    if under_way := votes_being_imported():
        votes = votes.exclude(vote_import__in=under_way)
    return votes.filter(task__in=tasks_of(task_set)) if task_set else votes


def _counting(votes: QuerySet[Vote]) -> QuerySet[Vote]:
    return votes.filter(reviewer__excluded_at__isnull=True)


def _judges(per_category: list[QuerySet[Vote]]) -> dict[int, str]:
    """By reviewer: the name, or the handle if two have the same name."""
    columns = ("reviewer_id", "reviewer__name", "reviewer__handle")
    people = {row for votes in per_category for row in _counting(votes).order_by().values_list(*columns).distinct()}
    times = Counter(name for _, name, _ in people)
    return {pk: name if times[name] == 1 else handle.removeprefix(f"{JUDGES}:") for pk, name, handle in people}


def _vote_row(vote: Vote, ids: dict[int, TaskId], judges: dict[int, str]) -> dict[str, Any]:
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
    """A task whose id has other content by now is named with its version, so that it is imported as another task."""
    if task is None:
        return f"task-{vote.task_id}"
    return task.external_id if task.current else f"{task.external_id}@{task.version}"
