"""The plain solver, checked against evalica: on its golden scores, on whole files of real votes and on random ones."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.stats import kendalltau

from evals.ratings import Tallies, compute, fit_bradley_terry
from tests.evals.ratings import oracle
from tests.evals.ratings.votes import BOND, LLMFAO, simulate, vote_lists
from tests.golden.make_llmfao import from_counts
from tests.golden.make_llmfao import votes as llmfao

GOLDEN = Path(__file__).parents[2] / "golden"


def fit_of(votes):
    tallies = Tallies.from_votes(votes)
    return tallies.contenders, fit_bradley_terry(tallies.wins, tallies.ties)


def test_it_agrees_with_evalicas_golden_scores():
    tallies = from_counts(json.loads((GOLDEN / "llmfao-counts.json").read_text(encoding="utf-8")))
    golden = dict(json.loads((GOLDEN / "llmfao-evalica.json").read_text(encoding="utf-8"))["bradley_terry"])
    fit = fit_bradley_terry(tallies.wins, tallies.ties)
    assert fit.converged
    scores = np.log([golden[name] for name in tallies.contenders])
    assert fit.theta == pytest.approx(scores - scores.mean(), abs=1e-9)


@pytest.mark.parametrize("file_name", LLMFAO)
def test_it_agrees_with_evalica_on_real_votes(data, file_name):
    votes = llmfao(data, file_name)
    contenders, fit = fit_of(votes)
    assert fit.converged
    assert not fit.components.any()
    assert fit.theta == pytest.approx(oracle.bradley_terry(votes, contenders), abs=1e-9)


@settings(max_examples=50)
@given(vote_lists())
def test_it_agrees_with_evalica_on_any_votes_that_have_an_answer(votes):
    contenders, fit = fit_of(BOND + votes)
    assert fit.converged
    assert fit.theta == pytest.approx(oracle.bradley_terry(BOND + votes, contenders), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_it_agrees_with_evalica_on_simulated_votes(seed):
    rng = np.random.default_rng(seed)
    votes = simulate({f"m{i}": rng.normal(0, 0.8) for i in range(7)}, 900, seed=seed)
    contenders, fit = fit_of(votes)
    assert fit.theta == pytest.approx(oracle.bradley_terry(votes, contenders), abs=1e-9)


@pytest.mark.parametrize("file_name", LLMFAO)
def test_the_published_ratings_rank_real_votes_nearly_as_it_does(data, file_name):
    """Another model of ties, and a prior that draws those with few votes to the middle: not the same to the digit."""
    tallies = Tallies.from_votes(llmfao(data, file_name))
    published = compute(tallies)
    plain = fit_bradley_terry(tallies.wins, tallies.ties).theta
    assert published.leader == tallies.contenders[int(plain.argmax())]
    assert kendalltau(published.theta, plain).statistic > 0.985


@given(vote_lists())
def test_a_further_win_never_lowers_the_winner_against_the_loser(votes):
    def lead(given_votes):
        names, fit = fit_of(BOND + given_votes)
        return fit.theta[names.index("atlas")] - fit.theta[names.index("kestrel")]

    assert lead([*votes, ("ana", "t1", "atlas", "kestrel", "lo")]) >= lead(votes) - 1e-12


def test_an_unbeaten_contender_is_a_component_of_its_own():
    votes = [("r", "t", "best", "x", "lo")] * 3 + [("r", "t", "x", "y", "lo"), ("r", "t", "x", "y", "hi")]
    names, fit = fit_of(votes)
    best, x, y = (fit.components[names.index(name)] for name in ("best", "x", "y"))
    assert x == y != best
    assert fit.theta == pytest.approx([0, 0, 0], abs=1e-12)


def test_extreme_ratios_converge():
    wins = np.array([[0, 10**6, 0], [1, 0, 10**6], [0, 1, 0]])
    fit = fit_bradley_terry(wins, np.zeros((3, 3)))
    assert fit.converged
    assert fit.theta[0] - fit.theta[1] == pytest.approx(np.log(10**6), rel=1e-9)
