"""Davidson's model without a prior is Newman's, so evalica's solver of that one checks ours: an independent method
(his fixed-point rounds, our Newton steps) of the same maximum."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from scipy.stats import kendalltau

from evals.ratings import Tallies, compute, fit_davidson
from tests.evals.ratings import oracle
from tests.evals.ratings.votes import BOND, LLMFAO, vote_lists
from tests.golden.make_llmfao import from_counts
from tests.golden.make_llmfao import votes as llmfao

GOLDEN = Path(__file__).parents[2] / "golden"


def most_likely(tallies):
    """(K,) θ, centred, and ln ν of maximum likelihood.

    None at all cannot be asked for: along θ + c the likelihood is flat, and Newton's matrix would be singular. So one
    of SD 300, whose pull is taken out to first order. What remains goes with 1/SD⁴: at most 5e-10 on the real votes
    (4e-8 at SD 100), and 2e-5 were the pull left in.
    """
    prior = oracle.NO_PRIOR
    fit = fit_davidson(tallies.wins, tallies.ties, prior)
    assert fit.converged
    x = np.append(fit.theta, fit.ln_ties)
    widths = np.append(np.full(len(fit.theta), prior.sd), prior.ln_ties_sd)
    x = x + fit.covariance @ ((x - np.append(np.zeros(len(fit.theta)), prior.ln_ties)) / widths**2)
    return x[:-1] - x[:-1].mean(), x[-1]


def assert_agree(tallies, expected):
    theta, ln_ties = most_likely(tallies)
    assert theta == pytest.approx(expected.theta, abs=1e-8)
    assert ln_ties == pytest.approx(expected.ln_ties, abs=1e-8)


@pytest.mark.parametrize("file_name", LLMFAO)
def test_without_a_prior_it_is_evalicas_newman_on_real_votes(data, file_name):
    votes = llmfao(data, file_name)
    tallies = Tallies.from_votes(votes)
    assert_agree(tallies, oracle.newman(votes, tallies.contenders))


@settings(max_examples=30)
@given(vote_lists())
def test_without_a_prior_it_is_evalicas_newman_on_any_votes_that_have_an_answer(votes):
    votes = BOND + votes
    tallies = Tallies.from_votes(votes)
    expected = oracle.newman(votes, tallies.contenders)
    # evalica ends when scores stand still, and among equals they do before it has looked at the ties.
    assume(expected.theta.any())
    assert_agree(tallies, expected)


def test_without_a_prior_it_has_evalicas_golden_scores():
    tallies = from_counts(json.loads((GOLDEN / "llmfao-counts.json").read_text(encoding="utf-8")))
    golden = dict(json.loads((GOLDEN / "llmfao-evalica.json").read_text(encoding="utf-8"))["newman"])
    scores = np.log([golden[name] for name in tallies.contenders])
    theta, _ = most_likely(tallies)
    assert theta == pytest.approx(scores - scores.mean(), abs=1e-9)


@pytest.mark.parametrize("file_name", LLMFAO)
def test_the_published_ratings_rank_real_votes_nearly_as_it_does(data, file_name):
    """The prior draws those with few votes to the middle, past neighbours with more."""
    votes = llmfao(data, file_name)
    published = compute(Tallies.from_votes(votes))
    expected = oracle.newman(votes, published.contenders).theta
    assert published.leader == published.contenders[int(expected.argmax())]
    assert kendalltau(published.theta, expected).statistic > 0.985


@pytest.mark.parametrize("file_name", LLMFAO)
def test_the_published_ratings_rank_real_votes_nearly_as_plain_bradley_terry_does(data, file_name):
    """A tie is half a win there, and it has no prior: not the same to the digit."""
    votes = llmfao(data, file_name)
    published = compute(Tallies.from_votes(votes))
    plain = oracle.bradley_terry(votes, published.contenders)
    assert published.leader == published.contenders[int(plain.argmax())]
    assert kendalltau(published.theta, plain).statistic > 0.985


def test_the_published_ratings_rank_nearly_as_evalicas_golden_bradley_terry_does():
    published = compute(from_counts(json.loads((GOLDEN / "llmfao-counts.json").read_text(encoding="utf-8"))))
    golden = dict(json.loads((GOLDEN / "llmfao-evalica.json").read_text(encoding="utf-8"))["bradley_terry"])
    scores = [golden[name] for name in published.contenders]
    assert kendalltau(published.theta, scores).statistic > 0.985
