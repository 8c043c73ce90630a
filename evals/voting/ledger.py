"""The ledger: one row per category, one lock, and the numbers that say whether ranking has work left.

Every transaction that writes votes or tallies of a category locks its row first, before any other row. So `Vote.seq`
is gapless and in commit order, the tallies have one writer at a time, and transactions do not deadlock.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from evals.models import Category, Ledger

__all__ = ["enqueue_rank", "lock", "raise_revision", "take_seqs"]

# A mark older than this belongs to a lost chore (an emptied queue, another SECRET_KEY).
RANK_LOST_AFTER = timedelta(seconds=60)


def lock(category: Category) -> Ledger:
    """The category's ledger, locked until the transaction ends; created if missing. Raises outside a transaction."""
    # SQLite ignores SELECT … FOR UPDATE (its write transactions are serial), so only this check notices there.
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("ledger.lock() has no effect outside transaction.atomic().")
    ledgers = Ledger.objects.select_for_update().filter(category=category)
    ledger = ledgers.first()
    if ledger is None:
        # Two transactions may find it missing at once; the second one waits here, then reads the first one's row.
        Ledger.objects.bulk_create([Ledger(category=category)], ignore_conflicts=True)
        ledger = ledgers.get()
    return ledger


def take_seqs(ledger: Ledger, n: int) -> range:
    """The next `n` numbers for votes, first one old + 1. `ledger` comes from `lock` in this transaction."""
    first = ledger.seq + 1
    ledger.seq += n
    ledger.save(update_fields=["seq"])
    return range(first, first + n)


def raise_revision(category: Category) -> None:
    """Existing votes now count differently (an exclusion, a retirement, other parameters), so rank again.

    Called in the transaction of the change itself.
    """
    ledger = lock(category)
    ledger.revision += 1
    ledger.save(update_fields=["revision"])
    enqueue_rank(ledger)


def enqueue_rank(ledger: Ledger) -> None:
    """Enqueue the rank chore in the caller's transaction, unless one is already waiting: not one for every vote.

    `ledger` comes from `lock` in this transaction. The chore clears the mark under the same lock.
    """
    now = timezone.now()
    if ledger.rank_enqueued_at is not None and now - ledger.rank_enqueued_at < RANK_LOST_AFTER:
        return
    ledger.rank_enqueued_at = now
    ledger.save(update_fields=["rank_enqueued_at"])
    async_task("evals.leaderboards.chores.rank", ledger.category_id)
