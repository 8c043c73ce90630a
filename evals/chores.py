"""django-q2's entry points. Each may run twice, late or not at all: what is left to do, the rows say."""

from __future__ import annotations

from django.db import transaction

from evals import jobs
from evals.models import Category, TaskSet
from evals.selectors.leaderboards import lagging
from evals.services import ledger as ledgers
from evals.services import ranking
from evals.services.collecting.claims import work_is_due
from evals.services.schedules import bake_offs

__all__ = ["bake_off", "rank", "sweep"]


def rank(category_id: int) -> None:
    """Enqueued by `ledger.enqueue_rank` in the transaction of the votes."""
    ranking.rank_category(category_id=category_id)


def sweep() -> int:
    """Each minute: enqueue ranking where the numbers say it is due and no chore waits; ring for the workers if a
    generation is due. Returns how many categories lagged. What lost messages cost, this gives back."""
    behind = lagging()
    for category in Category.objects.filter(pk__in=behind):
        with transaction.atomic():
            ledgers.enqueue_rank(ledgers.lock(category))
    if work_is_due():
        jobs.ring()
    return len(behind)


def bake_off(task_set_id: int) -> str:
    """By the clock, as an admin set it. Returns what came of it in words, which the schedules page shows."""
    done = bake_offs.bake_off(task_set=TaskSet.objects.get(pk=task_set_id))
    if done.run is not None:
        jobs.ring()
    return done.reason
