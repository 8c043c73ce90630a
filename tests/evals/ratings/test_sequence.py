import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.ratings import (
    PairCounts,
    Tallies,
    boundary,
    compute,
    from_points,
    head_to_head,
    non_inferiority,
    sequence_bound,
    votes_to_go,
)
from tests.evals.ratings.votes import simulate


@pytest.mark.parametrize(("contenders", "expected"), [(2, 2.86), (5, 3.48), (8, 3.69), (20, 4.06)])
def test_the_boundary_has_its_known_values(contenders, expected):
    assert boundary(math.sqrt(0.1), rivals=contenders - 1) == pytest.approx(expected, abs=0.005)


@given(st.floats(0.001, 3), st.floats(1.001, 4), st.integers(1, 50))
def test_the_bound_widens_with_the_error_and_with_rivals(se, factor, rivals):
    narrow = sequence_bound(0.0, se, rivals=rivals).half_width
    assert narrow < sequence_bound(0.0, se * factor, rivals=rivals).half_width
    assert narrow < sequence_bound(0.0, se, rivals=rivals + 1).half_width
    assert narrow > 1.96 * se


def test_the_gate_asks_for_the_margin_beyond_the_bound():
    bound = sequence_bound(0.5, 0.1, rivals=1, q=1.2)
    assert bound.half_width == pytest.approx(boundary(0.1, rivals=1) * 0.12)
    assert bound.exceeds(0.5 - bound.half_width - 1e-9)
    assert not bound.exceeds(0.5 - bound.half_width + 1e-9)


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_exact_gate_is_its_formula(wins, losses):
    # 2·∫_{½}^{1} of the prior's density times the likelihood ratio against a fair coin, by quadrature.
    p = np.linspace(0.5, 1, 20001)
    log_prior = 9 * np.log(p * (1 - p), where=p < 1, out=np.full_like(p, -1e9))
    density = np.exp(log_prior - (2 * math.lgamma(10) - math.lgamma(20)))
    ratio = (2 * p) ** wins * (2 * (1 - p)) ** losses
    expected = 2 * np.trapezoid(density * ratio, p)
    assert head_to_head(wins, losses, rivals=1).e_value == pytest.approx(expected, rel=1e-5)


def test_the_exact_gate_starts_at_one_and_passes_at_m_over_alpha():
    assert head_to_head(0, 0, rivals=3).e_value == pytest.approx(1)
    assert head_to_head(0, 0, rivals=3).needed == 60
    assert not head_to_head(20, 10, rivals=1).passed
    assert head_to_head(60, 10, rivals=1).passed
    assert head_to_head(10**6, 10, rivals=1).passed
    assert not head_to_head(10, 10**6, rivals=1).passed


def test_the_exact_gate_is_a_fair_game_between_equals():
    """E of one vote more, averaged over a fair coin, is E: what makes it safe at every look."""
    for wins, losses in [(0, 0), (3, 9), (30, 12)]:
        now = head_to_head(wins, losses, rivals=1).e_value
        up, down = (head_to_head(wins + 1, losses, rivals=1), head_to_head(wins, losses + 1, rivals=1))
        assert (up.e_value + down.e_value) / 2 <= now + 1e-9


def equals(votes_a_pair):
    """Five whom the votes cannot tell apart: two wins each and a tie in every five votes of a pair."""
    n = votes_a_pair // 5
    rows = [PairCounts("r", a, b, 2 * n, 2 * n, n, 0) for a in "abcde" for b in "abcde" if a < b]
    return compute(Tallies.from_rows(rows))


def test_an_equal_candidate_is_non_inferior_once_there_are_votes_enough():
    few, many = equals(10), equals(500)
    margin = from_points(50)
    assert not non_inferiority(few, "b", margin=margin, tried=4).passed
    found = non_inferiority(many, "b", margin=margin, tried=4)
    assert found.passed
    assert found.bound.high == max(
        sequence_bound(lead.lead, lead.se, rivals=4, q=lead.q).high for lead in (many.lead(key, "b") for key in "acde")
    )


def test_a_worse_candidate_is_not():
    standings = compute(Tallies.from_votes(simulate({"a": 1.0, "b": 0.0, "c": 0.2}, 3000, seed=2)))
    found = non_inferiority(standings, "b", margin=from_points(50), tried=2)
    assert (found.passed, found.rival) == (False, "a")


def test_nobody_to_be_worse_than_is_non_inferior():
    standings = compute(Tallies.from_votes([("r", "t", "a", "b", "lo")]), retired=["a"])
    assert non_inferiority(standings, "b", margin=0.1, tried=1).passed


@given(st.floats(0.02, 1), st.floats(0.05, 1), st.integers(30, 5000), st.integers(1, 20))
def test_the_votes_to_go_would_bring_the_bound_to_the_lead(gap, se, votes, rivals):
    found = votes_to_go(gap=gap, se=se, votes=votes, rivals=rivals)
    assert found is not None
    if found.more == 0:
        assert sequence_bound(gap, se, rivals=rivals).low >= 0
        return
    # Errors shrink with the root of the votes; two figures are promised, not more.
    later = se * math.sqrt(votes / (votes + found.more))
    assert sequence_bound(gap, later, rivals=rivals).half_width == pytest.approx(gap, rel=0.06, abs=0.003)
    assert found.low <= found.more <= found.high


def test_without_a_lead_no_number_is_named():
    assert votes_to_go(gap=0.0, se=0.2, votes=100, rivals=3) is None
    assert votes_to_go(gap=-0.1, se=0.2, votes=100, rivals=3) is None


def test_where_tastes_stand_in_the_way_it_says_so():
    alike = votes_to_go(gap=0.2, se=0.15, votes=400, rivals=3)
    apart = votes_to_go(gap=0.2, se=0.15, votes=400, rivals=3, b=0.015)
    assert alike is not None
    assert apart is not None
    assert (alike.more_reviewers, apart.more_reviewers) == (False, True)
    assert "more reviewers help more" in str(apart)
    assert "likely" in str(alike)
