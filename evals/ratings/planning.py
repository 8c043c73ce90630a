"""How many more votes a decision takes, as a range from simulated futures, and how many days that is.

`votes_to_go` supposes that the lead stays as it is. A lead moves: here it walks as estimates do that gather
information, from today's, towards a true lead that today's evidence leaves open, until the gate's bound leaves the
margin on one side: for the switch, or against it. Pure, and always the same for the same numbers.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from evals.ratings.scale import from_points
from evals.ratings.sequence import ALPHA, boundary

__all__ = ["MOST_VOTES", "SHARE", "Plan", "State", "Workload", "plan_days", "plan_votes"]

# Of the simulated futures, so many end within the range.
SHARE = 0.8
# A future that is not decided by then counts as open.
MOST_VOTES = 100_000
_FUTURES = 400
# Looks stand this far apart: what is decided between two of them counts at the later one.
_GROWTH = 1.12
# Of one vote between two contenders that are nearly level.
_VARIANCE_OF_A_VOTE = 4.0
_SEED = 20_261_201


@dataclass(frozen=True)
class State:
    """Today's evidence on two contenders, in natural units: `lead` ± `se` from `votes` that compare in the category.
    `margin`, `rivals`, `q`, `b` and `alpha` as the gate has them; `least` is the number of votes the gate asks for in
    any case. Without votes, the true lead is supposed to be `supposed` points, either way."""

    votes: int
    lead: float = 0.0
    se: float = 0.0
    margin: float = 0.0
    rivals: int = 1
    q: float = 1.0
    b: float = 0.0
    alpha: float = ALPHA
    least: int = 0
    supposed: float = 100.0


@dataclass(frozen=True)
class Plan:
    """Further votes that compare. `low` and `high` hold the middle 80% of the futures; None: that future is not decided
    within `MOST_VOTES`. `decided`: the share of futures that are. `now`: the bound leaves the margin already."""

    low: int | None
    middle: int | None
    high: int | None
    decided: float
    now: bool = False


@dataclass(frozen=True)
class Workload:
    """`people` vote `minutes` a day, at `seconds` a vote; of the votes, the share `comparing` compares two answers."""

    people: int
    minutes: float
    seconds: float
    comparing: float = 1.0

    @property
    def votes_a_day(self) -> float:
        """That compare."""
        return self.people * self.minutes * 60 / self.seconds * self.comparing


def plan_votes(state: State, *, futures: int = _FUTURES, seed: int = _SEED) -> Plan:
    """Raises ValueError for numbers that are not evidence: negative votes, or votes without a standard error."""
    if state.votes < 0 or (state.votes and not state.se > 0):
        raise ValueError("evidence has votes >= 0, and a standard error above 0 where it has votes")
    if state.votes and abs(state.lead - state.margin) > _half_width(state, state.se) and state.votes >= state.least:
        return Plan(0, 0, 0, 1.0, now=True)
    steps = _steps(state)
    random_of = random.Random(seed)
    ends = sorted(_future(state, steps, random_of) for _ in range(futures))
    decided = sum(end < math.inf for end in ends) / futures

    def at(share: float) -> int | None:
        end = ends[min(futures - 1, int(share * futures))]
        return None if end == math.inf else int(end)

    tail = (1 - SHARE) / 2
    return Plan(at(tail), at(0.5), at(1 - tail), decided)


def plan_days(plan: Plan, work: Workload) -> tuple[float | None, float | None, float | None]:
    """Low, middle and high, in days; None where the plan has none. Raises ValueError if nobody votes."""
    if not work.votes_a_day > 0:
        raise ValueError("nobody votes: people, minutes, seconds and the share that compares are above 0")
    low, middle, high = (None if n is None else n / work.votes_a_day for n in (plan.low, plan.middle, plan.high))
    return low, middle, high


def _half_width(state: State, se: float) -> float:
    return boundary(se, rivals=state.rivals, alpha=state.alpha) * state.q * se


@dataclass(frozen=True)
class _Step:
    more: int
    information: float
    half_width: float
    enough: bool


def _steps(state: State) -> list[_Step]:
    """The looks to come: further votes, the information then, and how near the bound is."""
    steps, more = [], 1.0
    while more <= MOST_VOTES:
        se = _se_after(state, round(more))
        total = state.votes + round(more)
        steps.append(_Step(round(more), 1 / (state.q * se) ** 2, _half_width(state, se), total >= state.least))
        more = max(more + 1, more * _GROWTH)
    return steps


def _se_after(state: State, more: int) -> float:
    """Reviewers' tastes stay as wide as they are: what votes narrow is the rest."""
    if not state.votes:
        return math.sqrt(_VARIANCE_OF_A_VOTE / more)
    narrowed = max(state.se**2 - state.b, 0.0) * state.votes / (state.votes + more)
    return math.sqrt(state.b + narrowed)


def _future(state: State, steps: list[_Step], random_of: random.Random) -> float:
    if state.votes:
        true = random_of.gauss(state.lead, state.q * state.se)
        information = 1 / (state.q * state.se) ** 2
        score = information * state.lead
    else:
        true = from_points(state.supposed) * random_of.choice((-1, 1))
        information = score = 0.0
    for step in steps:
        gained = max(step.information - information, 0.0)
        score += gained * true + math.sqrt(gained) * random_of.gauss(0, 1)
        information += gained
        if step.enough and abs(score / information - state.margin) > step.half_width:
            return float(step.more)
    return math.inf
