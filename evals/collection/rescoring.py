"""Scores stored answers again: after a check was corrected in a task file, or after Arena learnt to judge better.

Nothing is asked for again. An answer is scored by the checks of the newest version of the task set, as far as that asks
the same (its messages and tools); an answer to something that is not asked any more, by the checks of its own task.

It goes in portions, and remembers how far it got: it may be stopped at any time, two workers do the same portion only
once, and doing it twice changes nothing. Answers are scored outside any transaction, since a check may take seconds.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django_q.tasks import async_task

from evals.catalog.services.task_sets import task_digest
from evals.collection.checks.refusals import looks_like_refusal
from evals.collection.checks.tokens import tokens_of_last
from evals.models import Generation, Rescore, Run, TaskSet, TaskSetItem

__all__ = ["CHORE", "Rescored", "ask_rescore", "rescore", "stalled"]

log = logging.getLogger(__name__)

CHORE = "evals.collection.chores.rescore"
# Answers read at once.
_BATCH = 50
# A portion takes seconds; its chore may wait behind others.
_LOST_AFTER = timedelta(minutes=5)
_COLUMNS = ("text", "thinking", "tool_calls", "turns", "refused", "tokens_out", "tokens_thinking", "checks")


@dataclass(frozen=True)
class Rescored:
    """What one call did: answers read, those whose verdicts changed, and whether nothing is left."""

    read: int
    changed: int
    finished: bool


@transaction.atomic
def ask_rescore(*, run: Run | None = None, task_set: TaskSet | None = None, who: str) -> tuple[Rescore, bool]:
    """Ask to score the answers of the run, or of all runs of the task set, again, and enqueue the chore. If that is
    under way, the one that there is; the second value says whether it is new."""
    there = Rescore.objects.filter(run=run, task_set=task_set, finished_at=None).first()
    if there is not None:
        return there, False
    try:
        with transaction.atomic():
            asked = Rescore.objects.create(run=run, task_set=task_set, asked_by=who[:150])
    except IntegrityError:
        # Asked for twice at the same moment.
        return Rescore.objects.get(run=run, task_set=task_set, finished_at=None), False
    async_task(CHORE, asked.pk)
    return asked, True


def stalled() -> list[int]:
    """Those that have not moved on for a while, so that their chore must have been lost."""
    before = timezone.now() - _LOST_AFTER
    return list(
        Rescore.objects.filter(finished_at=None, moved_at__lt=before).order_by("pk").values_list("pk", flat=True)
    )


def rescore(*, pk: int, seconds: float | None = None) -> Rescored:
    """Go on where the last call stopped, for at most about so long; without a limit, to the end."""
    until = None if seconds is None else time.monotonic() + seconds
    read = changed = 0
    asked = Rescore.objects.select_related("run__version__task_set", "task_set").filter(pk=pk).first()
    checks = _newest_checks(_task_set(asked)) if asked is not None and asked.finished_at is None else {}
    while asked is not None:
        asked.refresh_from_db(fields=["read_to", "finished_at"])
        if asked.finished_at is not None:
            break
        if until is not None and read and time.monotonic() >= until:
            return Rescored(read, changed, finished=False)
        some, moved = _portion(asked, checks, until)
        read, changed = read + some, changed + moved
    return Rescored(read, changed, finished=True)


@dataclass(frozen=True)
class _Scored:
    """What becomes of one answer. `passes` and `passed`: now, and before."""

    checks: list[dict[str, Any]]
    refused: bool
    passes: bool
    passed: bool
    changed: bool
    reworded: bool


def _portion(asked: Rescore, checks: Mapping[str, Sequence[Any]], until: float | None) -> tuple[int, int]:
    answers = _answers(asked).filter(pk__gt=asked.read_to).order_by("pk").select_related("task")
    columns = (*_COLUMNS, "task__category", "task__messages", "task__tools", "task__checks")
    some = list(answers.only(*columns)[:_BATCH])
    scored: dict[int, _Scored] = {}
    for answer in some:
        scored[answer.pk] = _score(answer, checks.get(_asked(answer.task), answer.task.checks))
        if until is not None and time.monotonic() >= until:
            break
    with transaction.atomic():
        mine = Rescore.objects.select_for_update().get(pk=asked.pk)
        if mine.read_to != asked.read_to or mine.finished_at is not None:
            return 0, 0  # another one was faster; its portion is stored
        moved = [pk for pk, found in _stored(scored).items() if found.changed]
        mine.moved_at = timezone.now()
        mine.read += len(scored)
        mine.changed += len(moved)
        mine.now_pass += sum(scored[pk].passes and not scored[pk].passed for pk in moved)
        mine.now_fail += sum(scored[pk].passed and not scored[pk].passes for pk in moved)
        if scored:
            mine.read_to = max(scored)
        else:
            mine.finished_at = mine.moved_at
            log.info("Rescore %d: %d answers read, %d changed.", mine.pk, mine.read, mine.changed)
        mine.save(update_fields=["moved_at", "read", "changed", "now_pass", "now_fail", "read_to", "finished_at"])
    return len(scored), len(moved)


def _stored(scored: Mapping[int, _Scored]) -> dict[int, _Scored]:
    """Those that were written. An answer that is done stays as it is but for its scores, so none can have changed."""
    stored = {}
    for pk, found in scored.items():
        if found.reworded:
            row = Generation.objects.filter(pk=pk, state=Generation.State.DONE)
            if not row.update(checks=found.checks, refused=found.refused):
                continue
        stored[pk] = found
    for pk in (pk for pk, found in stored.items() if found.changed):
        log.info("Generation %d was scored again: it %s.", pk, "passes" if stored[pk].passes else "fails")
    return stored


def _answers(asked: Rescore) -> QuerySet[Generation]:
    done = Generation.objects.filter(state=Generation.State.DONE)
    if asked.run_id is not None:
        return done.filter(run_items__run=asked.run_id)
    # By the tasks of every version, so that imported answers are among them as well.
    return done.filter(task__in=TaskSetItem.objects.filter(version__task_set=asked.task_set_id).values("task"))


def _task_set(asked: Rescore) -> TaskSet:
    found = asked.run.version.task_set if asked.run is not None else asked.task_set
    assert found is not None
    return found


def _newest_checks(task_set: TaskSet) -> dict[str, list[Any]]:
    """By what is asked: the checks of the newest version. Left out is what it asks twice, with different checks."""
    version = task_set.versions.order_by("-n").first()
    found: dict[str, list[Any]] = {}
    unclear = set()
    items = TaskSetItem.objects.filter(version=version).exclude(task__messages=[]).select_related("task")
    for item in items.iterator(500):
        asked = _asked(item.task)
        if found.setdefault(asked, item.task.checks) != item.task.checks:
            unclear.add(asked)
    return {asked: checks for asked, checks in found.items() if asked not in unclear}


def _asked(task: Any) -> str:
    """What a model is sent for the task, which is what two tasks with different checks have in common."""
    return f"{task.category_id}:{task_digest(messages=task.messages, tools=task.tools)}"


def _score(answer: Generation, checks: Sequence[Mapping[str, Any]]) -> _Scored:
    # Pages ask for this and never do it: they would load the clients of providers.
    from evals.collection.checks.run import run_checks  # noqa: PLC0415
    from evals.collection.providers import ToolCall  # noqa: PLC0415

    turns = answer.turns or [{"text": answer.text, "tool_calls": answer.tool_calls}]
    # What the provider itself marked stays marked: the mark is not stored apart.
    refused = answer.refused or any(looks_like_refusal(str(turn.get("text", ""))) for turn in turns)
    found = run_checks(
        checks,
        text=answer.text,
        tool_calls=[ToolCall(**call) for turn in turns for call in turn.get("tool_calls", ())],
        refused=refused,
        tokens=tokens_of_last(
            turns=answer.turns,
            tokens_out=answer.tokens_out,
            tokens_thinking=answer.tokens_thinking,
            thinking=answer.thinking,
        ),
    )
    return _Scored(
        checks=found,
        refused=refused,
        passes=_all_pass(found),
        passed=_all_pass(answer.checks),
        changed=refused != answer.refused or _verdicts(found) != _verdicts(answer.checks),
        reworded=refused != answer.refused or found != answer.checks,
    )


def _all_pass(results: Sequence[Mapping[str, Any]]) -> bool:
    return all(one["ok"] for one in results)


def _verdicts(results: Sequence[Mapping[str, Any]]) -> list[tuple[str, bool]]:
    return [(one["type"], one["ok"]) for one in results]
