"""The plain solver, checked against evalica: on its own golden scores and on random data."""

import json
from pathlib import Path

import evalica
import numpy as np
import pytest
from scipy.stats import kendalltau

from evals.ratings import Tallies, fit_bradley_terry
from tests.evals.ratings.votes import simulate
from tests.golden.make_llmfao import from_counts

GOLDEN = Path(__file__).parents[2] / "golden"
WINNERS = {"lo": evalica.Winner.X, "hi": evalica.Winner.Y, "tie": evalica.Winner.Draw}


def test_it_agrees_with_evalica_on_the_llmfao_comparisons():
    tallies = from_counts(json.loads((GOLDEN / "llmfao-counts.json").read_text(encoding="utf-8")))
    golden = dict(json.loads((GOLDEN / "llmfao-evalica.json").read_text(encoding="utf-8"))["bradley_terry"])
    fit = fit_bradley_terry(tallies.wins, tallies.ties)
    assert fit.converged
    scores = np.array([golden[name] for name in tallies.contenders])
    assert kendalltau(fit.theta, scores).statistic >= 0.99
    assert fit.theta == pytest.approx(np.log(scores) - np.log(scores).mean(), abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_it_agrees_with_evalica_on_random_votes(seed):
    rng = np.random.default_rng(seed)
    votes = simulate({f"m{i}": rng.normal(0, 0.8) for i in range(7)}, 900, seed=seed)
    tallies = Tallies.from_votes(votes)
    fit = fit_bradley_terry(tallies.wins, tallies.ties)
    assert fit.converged
    assert not fit.components.any()
    oracle = evalica.bradley_terry(
        [v[2] for v in votes], [v[3] for v in votes], [WINNERS[v[4]] for v in votes], tolerance=1e-12, limit=10_000
    )
    scores = np.log([oracle.scores[name] for name in tallies.contenders])
    assert fit.theta == pytest.approx(scores - scores.mean(), abs=1e-6)


def test_an_unbeaten_contender_is_a_component_of_its_own():
    votes = [("r", "t", "best", "x", "lo")] * 3 + [("r", "t", "x", "y", "lo"), ("r", "t", "x", "y", "hi")]
    tallies = Tallies.from_votes(votes)
    fit = fit_bradley_terry(tallies.wins, tallies.ties)
    best, x, y = (fit.components[tallies.contenders.index(name)] for name in ("best", "x", "y"))
    assert x == y != best
    assert fit.theta == pytest.approx([0, 0, 0], abs=1e-12)


def test_extreme_ratios_converge():
    wins = np.array([[0, 10**6, 0], [1, 0, 10**6], [0, 1, 0]])
    fit = fit_bradley_terry(wins, np.zeros((3, 3)))
    assert fit.converged
    assert fit.theta[0] - fit.theta[1] == pytest.approx(np.log(10**6), rel=1e-9)
