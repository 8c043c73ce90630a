"""django-q2's entry points for collecting. Each may run twice, late or not at all."""

from __future__ import annotations

from evals.collection import schedules, wake
from evals.models import TaskSet

__all__ = ["bake_off"]


def bake_off(task_set_id: int) -> str:
    """By the clock, as an admin set it. Returns what came of it in words, which the schedules page shows."""
    done = schedules.bake_off(task_set=TaskSet.objects.get(pk=task_set_id))
    if done.run is not None:
        wake.wake_workers()
    return done.reason
