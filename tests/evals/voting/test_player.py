"""A reviewer who reads everything they may read, after each act, cannot tell who wrote which answer: the player and the
canaries of `benchmarks.leak_hunt`, over fewer ballots."""

import numpy as np
import pytest

from arena.models import Role
from benchmarks.leaks.player import Game
from benchmarks.leaks.walk import client_of, everything
from benchmarks.leaks.world import CANARIES, build
from evals.models import Vote
from evals.voting.kept import forget_all

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.runs_once(on="sqlite", because="what is told is decided before the database is asked"),
]


def play(ballots, *, only=(), others=0.3, **of_the_world):
    forget_all()
    world = build(tasks=ballots // 3, **of_the_world)
    game = Game(client_of(world), world, np.random.default_rng(2), only=only, others=others)
    game.play(ballots)
    return world, game


def test_nothing_a_reviewer_may_read_moves_with_their_votes():
    world, game = play(9)
    assert Vote.objects.filter(reviewer=world.reviewer).count() == game.played == 9
    assert game.clues == 0
    assert (game.canaries, game.names_told) == ([], [])
    # What was read is all there is to read: pages that name contenders, and none that ties a name to an answer.
    told = everything(game.client, world, admin=False)
    assert {"/", "/leaderboards/support/", "/routing/", "/contenders/", "/api/v1/contenders", "/runs/1/"} <= {
        path.replace(f"/runs/{world.run.pk}/", "/runs/1/") for path in told
    }
    assert any(CANARIES[0].slug in one.told for one in told.values())


def test_a_board_that_is_open_to_reviewers_does_not_move_with_their_own_votes():
    paths = ("/leaderboards/support/", "/api/v1/leaderboards/support", "/leaderboards/")
    _, game = play(6, boards_open=True, only=paths, others=0)
    assert game.clues == 0


def test_the_same_player_finds_out_where_names_may_be_seen():
    """The control: an editor reads which counts moved, and knows an answer when it is shown again."""
    _, game = play(24, role=Role.EDITOR, only=("/api/v1/leaderboards/support",), others=0)
    assert game.clues >= 8
    assert game.right_by_clue >= 0.75 * game.clues
