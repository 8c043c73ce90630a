from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.ratings import Tallies, compute, draw_pair
from tests.evals.ratings.votes import NAMES, simulate, vote_lists

PAIRS = [(a, b) for k, a in enumerate(NAMES) for b in NAMES[k + 1 :]]


@pytest.fixture(scope="module")
def standings():
    strengths = {"atlas": 0.0, "kestrel": 0.0, "morrow": 2.0, "onyx": 2.0}
    return compute(Tallies.from_votes(simulate(strengths, 800, seed=1)))


@given(vote_lists(), st.sets(st.sampled_from(PAIRS)), st.integers(0, 2**32))
def test_only_admissible_pairs_are_drawn(votes, admissible, seed):
    drawn = draw_pair(
        contenders=NAMES,
        standings=compute(Tallies.from_votes(votes)),
        admissible=admissible,
        rng=np.random.default_rng(seed),
    )
    if not admissible:
        assert drawn is None
    else:
        assert drawn in admissible or drawn[::-1] in admissible


def test_without_standings_every_pair_comes_up():
    rng = np.random.default_rng(2)
    seen = Counter(
        frozenset(draw_pair(contenders=NAMES, standings=None, admissible=None, rng=rng)) for _ in range(4000)
    )
    assert len(seen) == len(PAIRS)
    assert min(seen.values()) > 0.8 * 4000 / len(PAIRS)


def test_half_the_draws_are_the_two_best_and_the_rest_anybody(standings):
    rng = np.random.default_rng(3)
    names = NAMES[:4]
    seen = Counter(
        frozenset(draw_pair(contenders=names, standings=standings, admissible=None, rng=rng)) for _ in range(6000)
    )
    assert seen[frozenset(["morrow", "onyx"])] / 6000 == pytest.approx(1 / 2 + 1 / 12, abs=0.03)
    assert seen[frozenset(["atlas", "kestrel"])] / 6000 == pytest.approx(1 / 12, abs=0.02)


def test_a_newcomer_is_tried_against_the_best(standings):
    rng = np.random.default_rng(4)
    seen = Counter(
        frozenset(draw_pair(contenders=NAMES, standings=standings, admissible=None, rng=rng)) for _ in range(4000)
    )
    newcomer = {pair: n for pair, n in seen.items() if "smol" in pair}
    assert newcomer[frozenset(["smol", "morrow"])] + newcomer[frozenset(["smol", "onyx"])] > 0.6 * sum(
        newcomer.values()
    )


def test_the_champion_gets_the_best_partner_that_may_be_shown(standings):
    rng = np.random.default_rng(5)
    admissible = [("morrow", "atlas"), ("onyx", "kestrel"), ("kestrel", "atlas")]
    seen = Counter(
        frozenset(draw_pair(contenders=NAMES[:4], standings=standings, admissible=admissible, rng=rng))
        for _ in range(3000)
    )
    assert seen[frozenset(["kestrel", "atlas"])] / 3000 == pytest.approx(1 / 6, abs=0.03)


def test_pairs_of_others_are_ignored_and_nothing_to_draw_is_none(standings):
    rng = np.random.default_rng(6)
    assert draw_pair(contenders=["atlas"], standings=standings, admissible=None, rng=rng) is None
    assert draw_pair(contenders=[], standings=standings, admissible=None, rng=rng) is None
    strangers = [("atlas", "gone"), ("atlas", "atlas")]
    assert draw_pair(contenders=NAMES, standings=standings, admissible=strangers, rng=rng) is None


def test_the_same_seed_draws_the_same(standings):
    def pairs():
        rng = np.random.default_rng(7)
        return [draw_pair(contenders=NAMES, standings=standings, admissible=None, rng=rng) for _ in range(20)]

    assert pairs() == pairs()
