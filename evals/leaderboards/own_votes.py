"""A leaderboard without one reviewer's votes, for that reviewer to read while they vote.

Why a reviewer who reads it learns nothing about their own battles: everything on it is computed from the tallies of
other people alone, so it is the same whatever this reviewer voted, and whether they voted at all. What it shows is
independent of which answer was on which side of their ballots, and no number of looks, undone votes or repeated votes
changes that. It moves when others vote, but a reader does not know which battle another person judged, so that no
movement can be laid to an answer. What does depend on the reader's votes is left out: the replayed Elo, the number of
votes that wait to be ranked, who the panel is and whether it agrees, and the route that rests on all votes.
"""

from __future__ import annotations

from datetime import datetime
from threading import Lock

from django.utils import timezone

from evals import ratings
from evals.leaderboards.inputs import rating_inputs
from evals.leaderboards.queries import LeaderboardView
from evals.leaderboards.ranking import params_of
from evals.models import Category, Reviewer
from evals.ratings import Standings, TallyMismatchError

__all__ = ["board_without"]

# Votes that are counted between two reads make the numbers disagree; then both are read again.
_READS = 5
_MOST = 32
# The time of creation distinguishes the categories of two databases.
_kept: dict[tuple[int, datetime, int, int, int], LeaderboardView] = {}
_lock = Lock()


def board_without(category: Category, reviewer: Reviewer | None) -> LeaderboardView | None:
    """The category's board as it would be if `reviewer` had never voted; None if nobody else has.

    Fitted on demand, which takes milliseconds for tens of contenders, and kept until another vote counts.
    """
    for _ in range(_READS):
        try:
            votes = rating_inputs(category.pk, without=reviewer)
        except TallyMismatchError:
            continue
        key = (category.pk, category.created_at, votes.seq, votes.revision, reviewer.pk if reviewer else 0)
        with _lock:
            if (kept := _kept.get(key)) is not None:
                return kept
        if not votes.tallies.votes:
            return None
        board = _view(category, ratings.compute(votes.tallies, params_of(category), retired=votes.retired))
        with _lock:
            _kept[key] = board
            for old in list(_kept)[:-_MOST]:
                del _kept[old]
        return board
    return None


def _view(category: Category, standings: Standings) -> LeaderboardView:
    return LeaderboardView(
        id=0,
        category=category.slug,
        name=category.name,
        seq=standings.votes,
        revision=0,
        votes=standings.votes,
        reviewers=standings.reviewers,
        computed_at=timezone.now(),
        method=standings.method,
        digest=standings.digest,
        standings=standings,
        waiting=0,
    )
