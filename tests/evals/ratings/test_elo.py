import evalica
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.ratings import replay
from tests.evals.ratings.votes import vote_lists

WINNERS = {"lo": evalica.Winner.X, "hi": evalica.Winner.Y, "tie": evalica.Winner.Draw}


def outcomes(votes):
    return [(lo, hi, outcome) for _, _, lo, hi, outcome in votes]


@given(vote_lists())
def test_it_agrees_with_evalica(votes):
    decisive = [vote for vote in outcomes(votes) if vote[2] != "both_bad"]
    found = replay(outcomes(votes))
    if not decisive:
        assert found == {}
        return
    first, second, verdicts = zip(*decisive, strict=True)
    oracle = evalica.elo(list(first), list(second), [WINNERS[v] for v in verdicts], k=32.0)
    assert found == pytest.approx(dict(oracle.scores), abs=1e-9)


@given(vote_lists(), st.integers(0, 40))
def test_a_replay_may_continue_where_an_earlier_one_ended(votes, cut):
    whole = outcomes(votes)
    assert replay(whole[cut:], start=replay(whole[:cut])) == replay(whole)


@given(vote_lists())
def test_points_are_only_passed_on(votes):
    found = replay(outcomes(votes))
    assert sum(found.values()) == pytest.approx(1000 * len(found))


def test_both_bad_moves_nothing():
    assert replay([("a", "b", "both_bad")]) == {}


def test_an_unknown_outcome_is_an_error():
    with pytest.raises(ValueError, match="'draw'"):
        replay([("a", "b", "draw")])
