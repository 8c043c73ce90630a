"""Comparisons of two runs, simulated: few, and with results that are known."""

from __future__ import annotations

import numpy as np

from benchmarks.compare_runs import PLAIN, Planted, page, plain_coverage, sampled_coverage, times_coverage


def test_intervals_contain_the_truth_where_others_do_not():
    own, wald = zip(*plain_coverage(10), strict=True)
    assert min(own) > 0.94
    assert min(wald) < 0.7
    assert own[PLAIN.index((1.0, 1.0, 0.0))] == 1.0
    rng = np.random.default_rng(2)
    assert sampled_coverage("a fifth worse", 20, 3, 60, rng)[0] > 0.85
    assert times_coverage(20, 1.5, 60, rng)[0] > 0.85


def test_a_page_finds_what_is_planted():
    rng = np.random.default_rng(3)
    calm = [page(rng, 1, 15, 1) for _ in range(10)]
    assert sum(one.any_sure for one in calm) <= 2
    assert sum(one.any_alone for one in calm) > sum(one.any_sure for one in calm)
    assert all(page(rng, 1, 40, 1, Planted(factor=3.0)).planted_sure for _ in range(5))
    assert all(page(rng, 1, 60, 1, Planted(fall=0.7)).planted_sure for _ in range(5))
