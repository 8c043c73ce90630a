"""From tallies to leaderboards, driven by the ledger's numbers and never by messages.

Two processes may rank one category at once, and a chore may run twice or be lost: there is one leaderboard for each
(seq, revision, parameters), and the ledger says whether work is left.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Min, QuerySet

from evals import ratings
from evals.leaderboards.inputs import RatingInputs, outcomes_between, rating_inputs
from evals.models import Category, Leaderboard, Ledger, Vote
from evals.ratings import Params, Standings
from evals.signals import leaderboard_computed
from evals.voting import ledger as ledgers
from evals.voting import tallies as tally_service
from evals.voting.importing import categories_being_imported

__all__ = ["params_of", "rank_category"]


def params_of(category: Category) -> Params:
    """Code that changes any of them calls `ledger.raise_revision`."""
    return Params(speaks_for="people" if category.speaks_for == Category.SpeaksFor.PEOPLE else "panel")


def rank_category(*, category_id: int, rebuild: bool = False) -> Leaderboard | None:
    """The leaderboard of the category's current votes, computed unless it is stored; None while it has no votes, and
    while a file of votes is being stored, which counts as a whole: its end marks the category for ranking.

    Locks the ledger only to read its row; reads and computes without the lock, so voting continues. `rebuild` first
    recounts the tallies from the votes, under the lock. If that changes the stored leaderboard's numbers, the tallies
    had drifted: the revision is raised, because a leaderboard is never changed.
    """
    category = Category.with_dimensions.get(pk=category_id)
    _take_up(category, rebuild=rebuild)
    if category_id in categories_being_imported():
        return None
    votes = rating_inputs(category_id)
    # Again: some of a file that was accepted since may have been read.
    if category_id in categories_being_imported():
        return None
    # Read after the counts: newer parameters will be ranked again with their revision; older ones would be kept.
    params = params_of(Category.with_dimensions.get(pk=category_id))
    stored = _stored(category, votes, params)
    if stored is None and votes.seq > 0:
        return _store(category, votes, params, _compute(category, votes, params))
    _advance(category, votes)
    return stored


@transaction.atomic
def _take_up(category: Category, *, rebuild: bool) -> None:
    ledger = ledgers.lock(category)
    # From here on a vote finds no mark and enqueues the next chore: possibly one too many, never one too few.
    ledger.rank_enqueued_at = None
    ledger.save(update_fields=["rank_enqueued_at"])
    if not rebuild:
        return
    tally_service.rebuild(category)
    votes = rating_inputs(category.pk)
    stored = _stored(category, votes, params_of(category))
    if stored is not None and stored.digest != votes.tallies.digest:
        ledger.revision += 1
        ledger.save(update_fields=["revision"])


def _stored(category: Category, votes: RatingInputs, params: Params) -> Leaderboard | None:
    return Leaderboard.objects.filter(
        category=category, seq=votes.seq, revision=votes.revision, params_digest=params.digest
    ).first()


def _compute(category: Category, votes: RatingInputs, params: Params) -> Standings:
    earlier = Leaderboard.objects.filter(category=category, seq__lte=votes.seq, revision__lte=votes.revision)
    last = earlier.order_by("-seq", "-revision", "-pk").first()
    return ratings.compute(
        votes.tallies,
        params,
        _elo(category, votes, params),
        retired=votes.retired,
        warm=Standings.from_json(last.result) if last else None,
    )


def _elo(category: Category, votes: RatingInputs, params: Params) -> dict[ratings.Key, float]:
    """Continues from the newest leaderboard whose votes all still count as they did; without one, replays every vote.
    An undo retracts a recent vote, so there is a leaderboard a few votes before it; an exclusion replays everything."""
    same = Leaderboard.objects.filter(
        category=category, revision=votes.revision, params_digest=params.digest, method=ratings.METHOD
    )
    board = _newest(same, votes.seq)
    while board is not None and (changed := _oldest_changed(category, board.seq, votes.seq)) is not None:
        board = _newest(same, changed - 1)
    return ratings.replay(
        outcomes_between(category.pk, after=board.seq if board else 0, seq=votes.seq, excluded=votes.excluded),
        start=Standings.from_json(board.result).elo if board else None,
        k_factor=params.k_factor,
    )


def _newest(leaderboards: QuerySet[Leaderboard], seq: int) -> Leaderboard | None:
    return leaderboards.filter(seq__lte=seq).order_by("-seq").first()


def _oldest_changed(category: Category, then: int, now: int) -> int | None:
    """The first of the votes up to `then` that has been superseded since."""
    since = Vote.objects.filter(category=category, seq__gt=then, seq__lte=now, supersedes__seq__lte=then)
    oldest: int | None = since.aggregate(oldest=Min("supersedes__seq"))["oldest"]
    return oldest


@transaction.atomic
def _store(category: Category, votes: RatingInputs, params: Params, standings: Standings) -> Leaderboard:
    """Of two processes, the second finds the first one's row. The signal is sent in the row's transaction."""
    leaderboard, created = Leaderboard.objects.get_or_create(
        category=category,
        seq=votes.seq,
        revision=votes.revision,
        params_digest=params.digest,
        defaults={
            "params": params.to_json(),
            "digest": standings.digest,
            "method": standings.method,
            "votes": standings.votes,
            "reviewers": standings.reviewers,
            "result": standings.to_json(),
        },
    )
    _advance(category, votes)
    if created:
        leaderboard_computed.send(sender=Leaderboard, leaderboard=leaderboard)
    return leaderboard


def _advance(category: Category, votes: RatingInputs) -> None:
    """Never goes back: a slower, older ranking matches no row."""
    Ledger.objects.filter(category=category, ranked_seq__lte=votes.seq, ranked_revision__lte=votes.revision).update(
        ranked_seq=votes.seq, ranked_revision=votes.revision
    )
