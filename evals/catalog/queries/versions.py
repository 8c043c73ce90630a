"""What changed from one version of a task set to another: tasks that are new, gone, or changed under the same id."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, TextField
from django.db.models.functions import Cast

from arena.ui.differences import Difference, difference
from arena.ui.markup import first_line
from evals.catalog.conversations import calls_in, content_text, is_gap, prompt_text
from evals.catalog.images.references import images_in
from evals.models import Task, TaskSetItem, TaskSetVersion

__all__ = [
    "ChangedField",
    "ChangedTask",
    "Kind",
    "VersionChanges",
    "field_changes",
    "version_changes",
]

Kind = Literal["changed", "new", "gone"]
# Characters compared for one page, beyond which it ends early: comparing takes its time.
_MOST_COMPARED = 60_000
_GIST = 160


@dataclass(frozen=True)
class ChangedField:
    name: str
    difference: Difference


@dataclass(frozen=True)
class ChangedTask:
    """`fields` are those that differ, of a changed task. `also` is an id under which the other version has the same
    task, of one that is new or gone. `key` is its position."""

    key: int
    external_id: str
    category: str
    gist: str
    fields: tuple[ChangedField, ...] = ()
    also: str = ""


@dataclass(frozen=True)
class VersionChanges:
    """`next` is the position after which the following page goes on."""

    slug: str
    name: str
    before: int
    after: int
    versions: tuple[int, ...]
    counts: Mapping[str, int]
    unchanged: int
    kind: Kind
    rows: tuple[ChangedTask, ...]
    next: int | None


def version_changes(
    slug: str,
    *,
    before: int | None = None,
    after: int | None = None,
    kind: str = "",
    beyond: int | None = None,
    limit: int = 10,
    metadata: bool = False,
) -> VersionChanges | None:
    """By default of the newest version against the one before it; None if there is no such task set or version.

    Tasks are matched by their ids; the same content under another id is named. A page has `limit` tasks of one kind,
    by default of the first of which there are any, after the position `beyond`, and fewer where their texts are long.
    `metadata`: another metadata alone is a change, and is shown. At most seven queries, whose cost follows the size of
    the two versions.
    """
    versions = list(TaskSetVersion.objects.filter(task_set__slug=slug).select_related("task_set").order_by("-n"))
    numbers = tuple(one.n for one in versions)
    if not numbers:
        return None
    after = numbers[0] if after is None else after
    if before is None:
        before = next((n for n in numbers if n < after), after)
    by_number = {one.n: one for one in versions}
    if before not in by_number or after not in by_number:
        return None
    earlier, later = by_number[before], by_number[after]
    counts, unchanged = _counts(earlier, later, metadata=metadata)
    kinds: tuple[Kind, ...] = ("changed", "new", "gone")
    chosen: Kind = next((one for one in kinds if one == kind or (not kind and counts[one])), "changed")
    items = _items(earlier, later, chosen, metadata=metadata)
    if beyond is not None:
        items = items.filter(position__gt=beyond)
    found = list(items.select_related("task__category").order_by("position")[: limit + 1])
    if chosen == "changed":
        rows = _changed(found[:limit], earlier, metadata=metadata)
    else:
        rows = _alone(found[:limit], later if chosen == "gone" else earlier)
    return VersionChanges(
        slug=earlier.task_set.slug,
        name=earlier.task_set.name,
        before=before,
        after=after,
        versions=numbers,
        counts=counts,
        unchanged=unchanged,
        kind=chosen,
        rows=tuple(rows),
        next=rows[-1].key if rows and len(found) > len(rows) else None,
    )


def _matched(here: TaskSetVersion, there: TaskSetVersion) -> QuerySet[Any]:
    """Items of `here`, with the task and the metadata that `there` has under the same id."""
    other = TaskSetItem.objects.filter(version=there, external_id=OuterRef("external_id"))
    return TaskSetItem.objects.filter(version=here).annotate(
        other=Subquery(other.values("task_id")[:1]),
        other_metadata=Subquery(other.values(text=Cast("metadata", TextField()))[:1]),
        own_metadata=Cast("metadata", TextField()),
    )


def _differs(metadata: bool) -> Q:
    other_task = ~Q(task_id=F("other"))
    return other_task | ~Q(own_metadata=F("other_metadata")) if metadata else other_task


def _counts(earlier: TaskSetVersion, later: TaskSetVersion, *, metadata: bool) -> tuple[dict[str, int], int]:
    found = _matched(later, earlier).aggregate(
        all=Count("pk"),
        matched=Count("pk", filter=Q(other__isnull=False)),
        changed=Count("pk", filter=Q(other__isnull=False) & _differs(metadata)),
    )
    gone = TaskSetItem.objects.filter(version=earlier).count() - found["matched"]
    counts = {"changed": found["changed"], "new": found["all"] - found["matched"], "gone": gone}
    return counts, found["matched"] - found["changed"]


def _items(earlier: TaskSetVersion, later: TaskSetVersion, kind: Kind, *, metadata: bool) -> QuerySet[TaskSetItem]:
    if kind == "changed":
        return _matched(later, earlier).filter(_differs(metadata), other__isnull=False)
    here, there = (later, earlier) if kind == "new" else (earlier, later)
    return _matched(here, there).filter(other__isnull=True)


def _changed(items: list[TaskSetItem], earlier: TaskSetVersion, *, metadata: bool) -> list[ChangedTask]:
    ids = [item.external_id for item in items]
    before = {
        item.external_id: item
        for item in TaskSetItem.objects.filter(version=earlier, external_id__in=ids).select_related("task__category")
    }
    rows: list[ChangedTask] = []
    budget = _MOST_COMPARED
    for item in items:
        was = before[item.external_id]
        fields = field_changes(was.task, item.task)
        if metadata:
            fields += _different("metadata", _json(was.metadata or None), _json(item.metadata or None))
        rows.append(_row(item, fields=tuple(fields)))
        budget -= len(_prompt(item.task)) + len(_prompt(was.task))
        if budget < 0:
            break
    return rows


def _alone(items: list[TaskSetItem], there: TaskSetVersion) -> list[ChangedTask]:
    same = TaskSetItem.objects.filter(version=there, task__in=[item.task_id for item in items])
    also = dict(same.order_by("-position").values_list("task_id", "external_id"))
    return [_row(item, also=also.get(item.task_id, "")) for item in items]


def _row(item: TaskSetItem, *, fields: tuple[ChangedField, ...] = (), also: str = "") -> ChangedTask:
    gist = first_line(prompt_text(item.task.messages))[:_GIST] if item.task.messages else ""
    return ChangedTask(item.position, item.external_id, item.task.category.name, gist, fields, also)


def field_changes(before: Task, after: Task) -> list[ChangedField]:
    """Where two tasks differ, field by field, with their texts compared word by word."""
    return [
        *_different("prompt", _prompt(before), _prompt(after)),
        *_different("category", before.category.name, after.category.name),
        *_different("reference", before.reference, after.reference),
        *_different("checks", _json(before.checks or None), _json(after.checks or None)),
        *_different("tools", _json(before.tools or None), _json(after.tools or None)),
    ]


def _different(name: str, before: str, after: str) -> list[ChangedField]:
    return [ChangedField(name, difference(before, after))] if before != after else []


def _prompt(task: Task) -> str:
    """All messages as one text. A user's message that stands alone needs no heading."""
    if [message["role"] for message in task.messages] == ["user"]:
        return "\n\n".join(_said(task.messages[0]))
    return "\n\n".join(
        "\n".join([f"{message['role']}:", *(["(the model answers)"] if is_gap(message) else _said(message))])
        for message in task.messages
    )


def _said(message: Mapping[str, Any]) -> Iterator[str]:
    if text := content_text(message.get("content")):
        yield text
    yield from (f"{name}({arguments})" for name, arguments in calls_in(message.get("tool_calls")))
    yield from (f"[image {sha256[:12]}]" for sha256 in images_in([message]))


def _json(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, indent=2)
