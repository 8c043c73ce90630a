"""Shares of answers that come in several samples a task: what their interval is worth."""

from __future__ import annotations

import numpy as np
import pytest

from evals.ratings import ClusteredShare, clustered_share, wilson


def test_one_observation_a_cluster_is_wilsons_interval():
    share = clustered_share([(1, 1)] * 3 + [(0, 1)] * 17)
    assert share == ClusteredShare(0.15, wilson(3, 20), 20, 20)


def test_clusters_that_agree_are_worth_one_observation_each():
    share = clustered_share([(5, 5)] * 3 + [(0, 5)] * 17)
    assert (share.rate, share.n) == (0.15, 100)
    assert share.n_effective == pytest.approx(20)
    assert share.ci95 == pytest.approx(wilson(3, 20))


def test_clusters_that_do_not_agree_more_than_chance_are_worth_them_all():
    assert clustered_share([(1, 2)] * 20).n_effective == 40


@pytest.mark.parametrize("hits", [0, 5])
def test_where_all_agree_the_number_of_clusters_counts(hits: int):
    share = clustered_share([(hits, 5)] * 10 + [(0, 0)])
    assert (share.rate, share.n, share.n_effective) == (hits / 5, 50, 10)


def test_nothing_is_known_of_nothing():
    assert clustered_share([(0, 0)]) == ClusteredShare(None, None, 0, 0.0)


def test_the_interval_covers_the_truth_though_samples_are_alike():
    """Three samples of each of 60 tasks, some of which are hard for the model: 1,000 times."""
    rng, truth, covered, naive = np.random.default_rng(11), 0.1, 0, 0
    for hard in rng.beta(truth * 2 / 3, (1 - truth) * 2 / 3, (1000, 60)):
        hits = rng.binomial(3, hard)
        low, high = clustered_share([(int(n), 3) for n in hits]).ci95 or (1, 0)
        covered += low <= truth <= high
        low, high = wilson(int(hits.sum()), 180) or (1, 0)
        naive += low <= truth <= high
    assert 0.93 <= covered / 1000 <= 0.98
    assert naive / 1000 < 0.87
