import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.ratings import POINTS, Params, Standings, Tallies, compute, replay, wilson
from tests.evals.ratings.votes import simulate, vote_lists


def standings_of(votes, params=None, **options):
    elo = replay((v[2], v[3], v[4]) for v in votes)
    return compute(Tallies.from_votes(votes), params, elo, **options)


@settings(max_examples=30)
@given(vote_lists(), st.sampled_from(["panel", "people"]))
def test_standings_survive_json(votes, speaks_for):
    before = standings_of(votes, Params(speaks_for=speaks_for), retired=["onyx"])
    after = Standings.from_json(json.loads(json.dumps(before.to_json())))
    assert after.to_json() == before.to_json()
    assert after.ratings == before.ratings
    assert after.params == before.params
    for a in before.contenders:
        for b in before.contenders:
            assert after.lead(a, b) == before.lead(a, b)


def test_ids_may_be_keys_as_well_as_slugs():
    before = standings_of([(1, 10, 7, 8, "lo"), (2, 11, 8, 9, "tie")])
    after = Standings.from_json(json.loads(json.dumps(before.to_json())))
    assert after.contenders == (7, 8, 9)
    assert after.elo == before.elo
    assert after.lead(7, 9) == before.lead(7, 9)


@given(vote_lists())
def test_the_scale_is_centred_and_400_points_are_a_factor_of_ten(votes):
    standings = standings_of(votes)
    main = [standings.rating(name).rating for name in standings.groups[0]]
    assert np.mean(main) == pytest.approx(1000)
    a, b = standings.contenders[:2]
    lead = standings.lead(a, b)
    assert lead.points == pytest.approx(standings.rating(a).rating - standings.rating(b).rating, abs=1e-9)
    assert lead.points == pytest.approx(lead.lead * 400 / np.log(10))


@given(vote_lists())
def test_a_lead_is_the_other_way_round_from_the_other_side(votes):
    standings = standings_of(votes)
    a, b = standings.contenders[:2]
    forth, back = standings.lead(a, b), standings.lead(b, a)
    assert forth.lead == pytest.approx(-back.lead)
    assert forth.se == back.se
    assert (forth.record.wins, forth.record.ties) == (back.record.losses, back.record.ties)


@given(vote_lists())
def test_ratings_come_best_first_and_count_every_vote_twice(votes):
    ratings = standings_of(votes).ratings
    assert all(better.rating >= worse.rating - 1e-6 for better, worse in pairwise(ratings))
    assert sum(r.wins + r.losses + r.ties + r.both_bad for r in ratings) == 2 * len(votes)


def test_p_best_sums_to_one_and_the_clear_winner_has_it():
    standings = standings_of(simulate({"a": 0.0, "b": 0.3, "c": 2.5}, 500, seed=1))
    assert sum(r.p_best for r in standings.ratings) == pytest.approx(1)
    assert standings.leader == "c"
    assert standings.rating("c").p_best > 0.99
    assert standings.rating("c").rank == (1, 1)


def test_without_a_path_of_votes_ranks_hold_only_within_a_group():
    votes = simulate({"a": 0.0, "b": 1.0, "c": 0.5}, 200, seed=2)
    votes += [("r0", "t", "x", "y", "lo")] * 5 + [("r0", "t", "lone", "a", "both_bad")]
    standings = standings_of(votes)
    assert not standings.connected
    assert standings.groups == (("a", "b", "c"), ("x", "y"), ("lone",))
    assert standings.rating("x").rank[1] <= 2
    assert (standings.rating("lone").rank, standings.rating("lone").p_best) == (None, None)
    assert standings.rating("lone").both_bad_rate == 1
    assert not standings.lead("a", "x").connected
    assert standings.lead("a", "b").connected


def test_a_stranger_to_all_lends_nobody_its_uncertainty():
    votes = simulate({"a": 0.0, "b": 1.0, "c": 0.5}, 200, seed=2)
    alone, joined = standings_of(votes), standings_of([*votes, ("r0", "t", "lone", "a", "both_bad")])
    for name in ("a", "b", "c"):
        assert joined.rating(name).ci95 == pytest.approx(alone.rating(name).ci95)


def test_the_retired_are_rated_but_not_ranked():
    votes = simulate({"a": 0.0, "b": 1.0, "c": 2.0}, 300, seed=3)
    before, after = standings_of(votes), standings_of(votes, retired=["c", "never-voted-on"])
    assert after.rating("c").rating == before.rating("c").rating
    assert (after.rating("c").retired, after.rating("c").rank, after.rating("c").p_best) == (True, None, None)
    assert after.active == ("b", "a")
    assert after.leader == "b"
    assert after.rating("b").rank == (1, 1)
    assert (before.rivals, after.rivals) == (2, 1)


def test_an_anchor_holds_the_scale():
    votes = simulate({"a": 0.0, "b": 1.0, "c": 2.0}, 300, seed=4)
    free, held = standings_of(votes), standings_of(votes, Params(anchor="a"))
    assert held.rating("a").rating == 1000
    assert held.rating("a").ci95 == pytest.approx((1000, 1000))
    assert held.rating("c").rating - 1000 == pytest.approx(free.lead("c", "a").points)
    assert held.rating("c").ci95[1] - held.rating("c").rating == pytest.approx(
        1.959964 * free.lead("c", "a").se * POINTS, rel=1e-6
    )


def test_both_bad_stays_out_of_the_fit_and_has_its_own_rate():
    votes = simulate({"a": 0.0, "b": 0.5, "c": 1.0}, 300, seed=5)
    worse = [*votes, *[("r0", f"bad{i}", "a", "b", "both_bad") for i in range(60)]]
    before, after = standings_of(votes), standings_of(worse)
    assert after.rating("a").rating == before.rating("a").rating
    a = after.rating("a")
    assert a.both_bad_rate == 60 / (a.wins + a.losses + a.ties + 60)
    low, high = a.both_bad_ci95
    assert low < a.both_bad_rate < high


def test_the_weakest_lead_without_any_one_reviewer_is_named():
    votes = [("fan", f"f{i}", "a", "b", "lo") for i in range(40)]
    votes += [("ana", f"a{i}", "a", "b", "hi" if i % 3 else "lo") for i in range(15)]
    lead = standings_of(votes).lead("a", "b")
    assert lead.lead > 0 > lead.weakest
    assert lead.weakest_without == "fan"
    assert standings_of(votes).leader_without() == {"fan": "b", "ana": "a"}


def test_a_lead_of_somebody_without_votes_says_so():
    standings = standings_of([("r", "t", "a", "b", "lo")])
    with pytest.raises(KeyError, match="'c' has no votes"):
        standings.lead("a", "c")


def test_no_votes_are_empty_standings():
    standings = compute(Tallies.from_votes([]))
    assert (standings.ratings, standings.leader, standings.connected, standings.groups) == ((), None, False, ())
    assert Standings.from_json(json.loads(json.dumps(standings.to_json()))).to_json() == standings.to_json()


def test_parameters_have_a_digest_and_refuse_nonsense():
    assert Params().digest == Params.from_json(Params().to_json()).digest
    assert Params(speaks_for="people").digest != Params().digest
    with pytest.raises(ValueError, match="panel or people"):
        Params(speaks_for="everybody")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("successes", "n", "expected"),
    [
        (0, 10, (0.0, 0.277533)),
        (5, 10, (0.236593, 0.763407)),
        (10, 10, (0.722467, 1.0)),
        (3, 100, (0.010252, 0.084521)),
    ],
)
def test_wilson(successes, n, expected):
    assert wilson(successes, n) == pytest.approx(expected, abs=1e-5)


def test_wilson_of_nothing_is_nothing():
    assert wilson(0, 0) is None
