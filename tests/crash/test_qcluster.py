"""Chores come from the rows: a cluster that was away misses nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from arena.models import User
from evals.models import Leaderboard, Ledger
from evals.voting.casting import cast_vote
from evals.voting.choices import Choice
from evals.voting.drawing import draw
from evals.voting.reviewers import reviewer_of
from tests.evals.voting.conftest import World
from tests.processes import Processes, wait_until

pytestmark = [
    pytest.mark.crash,
    pytest.mark.django_db(transaction=True),
    pytest.mark.runs_once(on="postgresql", because="the cluster locks the ledger's row; many voters meet it on SQLite"),
]

VOTES = 200
VERDICTS: tuple[Choice, ...] = ("left", "right", "left", "tie", "both_bad")


@pytest.fixture
def voted(reviewer_user: User, settings: Any) -> World:
    """200 votes on 70 tasks by one person, while no cluster runs. They are due at once."""
    settings.ARENA_VOTE_HOLD_S = 0
    world: World = World().fill(contenders=3, tasks=70)
    reviewer = reviewer_of(reviewer_user)
    for n in range(VOTES):
        ballot = draw(category=world.category, reviewer=reviewer)
        assert ballot is not None
        cast_vote(ballot=ballot, choice=VERDICTS[n % len(VERDICTS)], reviewer=reviewer)
    return world


def test_votes_cast_while_no_cluster_ran_are_ranked_to_the_last(voted: World, processes: Processes) -> None:
    ledger: Callable[[], Ledger] = lambda: Ledger.objects.get(category=voted.category)  # noqa: E731
    assert (ledger().seq, ledger().ranked_seq) == (0, 0)
    assert not Leaderboard.objects.exists()

    cluster = processes.manage("qcluster", ARENA_VOTE_HOLD_S="0")
    wait_until(lambda: ledger().ranked_seq == VOTES, "the last vote is ranked")

    assert Leaderboard.objects.get(category=voted.category, seq=VOTES).votes == VOTES
    assert cluster.running()
