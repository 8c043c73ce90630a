"""Ratings over categories: a weighted mean whose interval holds planted truth, of contenders rated in all of them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from evals.ratings import POINTS, Params, Tallies, compute, rate_across
from tests.evals.ratings.votes import simulate

FIRST = {"atlas": 0.0, "kestrel": 0.5, "morrow": 1.0, "osprey": 1.2}
SECOND = {"atlas": 1.0, "kestrel": 0.2, "morrow": 0.6, "osprey": 0.0}


def standings(strengths, n, seed):
    return compute(Tallies.from_votes(simulate(strengths, n, seed=seed)), Params())


def truth(weights):
    names = sorted(FIRST)
    means = sum(
        weight * np.array([strengths[name] - np.mean(list(strengths.values())) for name in names])
        for weight, strengths in zip(weights, (FIRST, SECOND), strict=True)
    )
    return dict(zip(names, 1000 + POINTS * means / sum(weights), strict=True))


def test_intervals_of_the_mean_hold_the_planted_truth():
    wanted, held, widths = truth((3, 1)), [], []
    for seed in range(40):
        parts = standings(FIRST, 200, seed), standings(SECOND, 200, 1000 + seed)
        for one in rate_across(parts, (3, 1), "panel").ratings:
            held.append(abs(one.rating - wanted[one.contender]) <= one.half)
            widths.append(one.half)
    # 160 intervals of 95% that need not be independent: 20 misses would be 5 standard errors off.
    assert sum(held) > 140
    assert max(widths) < 75


def test_the_interval_is_that_of_independent_categories_and_only_proportions_of_weights_count():
    parts = standings(FIRST, 300, 1), standings(SECOND, 150, 2)
    across = rate_across(parts, (3, 1), "panel")
    assert across == rate_across(parts, (6, 2), "panel")
    for one in across.ratings:
        own = [part.rating(one.contender) for part in parts]
        halves = [(rating.panel[1] - rating.panel[0]) / 2 for rating in own]
        assert one.rating == pytest.approx(0.75 * own[0].rating + 0.25 * own[1].rating)
        assert one.half == pytest.approx(math.sqrt((0.75 * halves[0]) ** 2 + (0.25 * halves[1]) ** 2))
    assert [one.rating for one in across.ratings] == sorted((one.rating for one in across.ratings), reverse=True)
    assert sum(one.p_best for one in across.ratings) == pytest.approx(1)


def test_one_category_alone_says_what_its_own_board_does():
    part = standings(FIRST, 300, 1)
    across = rate_across([part], [7], "people")
    assert {one.contender: one.rating for one in across.ratings} == {
        one.contender: pytest.approx(one.rating) for one in part.ratings
    }


def test_only_contenders_rated_in_every_category_get_a_mean_and_retired_ones_are_nowhere():
    small = {name: SECOND[name] for name in ("atlas", "kestrel", "morrow")}
    first, second = standings(FIRST, 300, 1), standings(small, 300, 2)
    across = rate_across([first, second], [1, 1], "panel")
    assert {one.contender for one in across.ratings} == set(small)
    assert across.missing == {"osprey": (1,)}
    retired = replace(first, retired=frozenset({"osprey", "atlas"}))
    assert rate_across([retired, second], [1, 1], "panel").missing == {}
    assert {one.contender for one in rate_across([retired, second], [1, 1], "panel").ratings} == {"kestrel", "morrow"}


@pytest.mark.parametrize("weights", [(1,), (1, 0), (1, -1), (1, math.nan), (1, math.inf)])
def test_a_weight_that_is_not_above_0_is_an_error(weights):
    part = standings(FIRST, 60, 1)
    with pytest.raises(ValueError, match="weight above 0"):
        rate_across([part, part], weights, "panel")
