import numpy as np
import pytest
from hypothesis import example, given, settings

from evals.ratings import POINTS, Params, Tallies, compute, fit_davidson
from evals.ratings.graph import components_of
from evals.ratings.variance import leave_one_out, pairwise_variance, reviewer_variance, t_quantile, task_factor
from tests.evals.ratings import literal
from tests.evals.ratings.votes import NAMES, simulate, vote_lists

# Everybody compared with everybody, so that the literal forms need know nothing of components.
ROUND = [("ana", "t1", a, b, "tie") for k, a in enumerate(NAMES) for b in NAMES[k + 1 :]]


def fitted(votes):
    tallies = Tallies.from_votes(votes)
    fit = fit_davidson(tallies.wins, tallies.ties)
    return tallies, fit, components_of(tallies.wins + tallies.wins.T + tallies.ties)


@settings(max_examples=30)
@given(vote_lists())
def test_the_reviewer_variance_is_the_literal_jackknife(votes):
    tallies, fit, components = fitted(ROUND + votes)
    x = np.append(fit.theta, fit.ln_ties)
    expected = literal.tastes(tallies.contenders, ROUND + votes, x, fit.covariance, Params().prior)
    assert reviewer_variance(tallies, fit, components, Params().prior).tastes == pytest.approx(
        expected, rel=1e-8, abs=1e-10
    )


# Two contenders with equal votes: their difference has no variance but what rounding leaves.
@example(
    [
        ("ana", "t1", "atlas", "kestrel", "tie"),
        ("ana", "t1", "kestrel", "morrow", "lo"),
        ("ana", "t2", "kestrel", "morrow", "hi"),
    ]
)
@settings(max_examples=30)
@given(vote_lists())
def test_the_task_factor_is_the_literal_ratio_of_sandwiches(votes):
    tallies, fit, components = fitted(ROUND + votes)
    x = np.append(fit.theta, fit.ln_ties)
    expected = literal.task_factor(tallies.contenders, ROUND + votes, x, fit.covariance)
    assert task_factor(tallies, fit, components) == pytest.approx(expected, rel=1e-7)


def test_the_one_step_jackknife_is_near_full_refits():
    """Reviewers as busy as each other add the mean excess of the jackknife's variance over the model's."""
    votes = simulate({f"m{i}": 0.3 * i for i in range(6)}, 3000, seed=5, reviewers=8, taste=0.4)
    tallies, fit, components = fitted(votes)
    order, without = leave_one_out(tallies, fit, Params().prior)
    R, K = len(order), len(fit.theta)
    spread = (R - 1) / R * ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    pairs = np.triu_indices(K, 1)
    d = without[:, :, None] - without[:, None, :]
    J = (R - 1) / R * ((d - d.mean(axis=0)) ** 2).sum(axis=0)
    full = max(0.0, float((J - pairwise_variance(fit.covariance[:K, :K]))[pairs].mean()))
    assert spread.min() > 0
    assert 2 * reviewer_variance(tallies, fit, components, Params().prior).tastes.mean() == pytest.approx(full, rel=0.1)


def test_tastes_widen_the_interval_for_people_and_not_for_the_panel():
    strengths = {f"m{i}": 0.2 * i for i in range(5)}
    alike = compute(Tallies.from_votes(simulate(strengths, 3000, seed=2, reviewers=6)))
    apart = compute(Tallies.from_votes(simulate(strengths, 3000, seed=2, reviewers=6, taste=0.6)))
    assert apart.tastes.min() > 0.01 > alike.tastes.max()
    for rating in apart.ratings:
        assert rating.people[1] - rating.people[0] > 1.5 * (rating.panel[1] - rating.panel[0])
        assert rating.ci95 == rating.panel


def test_one_person_who_casts_most_votes_hides_no_tastes():
    """With an even share's step, that person's taste would look an eighth of what it is."""
    found = []
    for seed in range(4):
        votes = simulate({f"m{i}": 0.0 for i in range(6)}, 9_000, seed=seed, reviewers=6, taste=0.6)
        kept = [vote for k, vote in enumerate(votes) if vote[0] == "r0" or k % 10 == 0]
        tallies, fit, components = fitted(kept)
        spread = reviewer_variance(tallies, fit, components, Params().prior)
        found.append(spread.tastes.mean() * spread.effective)
    # Each rating holds two thirds of one person's taste; rather too wide than too narrow.
    assert 0.8 < np.mean(found) / 0.6**2 < 2


def test_a_newcomer_judged_by_few_is_given_more_of_the_tastes():
    votes = simulate({f"m{i}": 0.2 * i for i in range(5)}, 3000, seed=2, reviewers=6, taste=0.6)
    one = votes[0][0]
    votes += [(one, f"n{i}", "m0", "newcomer", "lo" if i % 2 else "hi") for i in range(100)]
    standings = compute(Tallies.from_votes(votes), Params(speaks_for="people"))
    known, newcomer = standings.place("m1"), standings.place("newcomer")
    assert standings.tastes[newcomer] > 3 * standings.tastes[known]
    assert standings.lead("newcomer", "m1").b == standings.tastes[newcomer] + standings.tastes[known]


def test_a_panel_is_asked_for_no_wider_quantile():
    votes = simulate({"a": 0.0, "b": 1.0}, 200, seed=3, reviewers=2)
    tallies = Tallies.from_votes(votes)
    panel = compute(tallies).lead("b", "a")
    people = compute(tallies, Params(speaks_for="people")).lead("b", "a")
    assert panel.q == 1
    assert people.q == people.q_people == panel.q_people > 2


def test_one_reviewer_shows_no_spread():
    standings = compute(Tallies.from_votes(simulate({"a": 0.0, "b": 1.0, "c": 0.5}, 200, seed=3)))
    assert standings.df is None
    assert not standings.tastes.any()
    assert standings.lead("b", "a").q == 1


def test_degrees_of_freedom_follow_uneven_reviewers():
    votes = [("ana", f"a{i}", "x", "y", "lo" if i % 2 else "hi") for i in range(90)]
    votes += [("ben", f"b{i}", "x", "z", "lo" if i % 2 else "tie") for i in range(10)]
    tallies, fit, components = fitted(votes)
    spread = reviewer_variance(tallies, fit, components, Params().prior)
    effective = 100**2 / (90**2 + 10**2)
    assert spread.effective == pytest.approx(effective)
    assert spread.df == pytest.approx(max(0.3, effective - 1) * 2)


def test_a_reviewer_who_only_ever_found_both_bad_is_no_second_reviewer():
    votes = [("ana", f"a{i}", "x", "y", "lo" if i % 2 else "hi") for i in range(20)]
    tallies, fit, components = fitted([*votes, ("ben", "b", "x", "y", "both_bad")])
    assert reviewer_variance(tallies, fit, components, Params().prior).df is None
    standings = compute(tallies)
    assert (standings.reviewers, standings.votes) == (1, 21)
    assert standings.lead("x", "y").reviewers == 1


@pytest.mark.parametrize(("df", "expected"), [(None, 1.959964), (4, 2.776445), (28, 2.048407), (1, 12.706205)])
def test_quantiles(df, expected):
    assert t_quantile(df) == pytest.approx(expected, abs=1e-6)


def test_votes_on_the_same_few_tasks_widen_every_interval():
    strengths = {f"m{i}": 0.1 * i for i in range(6)}
    fresh = compute(Tallies.from_votes(simulate(strengths, 3000, seed=4, task_taste=0.8)))
    reused = compute(Tallies.from_votes(simulate(strengths, 3000, seed=4, tasks=10, task_taste=0.8)))
    assert fresh.task_factor == 1
    assert reused.task_factor > 5


def test_the_interval_of_a_rating_is_that_of_its_contrast_with_the_mean():
    votes = simulate({"a": 0.0, "b": 0.4, "c": 0.9}, 300, seed=6)
    tallies = Tallies.from_votes(votes)
    V = fit_davidson(tallies.wins, tallies.ties).covariance[:3, :3]
    rating = compute(tallies).rating("b")
    contrast = np.array([-1, 2, -1]) / 3
    half = 1.959964 * np.sqrt(contrast @ V @ contrast) * POINTS
    assert rating.ci95 == pytest.approx((rating.rating - half, rating.rating + half), abs=1e-3)


def test_leaving_a_reviewer_out_is_a_refit_without_them():
    votes = simulate({"a": 0.0, "b": 0.4, "c": 0.9}, 120, seed=7, reviewers=3)
    tallies, fit, _ = fitted(votes)
    order, without = leave_one_out(tallies, fit, Params().prior)
    for place, theta in zip(order, without, strict=True):
        rest = Tallies.from_votes(v for v in votes if v[0] != tallies.by_reviewer.groups[place])
        assert theta == pytest.approx(fit_davidson(rest.wins, rest.ties).theta, abs=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_base_intervals_cover_known_strengths(seed):
    """A coarse guard; benchmarks measure coverage properly."""
    strengths = {f"m{i}": 0.25 * i for i in range(6)}
    covered = 0
    for trial in range(40):
        standings = compute(Tallies.from_votes(simulate(strengths, 150, seed=1000 * seed + trial)))
        lead = standings.lead("m5", "m0")
        covered += abs(lead.lead - 1.25) <= 1.96 * lead.se
    assert covered >= 34
