"""Sides and speed: what a share says, and when it says nothing yet."""

import pytest

from evals.ratings.health import READING_WPM, gold_accuracy, haste, reading_seconds, side_preference
from evals.ratings.ranks import wilson


def test_no_votes_are_no_evidence():
    assert side_preference(0, 0).state == "unknown"
    assert side_preference(0, 0).share is None
    assert haste([], []).state == "unknown"


@pytest.mark.parametrize(
    ("left", "right", "state"),
    [
        (6, 4, "unknown"),
        (50, 50, "good"),
        (200, 200, "good"),
        (130, 70, "bad"),
        (70, 130, "bad"),
        (10, 0, "bad"),
        (56, 44, "unknown"),
        # Surely not one half, and surely near enough to it.
        (5300, 4700, "good"),
    ],
)
def test_a_side_is_preferred_or_not_or_nobody_knows(left, right, state):
    found = side_preference(left, right)
    assert found.state == state
    assert (found.n, found.share, found.ci95) == (left + right, left / (left + right), wilson(left, left + right))


def test_sides_mirror():
    one, other = side_preference(70, 30), side_preference(30, 70)
    assert one.share == pytest.approx(1 - other.share)
    assert one.ci95 == pytest.approx(tuple(1 - end for end in reversed(other.ci95)))


def test_six_hundred_words_take_a_minute_at_best():
    assert reading_seconds(READING_WPM * 6) == pytest.approx(60)


@pytest.mark.parametrize(
    ("fast", "timed", "state"),
    [(0, 10, "unknown"), (0, 20, "good"), (8, 20, "bad"), (4, 20, "unknown"), (10, 200, "good")],
)
def test_haste_is_a_share_of_votes_too_fast_to_have_read(fast, timed, state):
    seconds = [2.0] * fast + [40.0] * (timed - fast)
    found = haste(seconds, [600] * timed)
    assert (found.state, found.n, found.share) == (state, timed, fast / timed)


def test_where_there_is_nothing_to_read_nobody_is_too_fast():
    assert haste([0.0] * 30, [0] * 30).state == "good"


@pytest.mark.parametrize(
    ("right", "n", "state"),
    [(8, 8, "unknown"), (10, 10, "good"), (0, 3, "bad"), (5, 10, "unknown"), (50, 100, "bad"), (80, 100, "good")],
)
def test_gold_is_judged_as_marked_or_not_or_nobody_knows(right, n, state):
    found = gold_accuracy(right, n)
    assert (found.state, found.n, found.share, found.ci95) == (state, n, right / n, wilson(right, n))


def test_without_gold_nothing_is_claimed():
    assert (gold_accuracy(0, 0).state, gold_accuracy(0, 0).share) == ("unknown", None)
