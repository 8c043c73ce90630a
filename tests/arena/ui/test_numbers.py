"""Each kind of figure is written in one way, and what is absent never reads as 0."""

from decimal import Decimal

import pytest

from arena.ui import numbers


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (7, "7"), (5760, "5,760"), (1_000_000, "1,000,000"), (-3, "−3"), (None, "–")],
)
def test_counts_have_thousands_separators(value, written):
    assert numbers.whole(value) == written


@pytest.mark.parametrize(("value", "written"), [(1142.3, "1142"), (-18.6, "−19"), (0.2, "0"), (-0.2, "0"), (None, "–")])
def test_ratings_are_whole_and_have_none(value, written):
    assert numbers.points(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0257, "2.6%"),
        (0, "0%"),
        (1, "100%"),
        (0.0001, "< 0.1%"),
        (0.9999, "> 99.9%"),
        (0.9994, "99.9%"),
        (0.0005, "0.1%"),
        (None, "–"),
    ],
)
def test_a_rate_reads_as_all_or_nothing_only_if_it_is(value, written):
    assert numbers.rate(value) == written


@pytest.mark.parametrize(("value", "written"), [(0.83, "83%"), (0, "< 1%"), (1, "> 99%"), (0.01, "1%"), (None, "–")])
def test_a_chance_is_never_none_or_all(value, written):
    assert numbers.chance(value) == written


@pytest.mark.parametrize(("value", "written"), [(6800, "6.8 s"), (870, "0.9 s"), (20, "< 0.1 s"), (None, "–")])
def test_latencies_are_tenths_of_a_second(value, written):
    assert numbers.span(value) == written


@pytest.mark.parametrize(
    ("value", "written"), [(310.4, "310 ms"), (999.4, "999 ms"), (999.6, "1.0 s"), (1240, "1.2 s")]
)
def test_first_tokens_are_milliseconds_below_a_second(value, written):
    assert numbers.span(value, fine=True) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0 s"), (40, "40 s"), (89.2, "90 s"), (91, "2 min"), (1560, "26 min"), (7800, "2 h 10 min"), (7200, "2 h"),
     (-5, "0 s"), (200_000, "2 d 8 h"), (None, "–")],
)  # fmt: skip
def test_a_duration_names_two_units_at_most(value, written):
    assert numbers.duration(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (19.27, "$19.27"),
        (Decimal(40), "$40.00"),
        (1234.5, "$1,234.50"),
        (0.0094, "$0.0094"),
        (0.5, "$0.50"),
        (0.00003, "$0.000030"),
        (0, "$0"),
        (-2.5, "−$2.50"),
        (None, "no price"),
    ],
)
def test_money_has_two_figures_that_count(value, written):
    assert numbers.money(value) == written


def test_money_too_small_for_its_column_says_so():
    assert numbers.money(0.00004, 4) == "< $0.0001"


@pytest.mark.parametrize(
    ("column", "digits"),
    [
        ([0.0094, 0.0041, 0.0007, None], 4),
        ([1.5, 20], 2),
        ([0.0021, 0.0022], 4),
        ([0.00021, 0.00022], 5),
        ([None, 0], 2),
        ([], 2),
    ],
)
def test_a_column_of_prices_has_the_digits_that_tell_them_apart(column, digits):
    assert numbers.money_digits(column) == digits


@pytest.mark.parametrize(("value", "written"), [(42.4, "42"), (0.4, "0.4"), (9.96, "10"), (1200, "1,200"), (None, "–")])
def test_a_slow_pace_does_not_read_as_none(value, written):
    assert numbers.pace(value) == written
