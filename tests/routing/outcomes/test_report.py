"""What was reported beside what was measured: when the two differ, what is too few to say so, what is unknown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.outcomes.histogram import Histogram
from routing.outcomes.report import Line, Reported, route_report

ROUTE = {"id": "code", "primary": "a", "fallbacks": ["b", "c"], "escalate_to": "d"}


def histogram(*values: float) -> Histogram:
    made = Histogram()
    for value in values:
        made.add(value)
    return made


def reported(requests: int = 100, succeeded: int | None = None, *, ms: float = 1000, **changes: Any) -> Reported:
    """Every request's cost is told, and is a cent."""
    good = requests if succeeded is None else succeeded
    given = {
        "tokens": 0,
        "tokens_told": 0,
        "cost_usd": 0.01 * requests,
        "cost_told": requests,
        "cost_unknown": 0,
        "latency": histogram(*[ms] * good),
        "ttft": histogram(),
    }
    return Reported(requests=requests, succeeded=good, **given | changes)


def measured(n: int = 100, **changes: Any) -> dict[str, Any]:
    spread = {"p50": 900.0, "p95": 1000.0, "n": n}
    return {"n": n, "success_rate": 1.0, "latency_ms": spread, "ttft_ms": spread, "usd_per_success": 0.01} | changes


def line(told: Reported | None, known: dict[str, Any] | None) -> Line:
    evidence = [] if known is None else [{"a": known}]
    return route_report(ROUTE, "code", {} if told is None else {"a": told}, evidence).lines[0]


def words(told: Reported, known: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(figure.word, figure.worse) for figure in line(told, known).differing]


def test_a_time_differs_from_twice_the_measured_up_and_from_half_of_it_down():
    assert words(reported(ms=1900), measured()) == []
    assert words(reported(ms=2200), measured()) == [("slower", True)]
    assert words(reported(ms=540), measured()) == []
    assert words(reported(ms=450), measured()) == [("faster", False)]


def test_success_differs_where_neither_chance_nor_a_trifle_explains_it():
    assert words(reported(1000, 900), measured()) == [("fails more", True)]
    assert words(reported(1000, 960), measured(1000)) == [], "sure, but 4 points only"
    assert words(reported(20, 18), measured()) == [], "10 points, but maybe by chance"
    assert words(reported(1000, 1000), measured(success_rate=0.8)) == [("fails less", False)]


def test_costs_and_first_tokens_have_words_of_their_own():
    told = reported(cost_usd=2.5, ttft=histogram(*[100.0] * 50))
    assert words(told, measured()) == [("first token sooner", False), ("dearer", True)]


@pytest.mark.parametrize(("told", "known"), [(19, 100), (100, 19)])
def test_fewer_than_twenty_say_nothing(told: int, known: int):
    assert words(reported(told, told // 2, ms=9000, cost_usd=90.0), measured(known)) == []
    assert line(reported(told), measured(known)).decision == "too few to compare"


def test_a_line_without_differences_says_why():
    assert line(reported(), measured()).decision == "as measured"
    assert line(None, measured()).decision == "not reported"
    nothing = {"p50": None, "p95": None, "n": 0}
    unmeasured = measured(0, success_rate=None, usd_per_success=None, latency_ms=nothing, ttft_ms=nothing)
    assert line(reported(), unmeasured).decision == "not measured"
    assert line(reported(), None).decision == "not measured"


def test_a_success_without_a_cost_makes_it_unknown():
    assert reported(10, 8).usd_per_success == pytest.approx(0.1 / 8)
    assert reported(10, 8, cost_told=9, cost_unknown=1).usd_per_success is None
    assert reported(10, 0).usd_per_success is None
    assert reported(10, 0, cost_usd=0.0, cost_told=0).usd_per_success is None


def test_a_failure_without_a_cost_costs_as_the_others_do():
    assert reported(10, 8, cost_usd=0.8, cost_told=8).usd_per_success == pytest.approx(1.0 / 8)


def test_the_routes_contenders_stand_first_and_in_its_order():
    told = {"x": reported(3), "c": reported(2), "y": reported(30)}
    made = route_report(ROUTE, "code", told, [])
    assert [(one.model, one.place) for one in made.lines] == [
        ("a", "first"), ("b", "else"), ("c", "then"), ("d", "escalation"), ("y", "other"), ("x", "other"),
    ]  # fmt: skip
    assert (made.requests, made.succeeded, made.success_rate) == (35, 35, 1.0)
    assert route_report(ROUTE, "code", {}, []).success_rate is None


def test_the_categorys_evidence_goes_before_the_pooled():
    own, pooled = measured(50), measured(500)
    made = route_report(ROUTE, "code", {}, [{"a": own}, {"a": pooled, "b": pooled}])
    assert [one.measured for one in made.lines] == [own, pooled, None, None]


@given(st.integers(1, 500), st.data())
def test_nothing_reported_is_ever_below_what_it_counts(requests: int, data: st.DataObject):
    """Cost per success is no less than cost per request."""
    succeeded = data.draw(st.integers(1, requests))
    cost = data.draw(st.floats(0, 100))
    told = reported(requests, succeeded, cost_usd=cost)
    assert told.usd_per_success is not None
    assert told.usd_per_success >= cost / requests * (1 - 1e-9)
    low, high = told.success_ci95 or (0, 0)
    assert low <= told.success_rate <= high
