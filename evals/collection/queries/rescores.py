"""The last time that stored answers were scored again, of a run or a task set."""

from __future__ import annotations

from typing import Any

from evals.models import Rescore, Run, TaskSet

__all__ = ["newest_rescore", "rescore_state"]


def newest_rescore(*, run: Run | None = None, task_set: TaskSet | None = None) -> Rescore | None:
    return Rescore.objects.filter(run=run, task_set=task_set).order_by("-pk").first()


def rescore_state(*, run: Run | None = None, task_set: TaskSet | None = None) -> dict[str, Any]:
    """For pages: `last`, and whether it is `under_way`. One query."""
    last = newest_rescore(run=run, task_set=task_set)
    return {"last": last, "under_way": last is not None and last.finished_at is None}
