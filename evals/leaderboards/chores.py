"""django-q2's entry points for ranking. Each may run twice, late or not at all: the rows say what is left to do."""

from __future__ import annotations

from django.db import transaction
from django_q.tasks import async_task

from evals.collection import wake
from evals.collection.claiming import work_is_due
from evals.leaderboards import evidence, ranking
from evals.leaderboards.queries import lagging
from evals.leaderboards.style import compute_style, measure_answers, style_is_due
from evals.models import Category
from evals.models.counts import fold
from evals.voting import ledger as ledgers
from evals.voting import renderings
from evals.voting.counting import count_votes, with_due_votes
from evals.voting.queries import agreement

__all__ = ["rank", "style", "sweep"]

_STYLE = "evals.leaderboards.chores.style"


def rank(category_id: int) -> None:
    """Enqueued by `ledger.enqueue_rank` in the transaction of the votes."""
    ranking.rank_category(category_id=category_id)
    # In a chore of its own: it reads texts and votes, and a leaderboard does not wait for that. If it is lost, the next
    # ranking finds it due again.
    if style_is_due(category_id):
        async_task(_STYLE, category_id)


def style(category_id: int) -> None:
    """Read what answers were not read yet, then store what their style does to the votes. Enqueues itself again while
    there are more answers than one chore reads."""
    if not style_is_due(category_id):
        return
    if measure_answers(Category.with_dimensions.get(pk=category_id)):
        async_task(_STYLE, category_id)
    else:
        compute_style(category_id)


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
