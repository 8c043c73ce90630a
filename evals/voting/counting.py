"""Counting votes: from ballots on which they are held to rows of `Vote`, tallies and counters.

A vote is held for `ARENA_VOTE_HOLD_S`. Until then nothing that anybody can read has moved, so that a reviewer who
takes it back and judges again cannot have learnt whose answer was whose. After that it counts and is final. What is
due counts in portions, each in one transaction under the ledger's lock, so a vote costs its reviewer one UPDATE.

A ballot says itself that it is due. A chore that is lost or doubled loses and doubles nothing: the sweep enqueues
another, and counting locks the ballots and looks at `counted_at` again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from arena.later import enqueue_later
from arena.statements import Update
from evals.models import Ballot, Category, Ledger, Reviewer, Task, Vote
from evals.voting import ledger as ledgers
from evals.voting import reasons, tallies
from evals.voting.choices import outcome_of
from evals.voting.holding import held, hold
from evals.voting.tallies import VoteFacts

__all__ = ["count_due", "count_votes", "enqueue_count", "with_due_votes"]

# Votes counted in one transaction: about a tenth of a second, for which SQLite lets nobody else write.
_PORTION = 500
# A mark older than the hold and this belongs to a lost chore.
_LOST_AFTER = timedelta(seconds=60)
# A chore that finds votes which are not yet due comes back no sooner than this.
_AT_LEAST_S = 1.0


_MARK = Update(
    lambda category, lost: Ledger.objects.filter(category=category).exclude(count_enqueued_at__gte=lost),
    "count_enqueued_at",
)


def enqueue_count(category_id: int, *, now: datetime) -> None:
    """Enqueue the chore that counts, in the transaction of the vote, unless one is waiting for its time."""
    if _MARK.run(category=category_id, lost=now - hold() - _LOST_AFTER, count_enqueued_at=now):
        enqueue_later("evals.voting.chores.count", category_id, seconds=hold().total_seconds())


def count_votes(*, category: Category, now: datetime | None = None) -> int:
    """Count the category's votes that are due; returns how many. Repeatable at any time, by any number of processes."""
    now = now or timezone.now()
    total = 0
    while counted := _count_portion(category, now):
        total += counted
    return total


def count_due(*, category: Category) -> int:
    """What the chore does: count what is due, and come back for what is not due yet."""
    with transaction.atomic():
        ledger = ledgers.lock(category)
        # From here on a vote finds no mark and enqueues the next chore: possibly one too many, never one too few.
        ledger.count_enqueued_at = None
        ledger.save(update_fields=["count_enqueued_at"])
    counted = count_votes(category=category)
    oldest = Ballot.objects.filter(held(category)).order_by("closed_at").values_list("closed_at", flat=True).first()
    if oldest is not None:
        wait = (oldest + hold() - timezone.now()).total_seconds()
        with transaction.atomic():
            ledger = ledgers.lock(category)
            if ledger.count_enqueued_at is None:
                ledger.count_enqueued_at = timezone.now()
                ledger.save(update_fields=["count_enqueued_at"])
                enqueue_later("evals.voting.chores.count", category.pk, seconds=max(wait, _AT_LEAST_S))
    return counted


def with_due_votes(*, now: datetime | None = None) -> list[Category]:
    """Categories with votes that are due by now."""
    due = Ballot.objects.filter(held(), closed_at__lte=(now or timezone.now()) - hold())
    return list(Category.objects.filter(pk__in=due.values("category")).order_by("pk"))


@transaction.atomic
def _count_portion(category: Category, now: datetime) -> int:
    due = Ballot.objects.filter(held(category), closed_at__lte=now - hold())
    if not due.exists():
        return 0
    dimensions = {one.slug: one for one in Category.with_dimensions.filter(dimension_of=category)}
    # In the order of their ids, like every writer of several ledgers.
    ordered = sorted([category, *dimensions.values()], key=lambda one: one.pk)
    books = {one.pk: ledgers.lock(one) for one in ordered}
    related = due.select_for_update(of=("self",)).select_related("battle__lo", "battle__hi")
    texts = (f"battle__{side}__{field}" for side in ("lo", "hi") for field in ("text", "turns", "tool_calls"))
    ballots = list(related.defer(*texts).order_by("closed_at", "pk")[:_PORTION])
    by_category: dict[int, list[Vote]] = defaultdict(list)
    for ballot in ballots:
        by_category[category.pk].append(_vote(ballot, category.pk, ballot.choice, now))
        for slug, choice in ballot.dimensions.items():
            if (dimension := dimensions.get(slug)) is not None:
                by_category[dimension.pk].append(_vote(ballot, dimension.pk, choice, now))
    for one in ordered:
        _store(one, books[one.pk], by_category[one.pk])
    excluded = set(
        Reviewer.objects.filter(pk__in={one.reviewer_id for one in ballots}, excluded_at__isnull=False).values_list(
            "pk", flat=True
        )
    )
    reasons.move((ballot for ballot in ballots if ballot.reviewer_id not in excluded), by=1)
    for task, votes in Counter(ballot.battle.task_id for ballot in ballots).items():
        Task.objects.filter(pk=task).update(votes_cast=F("votes_cast") + votes)
    Ballot.objects.filter(pk__in=[ballot.pk for ballot in ballots]).update(counted_at=now)
    return len(ballots)


def _vote(ballot: Ballot, category_id: int, choice: str, now: datetime) -> Vote:
    battle = ballot.battle
    return Vote(
        category_id=category_id,
        ballot=ballot,
        reviewer_id=ballot.reviewer_id,
        task_id=battle.task_id,
        lo_id=battle.lo.contender_id,
        hi_id=battle.hi.contender_id,
        left=ballot.left,
        outcome=outcome_of(choice, ballot.left),
        cast_at=ballot.closed_at or now,
        created_at=now,
    )


def _store(category: Category, ledger: Ledger, votes: list[Vote]) -> None:
    if not votes:
        return
    numbers = _next_numbers(category, votes)
    for seq, vote in zip(ledgers.take_seqs(ledger, len(votes)), votes, strict=True):
        vote.seq = seq
        vote.n, vote.supersedes_id = numbers.get(vote.ballot_id, (1, None))
    Vote.objects.bulk_create(votes, batch_size=_PORTION)
    tallies.move(category=category, added=[VoteFacts.of(vote) for vote in votes])
    ledgers.enqueue_rank(ledger)


def _next_numbers(category: Category, votes: Iterable[Vote]) -> dict[int | None, tuple[int, int | None]]:
    """By ballot, the number of its vote and the one it supersedes, where it has been counted and undone before, which
    was possible before votes were held."""
    earlier = Vote.objects.filter(category=category, ballot__in=[vote.ballot_id for vote in votes], superseded_by=None)
    return {ballot: (n + 1, pk) for ballot, n, pk in earlier.values_list("ballot_id", "n", "pk")}
