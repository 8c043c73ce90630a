"""Writes of task sets. A version is an immutable list, and a task is identified by its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import transaction

from evals.catalog.images.references import images_in
from evals.catalog.names import is_reserved
from evals.catalog.services.categories import below_for_long_context, named_categories
from evals.models import Category, Task, TaskSet, TaskSetItem, TaskSetVersion
from evals.models.bulk import insert

__all__ = [
    "SavedVersion",
    "TaskMovedError",
    "TaskRow",
    "TaskSetError",
    "add_tasks_known_by_id",
    "check_task_set_slug",
    "replace_task",
    "save_version",
    "task_digest",
]

T = TypeVar("T")
_SLUG_LENGTH = TaskSet._meta.get_field("slug").max_length or 0
_NAME_LENGTH = TaskSet._meta.get_field("name").max_length or 0
_SOURCE_LENGTH = TaskSetVersion._meta.get_field("source").max_length or 0
# Rows named in one statement: below SQLite's limit on parameters.
_CHUNK = 500


class TaskSetError(ValueError):
    """The task set cannot be saved; the message says what to do instead."""


class TaskMovedError(TaskSetError):
    """The newest version has another task under this id than the editor began with. `now` is that one, None if it is
    gone from the task set."""

    def __init__(self, external_id: str, now: TaskSetItem | None) -> None:
        super().__init__(
            f"“{external_id}” was changed by somebody else meanwhile."
            if now
            else f"“{external_id}” is no longer in the task set."
        )
        self.now = now


@dataclass(frozen=True)
class TaskRow:
    """One task as a file gives it. `category` is a name or slug; `line` is its line in the file, 0 without a file."""

    external_id: str
    category: str
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] = field(default_factory=list)
    reference: str = ""
    checks: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    line: int = 0


@dataclass(frozen=True)
class SavedVersion:
    """`tasks_new` are new, `tasks_kept` existed and keep their generations and votes; both count tasks, so two ids of
    one task count once. `unchanged`: the newest version has the same content, so no new one was made."""

    version: TaskSetVersion
    tasks_new: int
    tasks_kept: int
    unchanged: bool


@dataclass(frozen=True)
class _Place:
    """A task's place in a version."""

    external_id: str
    task_id: int
    category: str
    digest: str
    metadata: dict[str, Any]


def task_digest(
    *,
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]] = (),
    reference: str = "",
    checks: Sequence[Mapping[str, Any]] = (),
) -> str:
    """SHA-256 of the content that identifies a task within its category."""
    content = {"messages": list(messages), "reference": reference, "checks": list(checks)}
    # Only where there are some: tasks from before there were tools keep their digests.
    return _sha256(content | ({"tools": list(tools)} if tools else {}))


def check_task_set_slug(slug: str) -> None:
    try:
        validate_slug(slug)
    except ValidationError:
        raise TaskSetError(f"“{slug}” cannot be the short name of a task set. Use letters, digits, - and _.") from None
    if len(slug) > _SLUG_LENGTH:
        raise TaskSetError(f"“{slug[:40]}…” is longer than {_SLUG_LENGTH} characters. Choose a shorter name.")
    if is_reserved(slug):
        raise TaskSetError(f"“{slug}” is reserved for Arena's own addresses. Choose another name for the task set.")


@transaction.atomic
def save_version(
    *,
    task_set_slug: str,
    rows: Iterable[TaskRow],
    source: str,
    local_only: bool | None = None,
    name: str = "",
    long_context_of: TaskSet | None = None,
) -> SavedVersion:
    """Save `rows`, in their order, as a new version of the task set, unless the newest one has the same content.

    Creates the task set and its categories if they are new. `local_only` True marks the set and all its tasks for
    good; it is never removed here. `long_context_of`: the rows are tasks of that set in long prompts, each with its
    own category, and go into the categories below those. Tasks known only by id, from imported votes, stay in the list
    after the rows until a row gives their id a content. Raises TaskSetError, and CategoryNameError for a category's
    name.
    """
    rows = list(rows)
    if not rows:
        raise TaskSetError("A task set needs at least one task.")
    given = {row.external_id for row in rows}
    if len(given) < len(rows):
        raise TaskSetError("Two tasks have the same id. Give each its own.")
    task_set = _locked(task_set_slug, name=name, local_only=local_only, long_context_of=long_context_of)
    categories = named_categories(row.category for row in rows)
    if long_context_of is not None:
        categories = below_for_long_context(categories)
    tasks = [
        Task(
            category=categories[row.category],
            digest=task_digest(messages=row.messages, tools=row.tools, reference=row.reference, checks=row.checks),
            messages=row.messages,
            images=images_in(row.messages),
            tools=row.tools,
            reference=row.reference,
            checks=row.checks,
        )
        for row in rows
    ]
    wanted = {(task.category_id, task.digest): task for task in tasks}
    ids, new = _saved(wanted.values(), local_only=task_set.local_only)
    places = [
        _Place(row.external_id, ids[task.category_id, task.digest], task.category.slug, task.digest, row.metadata)
        for row, task in zip(rows, tasks, strict=True)
    ]
    places += [place for place in _known_by_id(task_set) if place.external_id not in given]
    version, unchanged = _version(task_set, places, source)
    return SavedVersion(version, tasks_new=new, tasks_kept=len(wanted) - new, unchanged=unchanged)


@transaction.atomic
def add_tasks_known_by_id(
    *, task_set_slug: str, categories: Mapping[str, Category], source: str, name: str = ""
) -> dict[str, int]:
    """Add tasks that imported votes name and whose text is unknown, in a next version that lists them too.

    `categories` is by external id, of ids that no version has had. Returns the task id of each.
    """
    task_set = _locked(task_set_slug, name=name, local_only=None, long_context_of=None)
    wanted = {
        external_id: Task(category=category, digest=_sha256({"source": task_set_slug, "id": external_id}))
        for external_id, category in categories.items()
    }
    ids, _ = _saved(wanted.values(), local_only=task_set.local_only)
    places = _places(task_set)
    places += [
        _Place(external_id, ids[task.category_id, task.digest], task.category.slug, task.digest, {})
        for external_id, task in wanted.items()
    ]
    _version(task_set, places, source)
    return {external_id: ids[task.category_id, task.digest] for external_id, task in wanted.items()}


@transaction.atomic
def replace_task(
    *,
    item: TaskSetItem,
    category: str,
    messages: list[dict[str, Any]],
    tools: list[dict[str, Any]],
    reference: str,
    checks: list[dict[str, Any]],
    metadata: dict[str, Any],
    source: str,
) -> SavedVersion:
    """Save a new version of the item's task set, in which its id stands for this content, at the same place.

    Other tasks may have changed since `item` was read: they stay as the newest version has them. Raises TaskMovedError
    if this one has, TaskSetError for a task set of long prompts, and CategoryNameError.
    """
    task_set = _locked(item.version.task_set.slug, name="", local_only=None, long_context_of=None)
    places = _places(task_set)
    at = next((n for n, place in enumerate(places) if place.external_id == item.external_id), None)
    if at is None or (places[at].task_id, places[at].metadata) != (item.task_id, item.metadata):
        found = TaskSetItem.objects.filter(version__task_set=task_set, external_id=item.external_id)
        newest = task_set.versions.order_by("-n").first()
        raise TaskMovedError(item.external_id, found.filter(version=newest).select_related("task__category").first())
    named = named_categories([category])[category]
    digest = task_digest(messages=messages, tools=tools, reference=reference, checks=checks)
    task = Task(
        category=named,
        digest=digest,
        messages=messages,
        images=images_in(messages),
        tools=tools,
        reference=reference,
        checks=checks,
    )
    ids, new = _saved([task], local_only=task_set.local_only)
    places[at] = _Place(item.external_id, ids[named.pk, digest], named.slug, digest, metadata)
    version, unchanged = _version(task_set, places, source)
    return SavedVersion(version, tasks_new=new, tasks_kept=len({place.task_id for place in places}) - new,
                        unchanged=unchanged)  # fmt: skip


def _locked(slug: str, *, name: str, local_only: bool | None, long_context_of: TaskSet | None) -> TaskSet:
    """The task set, locked, so that versions are numbered one after the other."""
    check_task_set_slug(slug)
    name = name.strip()[:_NAME_LENGTH] or slug
    TaskSet.objects.bulk_create([TaskSet(slug=slug, name=name, long_context_of=long_context_of)], ignore_conflicts=True)
    task_set = TaskSet.objects.select_for_update(of=("self",)).select_related("long_context_of").get(slug=slug)
    if task_set.long_context_of is not None and task_set.long_context_of != long_context_of:
        raise TaskSetError(
            f"“{slug}” holds the tasks of {task_set.long_context_of.slug} in long prompts, and is made from them. "
            "Import the next version of those, or choose another name."
        )
    if long_context_of is not None and task_set.long_context_of is None:
        raise TaskSetError(f"There is a task set “{slug}” of another kind.")
    if local_only and not task_set.local_only:
        task_set.local_only = True
        task_set.save(update_fields=["local_only"])
        # The tasks of its earlier versions too: they came from the same confidential source.
        Task.objects.filter(items__version__task_set=task_set, local_only=False).update(local_only=True)
        # And what was made of them.
        TaskSet.objects.filter(long_context_of=task_set).update(local_only=True)
        Task.objects.filter(items__version__task_set__long_context_of=task_set, local_only=False).update(
            local_only=True
        )
    return task_set


def _saved(tasks: Collection[Task], *, local_only: bool) -> tuple[dict[tuple[int, str], int], int]:
    """Ids by (category id, digest), and how many of the tasks are new."""
    known = _ids(tasks)
    new = [task for task in tasks if (task.category_id, task.digest) not in known]
    for task in new:
        task.local_only = local_only
    # Another import may be storing the same content: the second one reads the first one's row.
    Task.objects.bulk_create(new, ignore_conflicts=True)
    ids = known | _ids(new)
    if local_only:
        for chunk in _chunks(list(ids.values())):
            Task.objects.filter(pk__in=chunk, local_only=False).update(local_only=True)
    return ids, len(new)


def _ids(tasks: Iterable[Task]) -> dict[tuple[int, str], int]:
    ids: dict[tuple[int, str], int] = {}
    for chunk in _chunks(sorted({task.digest for task in tasks})):
        for pk, category_id, digest in Task.objects.filter(digest__in=chunk).values_list("pk", "category_id", "digest"):
            ids[category_id, digest] = pk
    return ids


def _version(task_set: TaskSet, places: Sequence[_Place], source: str) -> tuple[TaskSetVersion, bool]:
    sha256 = _sha256([[place.external_id, place.category, place.digest, place.metadata] for place in places])
    newest = task_set.versions.order_by("-n").first()
    if newest is not None and newest.sha256 == sha256:
        return newest, True
    version = TaskSetVersion.objects.create(
        task_set=task_set, n=newest.n + 1 if newest else 1, sha256=sha256, source=source[:_SOURCE_LENGTH]
    )
    insert(
        TaskSetItem,
        ("version_id", "task_id", "external_id", "position", "metadata"),
        (
            (version.pk, place.task_id, place.external_id, position, place.metadata)
            for position, place in enumerate(places)
        ),
    )
    return version, False


def _places(task_set: TaskSet) -> list[_Place]:
    """Of the newest version."""
    newest = task_set.versions.order_by("-n").first()
    items = TaskSetItem.objects.filter(version=newest).order_by("position")
    rows = items.values_list("external_id", "task_id", "task__category__slug", "task__digest", "metadata")
    return [_Place(*row) for row in rows] if newest else []


def _known_by_id(task_set: TaskSet) -> list[_Place]:
    return [
        place
        for place in _places(task_set)
        if place.digest == _sha256({"source": task_set.slug, "id": place.external_id})
    ]


def _sha256(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))
