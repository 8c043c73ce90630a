"""Schedules as admins set them: a closed list of chores, each by a few intervals.

django-q2 would call whatever function a row names, so no row takes its function from a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule, Task

from evals.models import TaskSet
from evals.services.fields import FieldError

__all__ = ["BAKE_OFF", "EVERY", "ScheduleLine", "add_bake_off", "remove", "set_every", "timetable"]

BAKE_OFF = "evals.chores.bake_off"

EVERY = {
    Schedule.HOURLY: "each hour",
    Schedule.DAILY: "each day",
    Schedule.WEEKLY: "each week",
    Schedule.MONTHLY: "each month",
}


@dataclass(frozen=True)
class ScheduleLine:
    """`ours`: a bake-off, which an admin may change and remove; the others keep the house running."""

    id: int
    name: str
    every: str
    schedule_type: str
    next_run: datetime | None
    ours: bool
    last_result: str


def timetable() -> list[ScheduleLine]:
    """Bake-offs first. A query more for each that has run."""
    lines = [_line(row) for row in Schedule.objects.order_by("name", "pk")]
    return sorted(lines, key=lambda line: not line.ours)


@transaction.atomic
def add_bake_off(*, task_set: TaskSet, every: str, first_at: datetime | None = None) -> Schedule:
    """Re-run the task set on its latest contenders by the clock. One for each task set: adding again changes it."""
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
        raise FieldError("every", "Only bake-offs are changed here.")


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
        every = "each minute" if row.minutes == 1 else f"each {row.minutes} minutes"
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
