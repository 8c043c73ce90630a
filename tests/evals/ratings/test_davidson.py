import numpy as np
import pytest
from hypothesis import given, settings

from evals.ratings import Tallies, fit_davidson
from evals.ratings.davidson import chances
from tests.evals.ratings import literal
from tests.evals.ratings.votes import simulate, vote_lists


def fit_of(votes, **options):
    tallies = Tallies.from_votes(votes)
    return tallies.contenders, fit_davidson(tallies.wins, tallies.ties, **options)


@settings(max_examples=30)
@given(vote_lists())
def test_the_fit_is_the_mode_a_literal_implementation_finds(votes):
    names, fit = fit_of(votes)
    assert fit.converged
    expected = literal.mode(names, votes)
    assert np.append(fit.theta, fit.ln_ties) == pytest.approx(expected, abs=1e-9)


@given(vote_lists())
def test_the_gradient_vanishes_at_the_fit(votes):
    names, fit = fit_of(votes)
    assert np.abs(literal.gradient(np.append(fit.theta, fit.ln_ties), names, votes)).max() < 1e-9


@settings(max_examples=30)
@given(vote_lists())
def test_the_covariance_is_the_inverse_of_the_curvature(votes):
    names, fit = fit_of(votes)
    expected = np.linalg.inv(literal.hessian(np.append(fit.theta, fit.ln_ties), names, votes))
    assert fit.covariance == pytest.approx(expected, rel=1e-5, abs=1e-7)


@given(vote_lists())
def test_a_further_win_never_lowers_the_winner_against_the_loser(votes):
    """Nor its chance to win, which follows from concavity alone: whoever maximises F + g has g no lower than who
    maximises F. That the lead, too, cannot fall where ties have a strength of their own is known by trying."""
    votes = [*votes, ("ana", "t1", "atlas", "kestrel", "tie")]

    def told(given_votes):
        names, fit = fit_of(given_votes)
        i, j = names.index("atlas"), names.index("kestrel")
        return chances(fit.theta, fit.ln_ties).win[i, j], fit.theta[i] - fit.theta[j]

    before, after = told(votes), told([*votes, ("ana", "t1", "atlas", "kestrel", "lo")])
    assert after[0] >= before[0] - 1e-12
    assert after[1] >= before[1] - 1e-12


@given(vote_lists(), vote_lists())
def test_where_the_fit_starts_changes_nothing(votes, others):
    tallies = Tallies.from_votes(votes)
    cold = fit_davidson(tallies.wins, tallies.ties)
    far = np.random.default_rng(len(others)).normal(0, 4, len(tallies.contenders) + 1)
    warm = fit_davidson(tallies.wins, tallies.ties, start=far)
    assert warm.converged
    assert warm.theta == pytest.approx(cold.theta, abs=1e-12)
    assert warm.ln_ties == pytest.approx(cold.ln_ties, abs=1e-12)
    assert warm.covariance == pytest.approx(cold.covariance, abs=1e-10)


def test_a_warm_start_saves_steps():
    votes = simulate({f"m{i}": 0.2 * i for i in range(8)}, 600, seed=1)
    tallies = Tallies.from_votes(votes)
    before = fit_davidson(tallies.wins, tallies.ties)
    after = Tallies.from_votes([*votes, ("r0", "new", "m0", "m7", "lo")])
    cold = fit_davidson(after.wins, after.ties)
    warm = fit_davidson(after.wins, after.ties, start=np.append(before.theta, before.ln_ties))
    assert warm.iterations < cold.iterations


def test_unbeaten_and_unconnected_contenders_stay_finite():
    votes = [("ana", "t", "best", "worst", "lo")] * 50 + [("ana", "t", "x", "y", "tie")]
    names, fit = fit_of(votes)
    assert fit.converged
    assert np.abs(fit.theta).max() < 8
    assert fit.theta[names.index("x")] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("scale", [10**3, 10**7])
def test_many_votes_and_extreme_ratios_still_converge(scale):
    wins = np.array([[0, scale, scale], [1, 0, scale], [0, 1, 0]])
    fit = fit_davidson(wins, np.zeros((3, 3)))
    assert fit.converged
    assert (np.diff(fit.theta) < 0).all()


def test_the_rounding_of_a_billion_votes_does_not_keep_it_from_ending():
    """Between groups that no vote connects only the prior holds, and rounding moves them by more than any tolerance."""
    rng = np.random.default_rng(1)
    K = 40
    together = np.arange(K)[:, None] % 2 == np.arange(K)[None, :] % 2
    wins = np.where(together & ~np.eye(K, dtype=bool), rng.integers(10**5, 3 * 10**6, (K, K)), 0)
    ties = np.triu(np.where(together, rng.integers(10**5, 10**6, (K, K)), 0), 1)
    fit = fit_davidson(wins, ties + ties.T)
    again = fit_davidson(wins, ties + ties.T, start=np.append(fit.theta, fit.ln_ties) + rng.normal(0, 0.01, K + 1))
    for found in (fit, again):
        assert found.converged
        assert found.iterations < 12
    for group in (slice(0, K, 2), slice(1, K, 2)):
        moved = again.theta[group] - fit.theta[group]
        assert np.ptp(moved) < 1e-12
        assert np.abs(moved).max() < 1e-7


def test_nobody_to_rate_is_an_empty_fit():
    fit = fit_davidson(np.zeros((0, 0)), np.zeros((0, 0)))
    assert fit.converged
    assert fit.theta.shape == (0,)
    assert fit.ln_ties == pytest.approx(np.log(0.5))
