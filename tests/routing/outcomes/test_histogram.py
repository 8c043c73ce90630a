"""Percentiles from buckets: within the error that is stated, whatever the values, however they were added up."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.outcomes.histogram import RATIO, Histogram, bucket

times = st.one_of(st.floats(0, 1e9), st.floats(0, 3), st.integers(0, 420).map(lambda k: RATIO**k))


def counted(values: list[float]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


@given(st.lists(times, min_size=1, max_size=200), st.sampled_from([0.01, 0.5, 0.9, 0.95, 0.99, 1.0]))
def test_a_percentile_is_within_its_error_of_sorting_all(values: list[float], share: float):
    told = counted(values).percentile(share)
    exact = float(np.quantile(values, share, method="inverted_cdf"))
    assert told == pytest.approx(max(exact, 1.0), rel=0.025)


@given(st.lists(times), st.lists(times))
def test_days_add_up_as_if_they_were_one(one: list[float], other: list[float]):
    merged = Histogram(counted(one).stored())
    merged.merge(Histogram(counted(other).stored()))
    assert merged.stored() == counted(one + other).stored()
    assert merged.n == len(one) + len(other)


@given(times.filter(lambda value: value > 1))
def test_a_bucket_holds_what_lies_between_its_bounds(value: float):
    k = bucket(value)
    rounding = 1 + 1e-12
    assert RATIO ** (k - 1) / rounding <= value <= RATIO**k * rounding


def test_nothing_has_no_percentile_and_no_time_is_not_none():
    assert Histogram().percentile(0.95) is None
    assert counted([0.0]).percentile(0.95) == 1.0


def test_the_largest_that_is_taken_makes_few_buckets():
    assert bucket(1e9) == math.ceil(math.log(1e9) / math.log(RATIO)) < 430
