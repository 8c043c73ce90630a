import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.ratings import replay
from tests.evals.ratings import oracle
from tests.evals.ratings.votes import LLMFAO, vote_lists
from tests.golden.make_llmfao import evalica_scores
from tests.golden.make_llmfao import votes as llmfao


def outcomes(votes):
    return [(lo, hi, outcome) for _, _, lo, hi, outcome in votes]


@given(vote_lists(), st.floats(0.5, 200))
def test_it_agrees_with_evalica(votes, k):
    assert replay(outcomes(votes), k_factor=k) == pytest.approx(oracle.elo(votes, k=k), abs=1e-9)


@pytest.mark.parametrize("file_name", LLMFAO)
def test_it_agrees_with_evalica_on_real_votes(data, file_name):
    votes = llmfao(data, file_name)
    assert replay(outcomes(votes)) == pytest.approx(oracle.elo(votes, k=32.0), abs=1e-9)


def test_it_agrees_with_evalicas_golden_scores(data):
    assert replay(outcomes(llmfao(data)), k_factor=4.0) == pytest.approx(evalica_scores(data, "elo"), abs=1e-9)


@given(vote_lists(), st.integers(0, 40))
def test_a_replay_may_continue_where_an_earlier_one_ended(votes, cut):
    whole = outcomes(votes)
    assert replay(whole[cut:], start=replay(whole[:cut])) == replay(whole)


@given(vote_lists())
def test_points_are_only_passed_on(votes):
    found = replay(outcomes(votes))
    assert sum(found.values()) == pytest.approx(1000 * len(found))


def test_the_order_of_votes_matters_here():
    """Why Elo has no part in digests, nor in the promise that votes in any order give the same leaderboard."""
    one, other = ("a", "b", "lo"), ("a", "b", "hi")
    first, second = replay([one, other]), replay([other, one])
    assert first["a"] < 1000 < second["a"]


def test_both_bad_moves_nothing():
    assert replay([("a", "b", "both_bad")]) == {}


def test_an_unknown_outcome_is_an_error():
    with pytest.raises(ValueError, match="'draw'"):
        replay([("a", "b", "draw")])
