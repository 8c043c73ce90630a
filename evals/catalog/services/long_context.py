"""Makes long prompts of a task set's tasks, to measure how a contender bears length: each task in prompts of several
lengths, once at the start of the filler, once in its middle and once at its end.

The prompts are ordinary tasks, known by their content, of a task set of their own, so that a run collects them like any
other. They lie in categories of their own, below the tasks', which `Category.objects` leaves out: they never come to
reviewers, leaderboards or routes, and nothing measured of them counts for the plain category.

Where the filler stands and how long a prompt is depend on the task's content alone, and so does which filler it is.
Making them again after a change of the task set keeps the prompts of unchanged tasks, and their answers.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from evals.catalog.conversations import turns_asked
from evals.catalog.filler import CHARS_PER_TOKEN, MOST_CHARS, VERSION, filler_part
from evals.catalog.queries.long_context import LENGTHS, POSITIONS, Probe, derived_from, short_length
from evals.catalog.services.task_sets import TaskRow, TaskSetError, save_version
from evals.models import TaskSet, TaskSetItem, TaskSetVersion

__all__ = ["MOST_LENGTHS", "MOST_TASKS", "LongContextMade", "make_long_context"]

MOST_TASKS = 50
MOST_LENGTHS = 6
_SHORTEST, _LONGEST = 1_000, 1_000_000
_ID_LENGTH, _SLUG_LENGTH = 200, 80
# Tasks read at once while looking for those that can be made long.
_BATCH = 200

# The same around every request, so that only where it stands differs.
OPENING = (
    "One request stands in the text below, between the lines [REQUEST] and [END OF REQUEST]. All other text is "
    "background that has nothing to do with it. Do what the request asks, and nothing else."
)
CLOSING = (
    "Here the text ends. Now do what the request between the lines [REQUEST] and [END OF REQUEST] asks, and nothing "
    "else."
)
_BEGINS, _ENDS = "[REQUEST]", "[END OF REQUEST]"


@dataclass(frozen=True)
class LongContextMade:
    """`tasks` of the set were made long, in `prompts` of together about `tokens` tokens. `left_out`: how many were not,
    by reason, of those looked at. `unchanged`: the newest version held the same already."""

    version: TaskSetVersion
    tasks: int
    prompts: int
    tokens: int
    left_out: Mapping[str, int]
    unchanged: bool


@transaction.atomic
def make_long_context(*, task_set: TaskSet, lengths: Sequence[int] = LENGTHS, most_tasks: int = 10) -> LongContextMade:
    """A version of the task set that holds this one's tasks in long prompts: `<slug>-long`, made if it is new. Of the
    newest version, at most `most_tasks` tasks, spread evenly over it. `lengths` are in tokens, by an estimate.

    Takes tasks with checks, whose answer can be judged; with one answer and text alone. TaskSetError if there are none,
    or for lengths and numbers that are out of bounds. It stays local_only if one of the tasks is.
    """
    lengths = sorted(set(lengths))
    _check(task_set, lengths, most_tasks)
    # Two clicks make one.
    TaskSet.objects.select_for_update().get(pk=task_set.pk)
    left_out: Counter[str] = Counter()
    items = list(_chosen(task_set, most_tasks, lengths[0], left_out))
    if not items:
        why = "; ".join(f"{n:,} {reason}" for reason, n in left_out.items()) or "it has no tasks with a text"
        raise TaskSetError(f"None of the tasks of {task_set.slug} can be asked in long prompts: {why}.")
    rows = [row for item in items for row in _rows(item, lengths)]
    derived = derived_from(task_set)
    saved = save_version(
        task_set_slug=derived.slug if derived else _free_slug(task_set.slug),
        rows=rows,
        source=f"{task_set.slug}, version {items[0].version.n}",
        local_only=task_set.local_only or any(item.task.local_only for item in items),
        name=f"{task_set.name[:100]}, long context",
        long_context_of=task_set,
    )
    return LongContextMade(
        version=saved.version,
        tasks=len(items),
        prompts=len(rows),
        tokens=sum(row.metadata["long_context"]["tokens"] for row in rows),
        left_out=dict(left_out),
        unchanged=saved.unchanged,
    )


def _check(task_set: TaskSet, lengths: Sequence[int], most_tasks: int) -> None:
    if task_set.long_context_of_id is not None:
        raise TaskSetError(
            f"The prompts of {task_set.slug} are long already. Choose the task set that they are made of."
        )
    if not 1 <= most_tasks <= MOST_TASKS:
        raise TaskSetError(f"Choose between 1 and {MOST_TASKS} tasks.")
    if not 1 <= len(lengths) <= MOST_LENGTHS:
        raise TaskSetError(f"Choose between 1 and {MOST_LENGTHS} lengths.")
    if not _SHORTEST <= lengths[0] <= lengths[-1] <= _LONGEST:
        raise TaskSetError(f"A prompt has between {_SHORTEST:,} and {_LONGEST:,} tokens.")


def _chosen(task_set: TaskSet, most: int, shortest: int, left_out: Counter[str]) -> Iterator[TaskSetItem]:
    """Spread evenly over the newest version; where one cannot be used, another takes its place."""
    newest = TaskSetVersion.objects.filter(task_set=task_set).order_by("-n")[:1]
    items = TaskSetItem.objects.filter(version=newest).exclude(task__messages=[])
    unchecked = items.filter(task__checks=[]).count()
    if unchecked:
        left_out["without checks, so that nothing would judge the answer"] = unchecked
    pks = list(items.exclude(task__checks=[]).order_by("position").values_list("pk", flat=True))
    first = list(dict.fromkeys(pks[n * len(pks) // most] for n in range(most))) if pks else []
    seen: set[int] = set()
    order = [*first, *(pk for pk in pks if pk not in set(first))]
    for start in range(0, len(order), _BATCH):
        batch = order[start : start + _BATCH]
        found = TaskSetItem.objects.select_related("task__category", "version").in_bulk(batch)
        for pk in batch:
            item = found[pk]
            # Two ids may name one task.
            if item.task_id in seen:
                continue
            seen.add(item.task_id)
            reason = _why_not(item, shortest)
            if reason:
                left_out[reason] += 1
                continue
            yield item
            most -= 1
            if not most:
                return


def _why_not(item: TaskSetItem, shortest: int) -> str:
    task = item.task
    if turns_asked(task.messages) > 1:
        return "conversations of several answers"
    if task.images or _text(task.messages[-1].get("content")) is None or task.messages[-1].get("role") != "user":
        return "that do not end in a text of the user's"
    return "" if _room(item, shortest) > 0 else f"longer than {short_length(shortest)} tokens themselves"


def _text(content: Any) -> str | None:
    """Of a content that is text alone; None for any other."""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        return "\n\n".join(str(part.get("text", "")) for part in content)
    return None


def _room(item: TaskSetItem, tokens: int) -> int:
    """Characters of filler that make it so long."""
    said = sum(len(_text(message.get("content")) or "") for message in item.task.messages)
    tools = len(json.dumps(item.task.tools, ensure_ascii=False)) if item.task.tools else 0
    around = len(OPENING) + len(CLOSING) + len(_BEGINS) + len(_ENDS)
    return min(round(tokens * CHARS_PER_TOKEN) - said - tools - around, MOST_CHARS)


def _rows(item: TaskSetItem, lengths: Sequence[int]) -> Iterator[TaskRow]:
    for tokens in lengths:
        for position in POSITIONS:
            probe = Probe(
                task=item.external_id, digest=item.task.digest, tokens=tokens, position=position, filler=VERSION
            )
            yield TaskRow(
                external_id=_external_id(item.external_id, f"@{short_length(tokens)}-{position}"),
                category=item.task.category.slug,
                messages=_padded(item, probe),
                tools=item.task.tools,
                reference=item.task.reference,
                checks=item.task.checks,
                metadata={"long_context": probe.as_dict()},
            )


def _external_id(task: str, ending: str) -> str:
    if len(task) + len(ending) > _ID_LENGTH:
        digest = hashlib.sha256(task.encode()).hexdigest()[:8]
        task = f"{task[: _ID_LENGTH - len(ending) - 9]}-{digest}"
    return task + ending


def _padded(item: TaskSetItem, probe: Probe) -> list[dict[str, Any]]:
    """The task's messages, with filler around the last one."""
    *before, last = item.task.messages
    room = _room(item, probe.tokens)
    share = {"start": 0.0, "middle": 0.5, "end": 1.0}[probe.position]
    ahead = round(room * share)
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": OPENING},
        *_fillers(probe, ahead, "ahead"),
        {"type": "text", "text": f"{_BEGINS}\n{_text(last.get('content'))}\n{_ENDS}"},
        *_fillers(probe, room - ahead, "after"),
        {"type": "text", "text": CLOSING},
    ]
    return [*before, {**last, "content": parts}]


def _fillers(probe: Probe, chars: int, place: str) -> list[dict[str, Any]]:
    """Another filler for every prompt, so that no provider has part of it in its cache."""
    if not chars:
        return []
    told = f"{probe.digest}:{probe.tokens}:{probe.position}:{place}"
    return [filler_part(seed=int(hashlib.sha256(told.encode()).hexdigest()[:8], 16), chars=chars)]


def _free_slug(slug: str) -> str:
    for n in range(1, 100):
        ending = "-long" if n == 1 else f"-long-{n}"
        found = f"{slug[: _SLUG_LENGTH - len(ending)]}{ending}"
        if not TaskSet.objects.filter(slug=found).exists():
            return found
    raise TaskSetError(f"There are a hundred task sets called {slug}-long. Rename one of them.")
