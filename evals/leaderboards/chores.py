"""django-q2's entry points for ranking. Each may run twice, late or not at all: what is left to do, the rows say."""

from __future__ import annotations

from django.db import transaction

from evals.collection import wake
from evals.collection.queue import work_is_due
from evals.leaderboards import ranking
from evals.leaderboards.queries import lagging
from evals.models import Category
from evals.voting import ledger as ledgers

__all__ = ["rank", "sweep"]


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
        wake.wake_workers()
    return len(behind)
