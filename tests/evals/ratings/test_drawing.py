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


def drawn_pairs(n, seed, **options):
    """How often each pair came up in n draws."""
    rng = np.random.default_rng(seed)
    drawn = [draw_pair(rng=rng, **options) for _ in range(n)]
    return Counter(frozenset(pair) for pair in drawn if pair is not None)


@given(vote_lists(), st.sets(st.sampled_from(PAIRS)), st.integers(0, 2**32))
def test_only_admissible_pairs_are_drawn(votes, admissible, seed):
    drawn = draw_pair(
        contenders=NAMES,
        standings=compute(Tallies.from_votes(votes)),
        admissible=admissible,
        rng=np.random.default_rng(seed),
    )
    if drawn is None:
        assert not admissible
    else:
        assert drawn in admissible or drawn[::-1] in admissible


def test_without_standings_every_pair_comes_up():
    seen = drawn_pairs(4000, 2, contenders=NAMES, standings=None, admissible=None)
    assert len(seen) == len(PAIRS)
    assert min(seen.values()) > 0.8 * 4000 / len(PAIRS)


def test_half_the_draws_are_the_two_best_and_the_rest_anybody(standings):
    names = NAMES[:4]
    seen = drawn_pairs(6000, 3, contenders=names, standings=standings, admissible=None)
    assert seen[frozenset(["morrow", "onyx"])] / 6000 == pytest.approx(1 / 2 + 1 / 12, abs=0.03)
    assert seen[frozenset(["atlas", "kestrel"])] / 6000 == pytest.approx(1 / 12, abs=0.02)


def test_a_newcomer_is_tried_against_the_best(standings):
    seen = drawn_pairs(4000, 4, contenders=NAMES, standings=standings, admissible=None)
    newcomer = {pair: n for pair, n in seen.items() if "smol" in pair}
    assert newcomer[frozenset(["smol", "morrow"])] + newcomer[frozenset(["smol", "onyx"])] > 0.6 * sum(
        newcomer.values()
    )


def test_the_champion_gets_the_best_partner_that_may_be_shown(standings):
    admissible = [("morrow", "atlas"), ("onyx", "kestrel"), ("kestrel", "atlas")]
    seen = drawn_pairs(3000, 5, contenders=NAMES[:4], standings=standings, admissible=admissible)
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
