"""A task set run again by the clock, on its contenders as they are now."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from evals.models import Run, TaskSet
from evals.selectors.contenders import asked_by_default
from evals.services.collecting.runs import RunError, rerun, start_run

__all__ = ["BakeOff", "bake_off"]


@dataclass(frozen=True)
class BakeOff:
    """`run` None: none was started, and `reason` says why in words."""

    run: Run | None
    reason: str


@transaction.atomic
def bake_off(*, task_set: TaskSet) -> BakeOff:
    """As the last run of the task set, on its newest version and the newest revisions; the first one asks as
    a run that names nobody. Not while a run is under way, so doing it twice starts one."""
    # The row is the lock: two chores of one schedule come one after the other.
    task_set = TaskSet.objects.select_for_update().get(pk=task_set.pk)
    last = Run.objects.select_related("version__task_set").filter(version__task_set=task_set).order_by("-pk").first()
    if last is not None and last.state in (Run.State.COLLECTING, Run.State.PAUSED):
        return BakeOff(None, f"Not started: run {last.pk} is {last.state}.")
    try:
        run = rerun(run=last) if last is not None else _first(task_set)
    except RunError as error:
        return BakeOff(None, f"Not started: {error}")
    return BakeOff(run, f"Run {run.pk} started.")


def _first(task_set: TaskSet) -> Run:
    version = task_set.versions.order_by("-n").first()
    if version is None:
        raise RunError("version", f"{task_set.slug} has no version.")
    default = asked_by_default(version)
    if default.nobody:
        raise RunError("contenders", default.nobody)
    return start_run(version=version, contenders=default.contenders)
