"""Tallies move with every vote, and are written anew from them."""

import random
from collections import Counter

import pytest

from evals.models import ReviewerTally, TaskTally
from evals.voting import tallies
from evals.voting.drawing import draw
from evals.voting.tallies import TallyDriftError, VoteFacts
from tests.evals.voting.conftest import cast

pytestmark = pytest.mark.on_both(because="tallies are moved and recounted in SQL")

COUNTS = ("lo_wins", "hi_wins", "ties", "both_bad")


def stored(category):
    """Every row of both tables, without its id."""
    by_reviewer = ReviewerTally.objects.filter(category=category)
    by_task = TaskTally.objects.filter(category=category)
    return (
        set(by_reviewer.values_list("reviewer", "lo", "hi", "left", *COUNTS)),
        set(by_task.values_list("task", "lo", "hi", *COUNTS)),
    )


def assert_equal_to_a_rebuild(category):
    before = stored(category)
    tallies.rebuild(category)
    assert stored(category) == before
    for rows in before:
        assert all(any(row[-4:]) for row in rows)


def facts(world, reviewer, lo=0, hi=1, left="lo", outcome="lo", task=0):
    return VoteFacts(reviewer.pk, world.tasks[task].pk, world.contenders[lo].pk, world.contenders[hi].pk, left, outcome)


def test_a_vote_the_other_way_round_is_counted_as_the_same(world, reviewer):
    one = facts(world, reviewer, 0, 1, left="lo", outcome="lo")
    mirrored = facts(world, reviewer, 1, 0, left="hi", outcome="hi")
    tallies.move(category=world.category, added=[one, mirrored])
    (row,) = ReviewerTally.objects.all()
    assert (row.lo, row.hi, row.left) == (world.contenders[0], world.contenders[1], "lo")
    assert (row.lo_wins, row.hi_wins) == (2, 0)
    assert TaskTally.objects.get().lo_wins == 2


def test_ties_and_unknown_sides_have_no_direction(world, reviewer):
    votes = [
        facts(world, reviewer, *pair, left="unknown", outcome=o)
        for pair in ((0, 1), (1, 0))
        for o in ("tie", "both_bad")
    ]
    tallies.move(category=world.category, added=votes)
    (row,) = ReviewerTally.objects.all()
    assert (row.left, row.ties, row.both_bad, row.lo_wins, row.hi_wins) == ("unknown", 2, 2, 0, 0)


def test_a_row_that_counts_nothing_any_more_is_gone(world, reviewer):
    tallies.move(category=world.category, added={facts(world, reviewer): 3})
    tallies.move(category=world.category, removed={facts(world, reviewer): 3})
    assert stored(world.category) == (set(), set())


def test_removing_what_was_never_counted_is_an_error_and_changes_nothing(world, reviewer):
    tallies.move(category=world.category, added=[facts(world, reviewer)])
    before = stored(world.category)
    with pytest.raises(TallyDriftError, match="rank --category code --rebuild"):
        tallies.move(
            category=world.category, removed=[facts(world, reviewer, outcome="hi")], added=[facts(world, reviewer)]
        )
    assert stored(world.category) == before


def test_a_drift_is_healed_by_a_rebuild(world, reviewer):
    cast(ballot=draw(category=world.category, reviewer=reviewer), choice="left", reviewer=reviewer)
    right = stored(world.category)
    ReviewerTally.objects.update(ties=7)
    TaskTally.objects.all().delete()
    tallies.rebuild(world.category)
    assert stored(world.category) == right


def test_thousands_of_votes_move_at_once(world, reviewer):
    chance = random.Random(5)
    votes = [
        facts(
            world,
            reviewer,
            *chance.sample(range(3), 2),
            left=chance.choice(["lo", "hi", "unknown"]),
            outcome=chance.choice(["lo", "hi", "tie", "both_bad"]),
            task=chance.randrange(4),
        )
        for _ in range(5000)
    ]
    tallies.move(category=world.category, added=votes)
    assert sum(sum(row[-4:]) for row in stored(world.category)[0]) == 5000
    tallies.move(category=world.category, removed=Counter(votes[:2000]), added=[])
    tallies.move(category=world.category, removed=votes[2000:])
    assert stored(world.category) == (set(), set())


def test_an_unknown_outcome_is_an_error(world, reviewer):
    with pytest.raises(ValueError, match="draw"):
        tallies.move(category=world.category, added=[facts(world, reviewer, outcome="draw")])
