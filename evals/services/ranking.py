"""From tallies to leaderboards, driven by the ledger's numbers and never by messages.

Two may rank one category at once, a chore may run twice or be lost: there is one leaderboard for each (seq, revision,
parameters), and the ledger says whether work is left.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from evals import ratings
from evals.models import Category, Contender, Leaderboard, Ledger, Reviewer, Vote
from evals.ratings import Params, Standings, Tallies
from evals.selectors.tallies import outcomes, tallies_of
from evals.services import ledger as ledgers
from evals.services import tallies as tally_service
from evals.signals import leaderboard_computed

__all__ = ["params_of", "rank_category"]


@dataclass(frozen=True)
class _Snapshot:
    """Everything a leaderboard follows from, read at one moment."""

    seq: int
    revision: int
    params: Params
    tallies: Tallies
    retired: frozenset[str]
    excluded: frozenset[int]


def params_of(category: Category) -> Params:
    """Changing any of them goes with `ledger.raise_revision`."""
    return Params(speaks_for="people" if category.speaks_for == Category.SpeaksFor.PEOPLE else "panel")


def rank_category(*, category_id: int, rebuild: bool = False) -> Leaderboard | None:
    """The leaderboard of the category as it stands, computed unless it is there; None while it has no votes.

    Locks the ledger only to read; computes without it, so voting goes on. `rebuild` first counts the tallies anew from
    the votes. If that gives other numbers than the stored leaderboard's, the tallies had drifted: the revision is
    raised, because a leaderboard is never changed.
    """
    category = Category.objects.get(pk=category_id)
    snapshot = _read(category, rebuild=rebuild)
    stored = _stored(category, snapshot)
    if stored is None and snapshot.seq > 0:
        return _store(category, snapshot, _compute(category, snapshot))
    _advance(category, snapshot)
    return stored


@transaction.atomic
def _read(category: Category, *, rebuild: bool) -> _Snapshot:
    ledger = ledgers.lock(category)
    # From here on a vote finds no mark and enqueues the next chore: it may be one too many, never one too few.
    ledger.rank_enqueued_at = None
    ledger.save(update_fields=["rank_enqueued_at"])
    if rebuild:
        tally_service.rebuild(category)
    snapshot = _Snapshot(
        seq=ledger.seq,
        revision=ledger.revision,
        params=params_of(category),
        tallies=tallies_of(category.pk),
        retired=frozenset(Contender.objects.filter(retired_at__isnull=False).values_list("slug", flat=True)),
        excluded=frozenset(Reviewer.objects.filter(excluded_at__isnull=False).values_list("pk", flat=True)),
    )
    stored = _stored(category, snapshot) if rebuild else None
    if stored is None or stored.digest == snapshot.tallies.digest:
        return snapshot
    ledger.revision += 1
    ledger.save(update_fields=["revision"])
    return _Snapshot(**{**vars(snapshot), "revision": ledger.revision})


def _stored(category: Category, snapshot: _Snapshot) -> Leaderboard | None:
    return Leaderboard.objects.filter(
        category=category,
        seq=snapshot.seq,
        revision=snapshot.revision,
        params_digest=snapshot.params.digest,
    ).first()


def _compute(category: Category, snapshot: _Snapshot) -> Standings:
    last = (
        Leaderboard.objects.filter(category=category, seq__lte=snapshot.seq, revision__lte=snapshot.revision)
        .order_by("-seq", "-revision", "-pk")
        .first()
    )
    warm = Standings.from_json(last.result) if last else None
    return ratings.compute(
        snapshot.tallies,
        snapshot.params,
        _elo(category, snapshot, last, warm),
        retired=snapshot.retired,
        warm=warm,
    )


def _elo(
    category: Category, snapshot: _Snapshot, last: Leaderboard | None, warm: Standings | None
) -> dict[ratings.Key, float]:
    """A replay of every vote, or of those since the last leaderboard if all before it count as they did then."""
    after, start = 0, None
    if last is not None and warm is not None and last.revision == snapshot.revision and warm.method == ratings.METHOD:
        changed = Vote.objects.filter(
            category=category, seq__gt=last.seq, seq__lte=snapshot.seq, supersedes__seq__lte=last.seq
        )
        if not changed.exists():
            after, start = last.seq, warm.elo
    since = outcomes(category.pk, after=after, seq=snapshot.seq, excluded=snapshot.excluded)
    return ratings.replay(since, start=start, k_factor=snapshot.params.k_factor)


@transaction.atomic
def _store(category: Category, snapshot: _Snapshot, standings: Standings) -> Leaderboard:
    """Whoever comes second finds the first one's row. The news goes out with the row or not at all."""
    leaderboard, created = Leaderboard.objects.get_or_create(
        category=category,
        seq=snapshot.seq,
        revision=snapshot.revision,
        params_digest=snapshot.params.digest,
        defaults={
            "params": snapshot.params.to_json(),
            "digest": standings.digest,
            "method": standings.method,
            "votes": standings.votes,
            "reviewers": standings.reviewers,
            "result": standings.to_json(),
        },
    )
    _advance(category, snapshot)
    if created:
        leaderboard_computed.send(sender=Leaderboard, leaderboard=leaderboard)
    return leaderboard


def _advance(category: Category, snapshot: _Snapshot) -> None:
    """Never backwards: a slower, older ranking finds nothing to update."""
    Ledger.objects.filter(
        category=category, ranked_seq__lte=snapshot.seq, ranked_revision__lte=snapshot.revision
    ).update(ranked_seq=snapshot.seq, ranked_revision=snapshot.revision)
