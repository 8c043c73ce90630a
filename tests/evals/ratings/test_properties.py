"""What must hold of the ratings whatever the votes: whole results, as they are stored and shown."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evals.ratings import Params, Tallies, components_of, compute, replay
from tests.evals.ratings.same import POINTS, assert_same, close, close_points
from tests.evals.ratings.votes import NAMES, mirrored, vote_lists

# Each example is several whole results; both engines' sessions and every run draw others.
quick = settings(max_examples=30)

TURNED = {"lo": "hi", "hi": "lo"}
PEOPLE = Params(speaks_for="people")
# Two groups of equal size, and ratings that only the last digits tell apart.
GROUPS = [
    *[("ana", "t1", "atlas", "kestrel", "lo")] * 2,
    ("ana", "t1", "atlas", "kestrel", "both_bad"),
    ("ana", "t1", "morrow", "onyx", "lo"),
    ("ana", "t1", "onyx", "morrow", "hi"),
]


def standings_of(votes, params=PEOPLE, **options):
    elo = replay((v[2], v[3], v[4]) for v in votes)
    return compute(Tallies.from_votes(votes), params, elo, **options)


def pairs_of(standings):
    return list(combinations(standings.contenders, 2))


@quick
@given(vote_lists(), st.randoms(use_true_random=False))
def test_the_order_of_votes_changes_nothing_but_elo(votes, random):
    """To the bit: a fit never sees the votes, only their counts in one canonical order."""
    shuffled = list(votes)
    random.shuffle(shuffled)
    elo = standings_of(votes).elo
    assert compute(Tallies.from_votes(shuffled), PEOPLE, elo).to_json() == standings_of(votes).to_json()


@quick
@given(vote_lists())
def test_telling_a_vote_from_the_other_side_changes_nothing(votes):
    told, turned = standings_of(votes), standings_of(mirrored(votes))
    assert_same(turned, told)


@quick
@given(vote_lists())
def test_turning_every_verdict_round_mirrors_the_ratings(votes):
    """Everything but the ranks, whose draws are seeded by other counts."""
    before = standings_of(votes)
    after = standings_of([(*vote[:4], TURNED.get(vote[4], vote[4])) for vote in votes])
    assert after.theta == close(-before.theta)
    for name in ("covariance", "ln_ties", "df", "task_factor"):
        assert getattr(after, name) == close(getattr(before, name))
    for key in before.contenders:
        ours, theirs = after.rating(key), before.rating(key)
        assert ours.rating == close_points(2000 - theirs.rating)
        for name in ("panel", "people"):
            low, high = getattr(theirs, name)
            assert getattr(ours, name) == close_points((2000 - high, 2000 - low))
        assert (ours.wins, ours.losses, ours.ties) == (theirs.losses, theirs.wins, theirs.ties)
        assert (ours.both_bad, ours.both_bad_ci95) == (theirs.both_bad, theirs.both_bad_ci95)


@quick
@given(vote_lists(), st.permutations(NAMES))
def test_other_names_of_the_contenders_permute_the_ratings(votes, names):
    renamed = dict(zip(NAMES, names, strict=True))
    before = standings_of(votes)
    after = standings_of([(r, t, renamed[lo], renamed[hi], outcome) for r, t, lo, hi, outcome in votes])
    for a, b in pairs_of(before):
        ours, theirs = after.lead(renamed[a], renamed[b]), before.lead(a, b)
        for name in ("lead", "se_panel", "se_people", "b", "df", "q", "weakest"):
            assert getattr(ours, name) == close(getattr(theirs, name))
        assert (ours.record, ours.connected, ours.rivals) == (theirs.record, theirs.connected, theirs.rivals)
    assert {name: after.elo[renamed[name]] for name in before.elo} == close(dict(before.elo))
    # Of groups equal in everything, the one whose names come first is the main one, and has the scale's centre.
    if before.connected:
        for key in before.contenders:
            ours, theirs = after.rating(renamed[key]), before.rating(key)
            for name in POINTS:
                assert getattr(ours, name) == close_points(getattr(theirs, name))
            assert (ours.both_bad_rate, ours.both_bad_ci95) == (theirs.both_bad_rate, theirs.both_bad_ci95)


@quick
@given(vote_lists(), st.permutations(["ana", "ben", "cem"]), st.permutations(["t1", "t2", "t3", "t4"]))
def test_who_the_reviewers_are_and_what_the_tasks_are_called_changes_nothing(votes, people, tasks):
    person = dict(zip(["ana", "ben", "cem"], people, strict=True))
    task = dict(zip(["t1", "t2", "t3", "t4"], tasks, strict=True))
    before = standings_of(votes)
    after = standings_of([(person[r], task[t], *rest) for r, t, *rest in votes])
    # Among people with equally many votes, whose turn it is to be left out first goes by their names.
    order = [after.left_out.index(person[key]) for key in before.left_out]
    renamed = [person[key] for key in before.left_out]
    assert [after.left_out[place] for place in order] == renamed
    assert after.without[order] == close(before.without)
    vars(after).update(left_out=before.left_out, without=before.without)
    assert_same(after, before)


@quick
@given(vote_lists())
def test_a_further_win_never_lowers_the_winner_against_the_loser(votes):
    before = [*votes, ("ana", "t1", "atlas", "kestrel", "tie")]
    after = [*before, ("ana", "t1", "atlas", "kestrel", "lo")]
    assert standings_of(after).lead("atlas", "kestrel").lead >= standings_of(before).lead("atlas", "kestrel").lead


@quick
@given(vote_lists(), vote_lists(min_size=0, max_size=5))
def test_a_both_bad_vote_changes_the_both_bad_rate_and_no_rating(votes, others):
    known = {key for vote in votes for key in vote[2:4]}
    bad = [(*vote[:4], "both_bad") for vote in others if {*vote[2:4]} <= known]
    before, after = standings_of(votes), standings_of([*votes, *bad])
    for name in ("theta", "covariance", "without"):
        assert (getattr(after, name) == getattr(before, name)).all()
    assert after.elo == before.elo
    for key in before.contenders:
        ours, theirs = after.rating(key), before.rating(key)
        for name in (*POINTS, "wins", "losses", "ties"):
            assert getattr(ours, name) == getattr(theirs, name)
        assert ours.both_bad == theirs.both_bad + sum(key in vote[2:4] for vote in bad)
        assert ours.both_bad_rate == ours.both_bad / (ours.wins + ours.losses + ours.ties + ours.both_bad)
        assert ours.both_bad_rate >= theirs.both_bad_rate


@quick
@given(vote_lists())
def test_a_contender_who_is_only_ever_both_bad_moves_nobody(votes):
    voted = [vote for vote in votes if vote[4] != "both_bad"] or [("ana", "t1", "atlas", "kestrel", "lo")]
    before = standings_of(voted)
    after = standings_of([*voted, ("ana", "t1", "stranger", voted[0][2], "both_bad")])
    for key in before.contenders:
        ours, theirs = after.rating(key), before.rating(key)
        for name in POINTS:
            assert getattr(ours, name) == close_points(getattr(theirs, name))
    for a, b in pairs_of(before):
        assert after.lead(a, b).lead == close(before.lead(a, b).lead)
        assert after.lead(a, b).q == close(before.lead(a, b).q)


@quick
@given(vote_lists())
def test_components_are_what_wins_and_ties_connect(votes):
    standings = standings_of(votes)
    group = {key: {key} for key in standings.contenders}
    for _, _, lo, hi, outcome in votes:
        if outcome != "both_bad":
            joined = group[lo] | group[hi]
            group |= dict.fromkeys(joined, joined)
    for a, b in pairs_of(standings):
        assert standings.lead(a, b).connected == (group[a] is group[b])
    assert sorted(map(sorted, standings.groups)) == sorted(
        sorted(one) for one in {id(g): g for g in group.values()}.values()
    )
    assert all(len(larger) >= len(smaller) for larger, smaller in pairwise(standings.groups))
    assert standings.connected == (len(standings.groups) == 1)


@quick
@given(vote_lists(), st.permutations(NAMES))
def test_components_are_permuted_by_other_names(votes, names):
    tallies = Tallies.from_votes(votes)
    table = tallies.wins + tallies.wins.T + tallies.ties
    order = np.argsort([names.index(key) for key in tallies.contenders])
    before, after = components_of(table)[order], components_of(table[np.ix_(order, order)])
    together = before[:, None] == before[None, :]
    assert (together == (after[:, None] == after[None, :])).all()


@example(GROUPS)
@quick
@given(vote_lists())
def test_the_same_votes_give_the_same_result_warm_or_cold(votes):
    warm = None
    for count in {1, len(votes) // 2, len(votes) - 1, len(votes)} - {0}:
        warm = standings_of(votes[:count], warm=warm)
    warm = standings_of(votes, warm=warm)
    assert_same(warm, standings_of(votes))


@example(GROUPS)
@quick
@given(vote_lists())
def test_a_long_chain_of_warm_starts_drifts_nowhere(votes):
    warm = None
    for count in range(1, len(votes) + 1):
        warm = standings_of(votes[:count], warm=warm)
    assert_same(warm, standings_of(votes))


# Only ties: nothing but rounding varies, and it must not be taken for what tasks have in common.
@example(
    [("ana", "t1", "atlas", "kestrel", "tie")] * 2 + [("ana", "t2", "atlas", "kestrel", "tie")],
    [("ana", "t1", "atlas", "kestrel", "lo")],
)
@quick
@given(vote_lists(), vote_lists())
def test_a_start_from_other_votes_changes_nothing(votes, others):
    """After an exclusion, say, most of what the last result rests on may be gone."""
    assert_same(standings_of(votes, warm=standings_of(others)), standings_of(votes))


def test_what_is_the_same_is_told_from_what_is_not():
    votes = [("ana", "t1", "atlas", "kestrel", "lo"), ("ben", "t1", "atlas", "kestrel", "tie")]
    before = standings_of(votes)
    for other in (votes[:1], [*votes, votes[0]], [("cem", *votes[0][1:]), votes[1]]):
        with pytest.raises(AssertionError):
            assert_same(standings_of(other), before)
