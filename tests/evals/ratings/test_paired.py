"""Before and after on the same tasks: against published examples, against counting, and in small simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy

from evals.ratings.consistency import agreeing
from evals.ratings.paired import compare_levels, compare_rates, holm, mean_of_shares, sign_flip, tango


@pytest.mark.parametrize(
    ("gained", "lost", "n", "interval"),
    [
        (1, 7, 21, (-0.517, -0.026)),  # Fagerland, Lydersen & Laake 2014, airway hyper-responsiveness
        (16, 8, 86, (-0.020, 0.207)),  # Agresti & Min 2005
        (3, 1, 14, (-0.167, 0.433)),  # Tang, Li & Tang 2010
        (25, 2, 102, (0.139, 0.321)),  # Chang et al. 2024
    ],
)
def test_tango_gives_the_published_intervals(gained, lost, n, interval):
    assert tango(gained, lost, n) == pytest.approx(interval, abs=0.0005)
    assert tango(lost, gained, n) == pytest.approx((-interval[1], -interval[0]), abs=0.0005)


def test_an_interval_has_width_where_nothing_changed_and_where_all_did():
    low, high = tango(0, 0, 10)
    assert low == pytest.approx(-high)
    assert high == pytest.approx(1.959964**2 / (10 + 1.959964**2))
    assert tango(10, 0, 10) == pytest.approx((0.445, 1), abs=0.001)
    # As for the plain pairs, where every task was asked three times.
    same = compare_rates([3] * 10, [3] * 10, [3] * 10, [3] * 10)
    assert (same.moved, same.p, same.change.value) == (0, 1.0, 0.0)
    assert -0.3 < same.change.ci95[0] < -0.05 < 0.05 < same.change.ci95[1] < 0.3


def test_samples_of_one_task_are_not_tasks():
    """Asked five times, a model that always answers a task alike tells no more than asked once."""
    once = compare_rates([1] * 12, [1] * 12, [1] * 8 + [0] * 4, [1] * 12)
    often = compare_rates([5] * 12, [5] * 12, [5] * 8 + [0] * 4, [5] * 12)
    assert often.p == once.p == 2 * 0.5**4
    assert often.after.ci95 == pytest.approx(once.after.ci95)
    assert often.change.value == once.change.value == pytest.approx(-1 / 3)


def test_the_test_is_mcnemars_exact_one():
    before, after = [1] * 8 + [0] * 13, [0] * 7 + [1] + [0] * 12 + [1]
    found = compare_rates(before, [1] * 21, after, [1] * 21)
    assert found.p == pytest.approx(scipy.stats.binomtest(1, 8).pvalue)


def counted(differences):
    sums = np.zeros(1)
    for size in np.abs(differences):
        sums = np.concatenate([sums + size, sums - size])
    return float((np.abs(sums) >= abs(sum(differences)) - 1e-9).mean())


def test_signs_are_counted_or_nearly_so():
    rng = np.random.default_rng(3)
    for shift in (0.2, 0.6, 1.0):
        few, many = rng.standard_t(3, 9) + shift, rng.standard_t(3, 18) + shift
        assert sign_flip(few) == pytest.approx(counted(few))
        assert sign_flip(many) == pytest.approx(counted(many), rel=0.15, abs=2e-5)
    whole = rng.integers(-2, 4, 18)
    sizes = np.full(18, 3)
    assert compare_rates(0 * whole + 2, sizes, whole.clip(-2, 1) + 2, sizes).p == pytest.approx(
        counted(whole.clip(-2, 1)), rel=1e-9
    )


def test_no_result_is_surer_than_the_tasks_can_make_it():
    """Five tasks that all rise by the same are one of 16 ways to sign them, however alike they are."""
    assert compare_levels(np.zeros(5), np.full(5, 0.3)).p == pytest.approx(1 / 16)
    assert compare_levels(np.zeros(200), np.full(200, 0.3)).p == pytest.approx(2.0**-199)
    assert sign_flip([]) == sign_flip([0.0, 0.0]) == 1.0


def test_levels_are_compared_as_ratios():
    found = compare_levels(np.log([1, 2, 3, 4]), np.log([2, 4, 6.5, 8]))
    assert found.change.value == pytest.approx(math.exp(np.mean(np.log([2, 2, 6.5 / 3, 2]))))
    assert found.after.value / found.before.value == pytest.approx(found.change.value)
    low, high = found.change.ci95
    assert 1.9 < low < found.change.value < high < 2.2
    # Nothing to tell an interval from: one task, or none that varies.
    assert compare_levels([0.0], [1.0]).change.ci95 is None
    assert compare_levels([0.0, 1.0], [1.0, 2.0]).change.ci95 is None
    assert compare_levels([], []).change is None


def test_before_and_after_exchanged_mirror_each_other():
    rng = np.random.default_rng(5)
    n = np.full(30, 4)
    x, y = rng.binomial(4, 0.8, 30), rng.binomial(4, 0.5, 30)
    there, back = compare_rates(x, n, y, n), compare_rates(y, n, x, n)
    assert there.p == pytest.approx(back.p)
    assert there.change.ci95 == pytest.approx(tuple(-end for end in reversed(back.change.ci95)))
    there, back = compare_levels(x + 1.0, y * 2.0), compare_levels(y * 2.0, x + 1.0)
    assert there.p == pytest.approx(back.p)
    assert there.change.value == pytest.approx(1 / back.change.value)


def test_holm_corrects_the_published_example():
    # Holm 1979: compared with alpha/m, alpha/(m-1), …; what is equal to None was not tested.
    assert holm([0.01, 0.04, None, 0.03, 0.005]) == pytest.approx([0.03, 0.06, None, 0.06, 0.02])
    assert holm([None]) == [None]
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_tests_that_could_not_become_sure_are_not_corrected_for():
    # Tarone 1990: of these five, only the first two moved enough tasks.
    least = [2.0**-9, 2.0**-9, 0.5, 1.0, 0.25]
    assert holm([0.01, 0.03, 0.5, 1.0, 0.25], least) == pytest.approx([0.02, 0.03, 1, 1, 1])
    assert holm([0.5, 1.0], [0.5, 1.0]) == [1.0, 1.0]
    assert compare_rates([1] * 9, [1] * 9, [0] * 5 + [1] * 4, [1] * 9).least == 2.0**-4


def test_a_share_over_tasks_is_wilsons_where_each_was_asked_once():
    one = mean_of_shares(np.array([1.0] * 9 + [0.0]), np.ones(10, np.int64))
    assert one.ci95 == pytest.approx((0.5958, 0.9821), abs=0.0001)  # Wilson's interval of 9 in 10


def test_agreement_of_samples_is_that_of_pairs():
    # Three samples, of which one always differs: one pair of three agrees, on every task.
    found = agreeing([[2, 1]] * 20)
    assert (found.tasks, found.samples, found.share) == (20, 60, pytest.approx(1 / 3))
    assert found.ci95[0] < 1 / 3 < found.ci95[1]
    assert agreeing([[1], [], [2], [1, 1]]).share == 0.5
    assert agreeing([[1]]).share is None


def test_intervals_contain_the_truth_and_a_page_raises_few_false_alarms():
    """120 pages of 12 tests each, small and seeded: `benchmarks/compare_runs.py` has the figures."""
    rng = np.random.default_rng(11)
    covered, alarms, found = [], 0, 0
    for _ in range(120):
        p = []
        for _category in range(4):
            chance = rng.beta(6, 2, 25)
            one = np.ones(25, np.int64)
            success = compare_rates(rng.binomial(1, chance), one, rng.binomial(1, chance), one)
            task = rng.normal(0, 0.8, 25)
            slow = [task + rng.normal(0, 0.2, 25) + (rng.random(25) < 0.05) * 2 for _run in range(2)]
            times = compare_levels(*slow)
            covered += [one.change.ci95[0] <= at <= one.change.ci95[1] for one, at in ((success, 0), (times, 1))]
            p += [success.p, times.p, compare_levels(*(times + rng.normal(0, 0.05, 25) for times in slow)).p]
        alarms += min(holm(p)) <= 0.05
        worse = compare_levels(slow[0], slow[1] + math.log(2.2))
        found += min(holm([*p, worse.p])) <= 0.05
    assert 0.94 <= np.mean(covered) <= 0.985
    assert alarms / 120 <= 0.1  # 5% and two standard errors and a half
    assert found / 120 > 0.9
