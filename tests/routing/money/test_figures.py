"""Money as ranges: an unknown price stays unknown, and a GPU breaks even where its month costs as much."""

import pytest

from routing.money.figures import Machine, Range, break_even, cost_per_success, difference, machine_cost


def test_the_range_of_a_cost_is_that_of_the_success_rate():
    cost = cost_per_success(0.02, 0.5, 100)
    assert cost.low < 0.02 < cost.high
    # A success takes 1 / rate requests: the ends are the request's cost over the ends of the rate.
    assert 0.01 / cost.low == pytest.approx(0.5962, abs=1e-3)
    assert 0.01 / cost.high == pytest.approx(0.4038, abs=1e-3)
    wide = cost_per_success(0.02, 0.5, 10)
    assert wide.high - wide.low > cost.high - cost.low
    assert cost_per_success(None, 0.5, 100) is None
    assert cost_per_success(0.02, None, 0) == Range(0.02)
    assert cost_per_success(0.0, 1.0, 50) == Range(0.0, 0.0, 0.0)


def test_what_a_switch_saves_is_not_known_where_a_price_is_not():
    assert difference(Range(3, 2, 4), Range(1, 0.5, 2)) == Range(2, 0, 3.5)
    assert difference(Range(3, 2, 4), None) is None
    assert difference(None, Range(1)) is None
    assert difference(Range(3), Range(1, 0.5, 2)) == Range(2)


def test_a_machine_breaks_even_where_its_month_costs_what_hosted_answers_would():
    machine = Machine(usd_per_hour=1.0, tokens_per_second=1000, tokens=500, success_rate=0.9, n=400, busy=0.5)
    assert machine.successes_a_month == pytest.approx(730 * 3600 * 0.5 * 2 * 0.9)
    even = break_even(machine, Range(0.01, 0.008, 0.0125))
    assert even.volume == Range(73_000, 58_400, 91_250)
    assert even.word == "pays"
    assert machine_cost(machine).middle * machine.successes_a_month == pytest.approx(730)
    dear = break_even(machine, Range(1e-5, 1e-5, 1e-5))
    assert (dear.volume, dear.word) == (None, "never")
    # Only the dear end of the hosted range is above what the machine can undercut.
    edge = 730 / machine.successes_a_month
    assert break_even(machine, Range(edge, edge * 0.9, edge * 1.1)).word == "may pay"
    assert break_even(machine, None).word == "not known"
    free = break_even(machine, Range(0.0, 0.0, 0.0))
    assert (free.volume, free.word) == (None, "never")
