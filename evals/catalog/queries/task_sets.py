"""Reads of task sets and their tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, QuerySet, TextField
from django.db.models.functions import Cast
from django.urls import reverse

from evals.catalog.conversations import calls_in, content_text, is_gap, segments, turns_asked
from evals.models import Generation, Run, Task, TaskSet, TaskSetItem, TaskSetVersion, Vote

__all__ = [
    "CategoryTasks",
    "KnownTask",
    "MessageView",
    "RunRow",
    "TaskSetCard",
    "TaskSetPage",
    "TaskView",
    "VersionRow",
    "answers_and_votes",
    "known_tasks",
    "may_have_gaps",
    "newest_item",
    "task_set_cards",
    "task_set_page",
]


@dataclass(frozen=True, slots=True)
class KnownTask:
    """What an external id of a task set stands for. `has_text` False: known only by id, from imported votes. `turns`:
    the answers that its conversation asks for."""

    task_id: int
    category_id: int
    has_text: bool
    turns: int = 1


@dataclass(frozen=True)
class TaskSetCard:
    slug: str
    name: str
    local_only: bool
    version: int | None
    tasks: int
    categories: tuple[str, ...]
    runs: int
    changed_at: datetime


@dataclass(frozen=True)
class VersionRow:
    n: int
    sha256: str
    source: str
    created_at: datetime
    tasks: int
    runs: int


@dataclass(frozen=True)
class MessageView:
    """`gap`: the model's answer comes here. `calls` are tool calls, name and arguments."""

    role: str
    content: str
    calls: tuple[str, ...] = ()
    gap: bool = False


@dataclass(frozen=True)
class TaskView:
    """`asked` is the last user message before the first answer; `messages` are all, with the gaps for the model. Both
    are empty for a task known only by its id. `gist` is the beginning of the first line of what is asked. `place` is
    its row in this version."""

    place: int
    external_id: str
    asked: str
    messages: tuple[MessageView, ...]
    tools: tuple[str, ...]
    turns: int
    reference: str
    checks: tuple[str, ...]
    metadata: dict[str, Any]
    images: tuple[str, ...]
    generations: int
    votes: int

    @property
    def gist(self) -> str:
        return next((line.strip() for line in self.asked.splitlines() if line.strip()), "")[:160]

    @property
    def more(self) -> bool:
        """Whether there is anything to see beyond the gist."""
        return self.gist != self.asked.strip() or bool(self.messages[1:] or self.tools or self.reference or self.images)


@dataclass(frozen=True)
class CategoryTasks:
    slug: str
    name: str
    tasks: tuple[TaskView, ...]
    total: int

    @property
    def left(self) -> int:
        return self.total - len(self.tasks)


@dataclass(frozen=True)
class RunRow:
    id: int
    n: int
    state: str
    contenders: int
    created_at: datetime


@dataclass(frozen=True)
class TaskSetPage:
    """`asked` tasks have a text, `known_by_id` ones came with imported votes; together the version's tasks."""

    slug: str
    name: str
    local_only: bool
    # The slug of the task set whose tasks these are, in long prompts; empty for any other.
    long_context_of: str
    version: VersionRow | None
    versions: tuple[VersionRow, ...]
    categories: tuple[CategoryTasks, ...]
    runs: tuple[RunRow, ...]
    asked: int
    known_by_id: int

    @property
    def newest(self) -> bool:
        return not self.versions or self.version == self.versions[0]


def may_have_gaps(tasks: QuerySet[Task]) -> QuerySet[Task]:
    """Those with an assistant's message: all others take one answer, and their messages need not be read."""
    return tasks.annotate(said=Cast("messages", TextField())).filter(said__contains='"assistant"')


def known_tasks(slug: str) -> dict[str, KnownTask]:
    """What each external id stands for: in the newest version that has it. Three queries."""
    items = TaskSetItem.objects.filter(version__task_set__slug=slug)
    by_id = set(items.filter(task__messages=[]).values_list("task_id", flat=True).distinct())
    answered = may_have_gaps(Task.objects.filter(pk__in=items.values("task"))).values_list("pk", "messages")
    turns = {pk: turns_asked(messages) for pk, messages in answered.iterator()}
    rows = items.order_by("version__n").values_list("external_id", "task_id", "task__category_id")
    return {
        external_id: KnownTask(task_id, category_id, task_id not in by_id, turns.get(task_id, 1))
        for external_id, task_id, category_id in rows.iterator()
    }


def task_set_cards() -> list[TaskSetCard]:
    """All task sets, with counts of the newest version. Four queries, however many there are."""
    newest = {
        version.task_set_id: version
        for version in TaskSetVersion.objects.filter(
            pk__in=TaskSetVersion.objects.values("task_set").annotate(newest=Max("pk")).values("newest")
        ).annotate(task_count=Count("items"))
    }
    categories: dict[int, list[str]] = {}
    named = TaskSetItem.objects.filter(version__in=[one.pk for one in newest.values()])
    for version_id, name in (
        named.values_list("version_id", "task__category__name").distinct().order_by("task__category__name")
    ):
        categories.setdefault(version_id, []).append(name)
    runs = dict(Run.objects.values_list("version__task_set").annotate(n=Count("pk")).order_by())
    cards = []
    for task_set in TaskSet.objects.order_by("slug"):
        version = newest.get(task_set.pk)
        cards.append(
            TaskSetCard(
                slug=task_set.slug,
                name=task_set.name,
                local_only=task_set.local_only,
                version=version.n if version else None,
                tasks=version.task_count if version else 0,
                categories=tuple(categories.get(version.pk, ())) if version else (),
                runs=runs.get(task_set.pk, 0),
                changed_at=version.created_at if version else task_set.created_at,
            )
        )
    return cards


def task_set_page(slug: str, *, n: int | None = None, category: str = "", shown: int = 20) -> TaskSetPage | None:
    """One task set at version `n` (by default the newest), with `shown` tasks of each category or of one; None if there
    is no such version. Four queries per category, and six more."""
    task_set = TaskSet.objects.select_related("long_context_of").filter(slug=slug).first()
    if task_set is None:
        return None
    versions = tuple(
        VersionRow(one.n, one.sha256, one.source, one.created_at, one.task_count, one.run_count)
        for one in task_set.versions.annotate(
            task_count=Count("items", distinct=True), run_count=Count("runs", distinct=True)
        ).order_by("-n")
    )
    version = next((one for one in versions if n is None or one.n == n), None)
    if version is None and n is not None:
        return None
    items = TaskSetItem.objects.filter(version__task_set=task_set, version__n=version.n if version else 0)
    known_by_id = items.filter(task__messages=[]).count()
    return TaskSetPage(
        slug=task_set.slug,
        name=task_set.name,
        local_only=task_set.local_only,
        long_context_of=task_set.long_context_of.slug if task_set.long_context_of else "",
        version=version,
        versions=versions,
        categories=tuple(_by_category(items.filter(task__category__slug=category) if category else items, shown)),
        runs=tuple(
            RunRow(run.pk, run.version.n, run.state, run.contender_count, run.created_at)
            for run in Run.objects.filter(version__task_set=task_set)
            .select_related("version")
            .annotate(contender_count=Count("contenders"))
            .order_by("-pk")[:10]
        ),
        asked=(version.tasks if version else 0) - known_by_id,
        known_by_id=known_by_id,
    )


def newest_item(item: TaskSetItem) -> TaskSetItem | None:
    """What the id stands for in the newest version of its task set; None if it is gone. Two queries."""
    newest = TaskSetVersion.objects.filter(task_set=item.version.task_set_id).order_by("-n").first()
    return TaskSetItem.objects.filter(version=newest, external_id=item.external_id).first()


def answers_and_votes(task_id: int) -> tuple[int, int]:
    """Of one task: its finished answers, and the votes on them. Two queries."""
    finished = Generation.objects.filter(task=task_id, state__in=[Generation.State.DONE, Generation.State.FAILED])
    return finished.count(), Vote.objects.filter(task=task_id).count()


def _by_category(items: Any, shown: int) -> Iterator[CategoryTasks]:
    totals = items.values_list("task__category_id", "task__category__slug", "task__category__name")
    for category_id, slug, name, total in totals.annotate(n=Count("pk")).order_by("task__category__name"):
        some = items.filter(task__category_id=category_id).select_related("task").order_by("position")[:shown]
        views = _task_views(list(some))
        yield CategoryTasks(slug, name, views, total)


def _task_views(items: list[TaskSetItem]) -> tuple[TaskView, ...]:
    # Counted separately: joined, the counts would multiply, over the whole version.
    tasks = [item.task_id for item in items]
    finished = Generation.objects.filter(task__in=tasks, state__in=[Generation.State.DONE, Generation.State.FAILED])
    generations = dict(finished.values_list("task").annotate(n=Count("pk")).order_by())
    votes = dict(Vote.objects.filter(task__in=tasks).values_list("task").annotate(n=Count("pk")).order_by())
    return tuple(_task_view(item, generations.get(item.task_id, 0), votes.get(item.task_id, 0)) for item in items)


def _task_view(item: TaskSetItem, generations: int, votes: int) -> TaskView:
    messages, first = item.task.messages, next(iter(segments(item.task.messages)), [])
    asked = [message for message in first if message["role"] == "user"] or first[:1]
    return TaskView(
        place=item.pk,
        external_id=item.external_id,
        asked=content_text(asked[-1].get("content")) if asked else "",
        messages=tuple(map(_message_view, messages)),
        images=tuple(reverse("evals:task-image", args=[item.task_id, n + 1]) for n in range(len(item.task.images))),
        tools=tuple(tool["function"]["name"] for tool in item.task.tools),
        turns=turns_asked(messages),
        reference=item.task.reference,
        checks=tuple(check["type"] for check in item.task.checks),
        metadata=item.metadata,
        generations=generations,
        votes=votes,
    )


def _message_view(message: dict[str, Any]) -> MessageView:
    calls = tuple(f"{name}({arguments})" for name, arguments in calls_in(message.get("tool_calls")))
    return MessageView(message["role"], content_text(message.get("content")), calls, is_gap(message))
