"""Scales map and round as a reader expects, and an axis fits the contest rather than its stragglers."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.ui import scales
from arena.ui.scales import Interval, Scale

finite = st.floats(-1e4, 1e4, allow_nan=False)


def at(point, half=28.0, wide=None):
    return Interval(point - half, point, point + half, wide and (point - wide, point + wide))


def test_a_scale_maps_its_ends_to_its_ends():
    scale = Scale(900, 1150, start=7, end=93)
    assert (scale.at(900), scale.at(1150), scale.at(1025)) == (7, 93, 50)


def test_a_logarithmic_scale_gives_each_decade_the_same_room():
    scale = Scale(0.001, 10, log=True)
    assert [round(scale.at(v), 9) for v in (0.001, 0.01, 0.1, 1, 10)] == [0, 25, 50, 75, 100]


@pytest.mark.parametrize(
    "arguments", [{"low": 1, "high": 1}, {"low": 2, "high": 1}, {"low": 0, "high": 1, "log": True}]
)
def test_a_scale_without_room_is_refused(arguments):
    with pytest.raises(ValueError, match="scale"):
        Scale(**arguments)


@given(finite, st.floats(0.1, 1e5), st.integers(2, 12))
def test_ticks_are_round_few_and_inside(low, span, most):
    values = scales.ticks(low, low + span, most)
    step = scales.round_step(span, most)
    assert all(low - step / 1e6 < value < low + span + step / 1e6 for value in values)
    assert len(values) <= most
    assert all(abs(b - a - step) < step * 1e-6 for a, b in pairwise(values))


def test_ticks_come_from_whole_numbers_not_from_adding_up():
    assert scales.ticks(0, 0.5, 5) == (0.1, 0.2, 0.3, 0.4)


def test_logarithmic_ticks_are_ones_and_threes():
    assert scales.log_ticks(0.0002, 0.02) == pytest.approx((0.0003, 0.001, 0.003, 0.01))
    assert scales.log_ticks(1e-6, 1e3) == pytest.approx(tuple(10.0**n for n in range(-6, 4)))


def test_the_axis_leaves_a_straggler_off_and_keeps_the_contest_wide():
    ratings = [1142, 1118, 1091, 1079, 1012, 1004, 941, 613]
    axis = scales.fit_axis([at(rating) for rating in ratings])
    assert (axis.scale.low, axis.scale.high) == (900, 1200)
    assert [tick.value for tick in axis.ticks] == [950, 1000, 1050, 1100, 1150]
    assert not axis.scale.holds(613)


def test_the_axis_leaves_two_of_eight_off_at_either_end():
    axis = scales.fit_axis([at(rating) for rating in (2000, 1050, 1040, 1030, 1020, 1010, 1000, 200)])
    assert not axis.scale.holds(2000)
    assert not axis.scale.holds(200)
    assert axis.scale.holds(1000 - 28)


def test_an_even_field_keeps_everybody():
    axis = scales.fit_axis([at(rating) for rating in range(800, 1240, 40)])
    assert axis.scale.holds(800 - 28)
    assert axis.scale.holds(1200 + 28)


def test_a_small_field_with_room_keeps_its_winner():
    assert scales.fit_axis([at(950, 20), at(1000, 20), at(1100, 20)]).scale.holds(1120)


def test_everybody_is_kept_where_asked():
    assert scales.fit_axis([at(r) for r in (1100, 1090, 1080, 100)], everybody=True).scale.holds(72)


def test_two_contenders_are_both_kept_however_far_apart():
    axis = scales.fit_axis([at(200), at(1800)])
    assert axis.scale.holds(172)
    assert axis.scale.holds(1828)


def test_the_interval_for_people_counts_too():
    axis = scales.fit_axis([at(1000, wide=400), at(1020, wide=400)])
    assert axis.scale.holds(600)
    assert axis.scale.holds(1420)


def test_one_certain_contender_still_has_an_axis():
    assert scales.fit_axis([Interval(1000, 1000, 1000)]).scale.holds(1000)


@given(st.lists(st.tuples(st.floats(0, 3000), st.floats(0.1, 800)), min_size=1, max_size=40))
def test_the_axis_has_round_ends_and_keeps_two_thirds(field):
    intervals = [at(point, half) for point, half in field]
    axis = scales.fit_axis(intervals)
    kept = sum(axis.scale.holds(i.low + 1e-6) and axis.scale.holds(i.high - 1e-6) for i in intervals)
    assert kept >= len(intervals) - len(intervals) // 3 - 1
    assert all(axis.scale.low <= tick.value <= axis.scale.high for tick in axis.ticks)
