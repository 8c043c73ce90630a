"""django-q2's entry points for ranking. Each may run twice, late or not at all: the rows say what is left to do."""

from __future__ import annotations

from django.db import transaction

from evals.collection import wake
from evals.collection.claiming import work_is_due
from evals.leaderboards import evidence, ranking
from evals.leaderboards.queries import lagging
from evals.models import Category
from evals.models.counts import fold
from evals.voting import ledger as ledgers
from evals.voting import renderings
from evals.voting.counting import count_votes, with_due_votes
from evals.voting.queries import agreement

__all__ = ["rank", "sweep"]


def rank(category_id: int) -> None:
    """Enqueued by `ledger.enqueue_rank` in the transaction of the votes."""
    ranking.rank_category(category_id=category_id)


def sweep() -> int:
    """Every minute: count held votes whose chore was lost; enqueue ranking for categories with work left and no
    waiting chore; delete old renderings; wake the workers if a generation is due; add up what pages count, and compute
    what they show of large categories. Returns how many categories lagged. This makes up for lost messages."""
    for category in with_due_votes():
        count_votes(category=category)
    behind = lagging()
    for category in Category.with_dimensions.filter(pk__in=behind):
        with transaction.atomic():
            ledgers.enqueue_rank(ledgers.lock(category))
    renderings.sweep()
    if work_is_due():
        wake.wake_workers()
    fold()
    agreement.refresh()
    evidence.refresh()
    return len(behind)
