"""Schedules: the maintenance chores, and the bake-offs that admins set up.

django-q2 would call any function that a row names, so no row takes its function from a person: admins choose from a
closed list of chores and intervals.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule, Task

from arena.errors import FieldError
from evals.catalog.queries.contenders import asked_by_default
from evals.collection.services import RunError, rerun, start_run
from evals.models import Run, TaskSet

__all__ = [
    "BAKE_OFF",
    "EVERY",
    "RECHECK",
    "RESCORE",
    "SWEEP",
    "BakeOff",
    "ScheduleLine",
    "add_bake_off",
    "bake_off",
    "ensure",
    "remove",
    "set_every",
    "timetable",
]

SWEEP = "evals.leaderboards.chores.sweep"
RECHECK = "evals.collection.chores.recheck_quarantine"
RESCORE = "evals.collection.chores.rescore_unfinished"


@transaction.atomic
def ensure() -> None:
    """Make sure that the sweep has a schedule, every minute, and so have the look through stored answers and the
    scoring of those that somebody wants scored again, which do nothing once they are done. Idempotent; keeps an
    existing one as an admin has set it."""
    if not Schedule.objects.filter(func=RESCORE).exists():
        Schedule.objects.create(
            name="Go on scoring stored answers again, where that was asked for",
            func=RESCORE,
            schedule_type=Schedule.MINUTES,
            minutes=5,
            repeats=-1,
        )
    if not Schedule.objects.filter(func=RECHECK).exists():
        Schedule.objects.create(
            name="Look for models' names in stored answers, with a new detector",
            func=RECHECK,
            schedule_type=Schedule.MINUTES,
            minutes=5,
            repeats=-1,
        )
    if not Schedule.objects.filter(func=SWEEP).exists():
        Schedule.objects.create(
            name="Rank categories with new votes, wake the workers",
            func=SWEEP,
            schedule_type=Schedule.MINUTES,
            minutes=1,
            repeats=-1,
        )


BAKE_OFF = "evals.collection.chores.bake_off"

EVERY = {
    Schedule.HOURLY: "every hour",
    Schedule.DAILY: "every day",
    Schedule.WEEKLY: "every week",
    Schedule.MONTHLY: "every month",
}


@dataclass(frozen=True)
class ScheduleLine:
    """`ours`: a bake-off, which an admin may change and remove; the others are maintenance."""

    id: int
    name: str
    every: str
    schedule_type: str
    next_run: datetime | None
    ours: bool
    last_result: str


def timetable() -> list[ScheduleLine]:
    """Bake-offs first. One more query for each that has run."""
    lines = [_line(row) for row in Schedule.objects.order_by("name", "pk")]
    return sorted(lines, key=lambda line: not line.ours)


@transaction.atomic
def add_bake_off(*, task_set: TaskSet, every: str, first_at: datetime | None = None) -> Schedule:
    """Re-run the task set on its latest contenders on a schedule. One per task set: adding another changes it."""
    _check_every(every)
    row, _ = Schedule.objects.update_or_create(
        func=BAKE_OFF,
        args=f"{task_set.pk},",
        defaults={
            "name": f"Bake-off of {task_set.slug}"[:100],
            "schedule_type": every,
            "next_run": first_at or timezone.now(),
            "repeats": -1,
        },
    )
    return row


@transaction.atomic
def set_every(*, schedule_id: int, every: str) -> None:
    _check_every(every)
    if not Schedule.objects.filter(pk=schedule_id, func=BAKE_OFF).update(schedule_type=every):
        raise FieldError("every", "Only bake-offs can be changed here.")


@transaction.atomic
def remove(*, schedule_id: int) -> bool:
    deleted, _ = Schedule.objects.filter(pk=schedule_id, func=BAKE_OFF).delete()
    return bool(deleted)


def _check_every(every: str) -> None:
    if every not in EVERY:
        raise FieldError("every", f"{every!r} is not known. Use one of: {', '.join(EVERY.values())}.")


def _line(row: Schedule) -> ScheduleLine:
    every = EVERY.get(row.schedule_type, "")
    if row.schedule_type == Schedule.MINUTES:
        every = "every minute" if row.minutes == 1 else f"every {row.minutes} minutes"
    last = Task.objects.filter(id=row.task).first() if row.task else None
    return ScheduleLine(
        id=row.pk,
        name=row.name or "",
        every=every,
        schedule_type=row.schedule_type,
        next_run=row.next_run,
        ours=row.func == BAKE_OFF,
        last_result=last.result if last is not None and isinstance(last.result, str) else "",
    )


@dataclass(frozen=True)
class BakeOff:
    """`run` is None if no run was started; `reason` says why."""

    run: Run | None
    reason: str


@transaction.atomic
def bake_off(*, task_set: TaskSet) -> BakeOff:
    """Repeat the last run of the task set on its newest version and the newest revisions; the first one asks the
    default contenders. Does nothing while a run is under way, so doing it twice starts one."""
    # The row is the lock: two chores of one schedule run one after the other.
    task_set = TaskSet.objects.select_for_update().get(pk=task_set.pk)
    last = Run.objects.select_related("version__task_set").filter(version__task_set=task_set).order_by("-pk").first()
    if last is not None and last.state in (Run.State.COLLECTING, Run.State.PAUSED):
        return BakeOff(None, f"Not started: run {last.pk} is {last.state}.")
    try:
        run = rerun(run=last) if last is not None else _first_run(task_set)
    except RunError as error:
        return BakeOff(None, f"Not started: {error}")
    return BakeOff(run, f"Run {run.pk} started.")


def _first_run(task_set: TaskSet) -> Run:
    version = task_set.versions.order_by("-n").first()
    if version is None:
        raise RunError("version", f"{task_set.slug} has no version.")
    default = asked_by_default(version)
    if default.problem:
        raise RunError("contenders", default.problem)
    return start_run(version=version, contenders=default.contenders, warm_up_calls=None)
