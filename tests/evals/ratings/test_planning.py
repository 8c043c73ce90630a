"""Planning votes: the range holds as often as it says, against simulated voters whose truth is known."""

import math
import random

import pytest

from evals.ratings.planning import MOST_VOTES, SHARE, Plan, State, Workload, plan_days, plan_votes
from evals.ratings.scale import from_points
from evals.ratings.sequence import boundary


def estimate(wins: int, losses: int) -> tuple[float, float]:
    """The log odds of two contenders and their standard error, as a fit of the two alone with a weak prior has them."""
    a, b = wins + 0.5, losses + 0.5
    return math.log(a / b), math.sqrt(1 / a + 1 / b)


def decided(wins: int, losses: int) -> bool:
    lead, se = estimate(wins, losses)
    return abs(lead) > boundary(se, rivals=1) * se


def voted(chance: float, random_of: random.Random, wins: int, losses: int, most: int = 20_000) -> int:
    """Further votes until the gate's own bound decides; looked at after every vote, later at every fiftieth part."""
    more = 0
    while more < most:
        cast = max(1, more // 50)
        won = sum(random_of.random() < chance for _ in range(cast))
        wins, losses, more = wins + won, losses + cast - won, more + cast
        if decided(wins, losses):
            break
    return more


def test_the_range_covers_the_votes_that_simulated_voters_need():
    """Truths are drawn as widely as contenders differ (a standard deviation of 100 points): 40 votes are cast, a range
    is planned, and the voters go on. 8 of 10 should end inside it."""
    random_of, inside, planned = random.Random(7), 0, 0
    while planned < 50:
        chance = 1 / (1 + math.exp(-random_of.gauss(0, from_points(100.0))))
        wins = sum(random_of.random() < chance for _ in range(40))
        if decided(wins, 40 - wins):
            continue
        lead, se = estimate(wins, 40 - wins)
        plan = plan_votes(State(votes=40, lead=lead, se=se), futures=100, seed=planned)
        needed = voted(chance, random_of, wins, 40 - wins)
        assert plan.low is not None
        inside += plan.low <= needed <= (math.inf if plan.high is None else plan.high)
        planned += 1
    assert SHARE - 0.12 <= inside / planned <= 1


def test_a_range_is_ordered_the_same_each_time_and_shorter_for_a_clearer_lead():
    near, far = (plan_votes(State(votes=100, lead=lead, se=0.3)) for lead in (0.1, 0.6))
    assert near == plan_votes(State(votes=100, lead=0.1, se=0.3))
    assert far.low <= far.middle <= far.high
    assert far.middle < near.middle
    mirrored = plan_votes(State(votes=100, lead=-0.6, se=0.3))
    assert mirrored.middle == pytest.approx(far.middle, rel=0.3)


def test_what_is_decided_asks_for_no_votes_and_what_the_gate_asks_in_any_case_is_asked():
    assert plan_votes(State(votes=400, lead=2.0, se=0.1)) == Plan(0, 0, 0, 1.0, now=True)
    waiting = plan_votes(State(votes=10, lead=2.0, se=0.1, least=30))
    assert waiting.low >= 20
    tastes = plan_votes(State(votes=400, lead=0.0, se=0.5, b=0.24))
    assert tastes.decided < 0.5
    assert tastes.high is None
    fresh = plan_votes(State(votes=0, rivals=4))
    assert 50 < fresh.middle < MOST_VOTES
    with pytest.raises(ValueError, match="standard error"):
        plan_votes(State(votes=3))


def test_days_are_votes_over_what_people_cast_a_day():
    work = Workload(people=5, minutes=20, seconds=30, comparing=0.5)
    assert work.votes_a_day == 100
    assert plan_days(Plan(100, 300, None, 0.8), work) == (1, 3, None)
    with pytest.raises(ValueError, match="nobody votes"):
        plan_days(Plan(1, 2, 3, 1.0), Workload(people=0, minutes=20, seconds=30))
