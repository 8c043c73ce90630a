"""Krippendorff's alpha: by hand, against evalica, and for what its mirror image and its interval promise."""

from collections import Counter

import evalica
import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # evalica takes its frames
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evals.ratings.agreement import agreements, panel_alpha, reviewer_alpha, shared_battles
from tests.evals.ratings.oracle import nominal_alpha

LO, HI, TIE, BOTH_BAD = range(4)
MIRROR = [1, 0, 2, 3]
FINDING = ("n", "share", "ci95", "chance", "others")

# Krippendorff (2004), chapter 11: two observers, ten units, binary values. Four units disagree, so the coincidences of
# unequal values are 8 of 20; of the 20 values 14 are 0 and 6 are 1, so by chance 2·14·6/19 would be unequal:
# alpha = 1 − 8·19/168 = 2/21.
BINARY = [[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]]
# The same chapter: two observers, twelve units, five values.
NOMINAL = ["aabbdcccedda", "babbbccceddd"]
# The same chapter: four observers, twelve units, five values, some missing.
N = None
MISSING = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
    [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
]


def counted(observers):
    """(units, values) from one list of values an observer."""
    values = sorted({value for row in observers for value in row if value is not None})
    return [[unit.count(value) for value in values] for unit in zip(*observers, strict=True)]


def flat(battles):
    """Battles as lists of (reviewer, outcome) to the arrays `shared_battles` takes; everybody counts."""
    rows = [(n, reviewer, outcome) for n, votes in enumerate(battles) for reviewer, outcome in votes]
    unit, reviewer, outcome = np.array(rows, int).reshape(-1, 3).T
    return unit, reviewer, outcome, np.ones(len(unit), bool)


counts = st.lists(st.lists(st.integers(0, 4), min_size=4, max_size=4), min_size=1, max_size=25).map(np.array)
battles = st.lists(
    st.dictionaries(st.integers(1, 6), st.integers(0, 3), min_size=1, max_size=5).map(lambda votes: [*votes.items()]),
    min_size=1,
    max_size=25,
)


@pytest.mark.parametrize(("observers", "alpha"), [(BINARY, 2 / 21), (NOMINAL, 310 / 448), (MISSING, 904 / 1216)])
def test_krippendorffs_own_examples(observers, alpha):
    assert nominal_alpha(counted(observers)) == pytest.approx(alpha, abs=1e-12)


@given(battles)
def test_it_agrees_with_evalica(battles):
    unit, reviewer, outcome, _ = flat(battles)
    table = pd.DataFrame(np.nan, index=range(1, 7), columns=range(len(battles)))
    found = np.zeros((len(battles), 4), int)
    for n, who, said in zip(unit, reviewer, outcome, strict=True):
        table.loc[who, n] = said
        found[n, said] += 1
    alpha = nominal_alpha(found)
    assume(alpha is not None)
    assert alpha == pytest.approx(evalica.alpha(table).alpha, abs=1e-12)


@given(counts)
def test_a_panel_is_taken_from_both_sides(counts):
    plain = nominal_alpha(np.concatenate([counts, counts[:, MIRROR]]))
    assert panel_alpha(counts).alpha == (None if plain is None else pytest.approx(plain, abs=1e-12))


@given(counts, st.data())
def test_which_answer_is_lo_makes_no_difference(counts, data):
    turned = np.array(data.draw(st.lists(st.booleans(), min_size=len(counts), max_size=len(counts))))
    mirrored = np.where(turned[:, None], counts[:, MIRROR], counts)
    one, other = panel_alpha(counts), panel_alpha(mirrored)
    assert (one.battles, one.votes, one.state) == (other.battles, other.votes, other.state)
    assert one.alpha == (None if other.alpha is None else pytest.approx(other.alpha, abs=1e-12))


@given(counts)
def test_the_interval_holds_the_estimate(counts):
    found = panel_alpha(counts)
    if found.alpha is not None:
        low, high = found.ci95
        assert -1 <= low <= found.alpha <= high <= 1


def test_the_interval_covers():
    """400 panels of ten battles, by two or three people who often agree. 95% should, .91 is within chance of that."""
    rng = np.random.default_rng(5)

    def panel(battles):
        verdict = rng.integers(0, 2, battles)
        chances = np.full((battles, 4), 0.1)
        chances[np.arange(battles), verdict] = 0.7
        votes = rng.integers(2, 4, battles)
        return np.array([rng.multinomial(n, p) for n, p in zip(votes, chances, strict=True)])

    truth = panel_alpha(panel(40_000)).alpha
    covered = 0
    for _ in range(400):
        low, high = panel_alpha(panel(10)).ci95
        covered += low <= truth <= high
    assert covered / 400 >= 0.91


def test_without_shared_battles_it_says_why():
    found = panel_alpha([[1, 0, 0, 0], [0, 0, 1, 0]])
    assert (found.state, found.battles, found.alpha) == ("unknown", 0, None)
    assert found.why == "no two reviewers have judged the same battle yet"


def test_without_any_variation_it_says_why():
    found = panel_alpha([[0, 0, 2, 0], [0, 0, 3, 0]])
    assert (found.battles, found.votes, found.alpha) == (2, 5, None)
    assert "chance cannot be estimated" in found.why


def test_a_panel_that_always_prefers_the_same_contender_agrees():
    assert nominal_alpha([[2, 0, 0, 0]] * 50) is None
    found = panel_alpha([[2, 0, 0, 0]] * 50)
    assert (found.alpha, found.state, found.agree) == (1.0, "good", 1.0)
    assert found.chance == pytest.approx(0.5, abs=0.01)


def test_few_battles_are_not_enough_and_many_tell():
    alike, apart = [2, 0, 0, 0], [1, 1, 0, 0]
    assert panel_alpha([alike, alike, apart]).state == "unknown"
    assert panel_alpha([alike] * 60 + [apart] * 20).state == "good"
    assert panel_alpha([alike] * 100 + [apart] * 100).state == "bad"


# one reviewer against the others


def test_a_coin_among_people_who_agree_is_found_out():
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 600)
    battles = [[(1, said), (2, said), (3, said), (9, rng.integers(0, 2))] for said in truth]
    found = agreements([shared_battles(*flat(battles))])
    assert {reviewer: finding.state for reviewer, finding in found.items()} == {
        1: "good",
        2: "good",
        3: "good",
        9: "bad",
    }
    assert found[9].share == pytest.approx(0.5, abs=0.1)
    assert found[9].chance == pytest.approx(0.5, abs=0.01)


def close_contest(battles, coin=False):
    """Verdicts that hang on the battle a little; reviewer 9 may throw a coin instead."""
    rng = np.random.default_rng(11)
    chances = rng.choice([0.3, 0.7], battles)
    return [[(who, int(rng.random() < (0.5 if coin and who == 9 else p))) for who in (1, 2, 3, 9)] for p in chances]


def test_where_contenders_are_close_nobody_is_blamed_for_little_agreement():
    shared = shared_battles(*flat(close_contest(3000)))
    assert shared.panel.state == "bad"
    assert {finding.state for finding in agreements([shared]).values()} == {"good"}


def test_a_coin_is_found_out_also_where_contenders_are_close():
    found = agreements([shared_battles(*flat(close_contest(3000, coin=True)))])
    assert {reviewer: finding.state for reviewer, finding in found.items()} == {
        1: "good",
        2: "good",
        3: "good",
        9: "bad",
    }
    assert found[9].others > found[1].others


def test_others_are_compared_where_two_of_them_met():
    battles = [[(1, LO), (2, LO)], [(2, LO), (3, LO)], [(2, HI), (3, TIE)]]
    found = agreements([shared_battles(*flat(battles))])
    assert (found[1].n, found[1].others) == (1, 0.5)
    assert found[2].others is None


def test_a_share_is_of_the_others_on_the_battles_they_shared():
    battles = [[(1, LO), (2, LO), (3, HI)], [(1, TIE), (2, TIE)], [(1, BOTH_BAD)]]
    found = agreements([shared_battles(*flat(battles))])
    assert (found[1].n, found[1].share) == (2, pytest.approx(0.75))
    assert (found[3].n, found[3].share) == (1, 0.0)
    # Of their two verdicts one was decisive; of the others' one and one: ½·½·1 + ½·½ of agreement by luck.
    assert found[1].chance == pytest.approx(0.5 * 0.5 * 0.5 + 0.5 * 0.5)


def test_whose_votes_do_not_count_is_compared_and_compares_nobody():
    unit, reviewer, outcome, _ = flat([[(1, LO), (2, LO), (9, HI)]] * 4)
    shared = shared_battles(unit, reviewer, outcome, reviewer != 9)
    found = agreements([shared])
    assert (found[1].share, found[9].share, found[9].n) == (1.0, 0.0, 4)
    assert (shared.panel.votes, shared.panel.agree) == (8, 1.0)


def test_the_last_of_several_votes_on_one_battle_is_taken():
    shared = shared_battles([7, 7, 7], [1, 2, 1], [LO, HI, HI], [True, True, True])
    assert (shared.panel.votes, shared.panel.agree) == (2, 1.0)


def test_nobody_shared_anything():
    shared = shared_battles([1, 2], [1, 2], [LO, LO], [True, True])
    assert shared.panel.battles == 0
    assert {finding.n for finding in agreements([shared]).values()} == {0}
    assert agreements([]) == {}
    nothing = shared_battles([], [], [], [])
    assert (nothing.panel.battles, agreements([nothing])) == (0, {})


@given(battles, battles)
def test_categories_add_up(one, other):
    """Each reviewer's battles and agreement over two categories are those of both."""
    parts = [shared_battles(*flat(battles)) for battles in (one, other)]
    both = agreements(parts)
    total, agreed = Counter(), Counter()
    for part in parts:
        for reviewer, finding in agreements([part]).items():
            total[reviewer] += finding.n
            agreed[reviewer] += finding.n * (finding.share or 0)
    for reviewer, finding in both.items():
        assert finding.n == total[reviewer]
        if finding.n:
            assert finding.share * finding.n == pytest.approx(agreed[reviewer])
            assert 0 <= finding.ci95[0] <= finding.share <= finding.ci95[1] <= 1
            assert 0 <= finding.chance <= 1


@given(battles, st.randoms(use_true_random=False))
def test_names_and_the_order_of_battles_change_nothing(battles, random):
    shuffled = random.sample(battles, len(battles))
    one, other = shared_battles(*flat(battles)), shared_battles(*flat(shuffled))
    assert one.panel.alpha == (None if other.panel.alpha is None else pytest.approx(other.panel.alpha, abs=1e-12))
    first, second = agreements([one]), agreements([other])
    for reviewer in first:
        for name in FINDING:
            assert getattr(first[reviewer], name) == pytest.approx(getattr(second[reviewer], name), abs=1e-9)


def test_one_reviewer_against_one_other_is_the_alpha_of_both():
    rng = np.random.default_rng(3)
    own = rng.integers(0, 4, 60)
    other = np.where(rng.random(60) < 0.5, own, rng.integers(0, 4, 60))
    both = np.eye(4, dtype=int)[own] + np.eye(4, dtype=int)[other]
    mine, panel = reviewer_alpha(own, np.eye(4, dtype=int)[other]), panel_alpha(both)
    assert mine.alpha == pytest.approx(panel.alpha)
    assert mine.ci95 == pytest.approx(panel.ci95)
    assert (mine.state, mine.battles, mine.votes) == (panel.state, 60, 120)


def test_a_battle_that_many_judged_counts_once():
    once = reviewer_alpha([0, 1, 2], [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]])
    often = reviewer_alpha([0, 1, 2], [[1, 0, 0, 0], [9, 0, 0, 0], [0, 0, 1, 0]])
    assert (often.alpha, often.ci95) == (pytest.approx(once.alpha), pytest.approx(once.ci95))
    assert often.votes == once.votes + 8


@pytest.mark.parametrize(("own", "others", "why"), [([], [], "nobody else"), ([2, 2], [[0, 0, 1, 0]] * 2, "the same")])
def test_without_anything_to_compare_one_reviewer_has_no_alpha(own, others, why):
    found = reviewer_alpha(own, others)
    assert (found.state, found.alpha) == ("unknown", None)
    assert why in found.why
