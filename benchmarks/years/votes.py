"""A year's votes, drawn outcome for outcome from its seed, so that anything can be told the same ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from scipy.optimize import brentq

from benchmarks.simulation.world import TIES, World, all_equal
from evals.ratings import OUTCOMES

__all__ = ["CONTENDERS", "DAYS", "SCENES", "VERDICTS", "Scene", "Vote", "Year", "evening", "noon"]

DAYS = 365
# In the order in which they are made, which is that of their names.
CONTENDERS = ("one", "other")
# As a reviewer says it of what they see.
VERDICTS: tuple[Literal["left", "right", "tie", "both_bad"], ...] = ("left", "right", "tie", "both_bad")
_LEFT, _RIGHT, _TIE, _BOTH_BAD = range(4)
# Of all votes, as in `benchmarks.application`.
BOTH_BAD_SHARE = 0.07
# Standard deviation of what the left side alone is worth to a reviewer: 60 votes to 40 are worth .41.
SIDES = 0.2
_START = datetime(2027, 1, 1, tzinfo=UTC)
# Of tasks there are so many as a week has votes: each week they are answered anew.
_WORLD = World(all_equal(len(CONTENDERS)), reviewers=5, tastes=0.3, tasks=56)


def noon(day: int) -> datetime:
    """When the day's votes are cast."""
    return _START + timedelta(days=day, hours=12)


def evening(day: int) -> datetime:
    """When the day's one look is taken."""
    return _START + timedelta(days=day, hours=18)


@dataclass(frozen=True)
class Scene:
    """Two contenders, equal in the mean of those that `speaks_for` names: of `people`, whose tastes the reviewers' are
    drawn from, or of these reviewers as they vote (`panel`), whose tastes are then moved until neither contender is
    ahead in all their votes."""

    speaks_for: Literal["panel", "people"] = "panel"
    votes_a_day: float = 8
    world: World = _WORLD


# By what is told of them. Real years are of the first, where others have no switch to show.
SCENES = {
    "8 votes a day, five of uneven diligence and taste": Scene(),
    "40 votes a day, the same": Scene(votes_a_day=40),
    "8 votes a day, five alike": Scene(world=replace(_WORLD, tastes=0.0, diligence=(1.0,) * _WORLD.reviewers)),
    "8 votes a day, for people like the uneven five": Scene("people"),
}


class Vote(NamedTuple):
    """`n` counts from 0 in the year; `left` is the place in CONTENDERS of whose answer was shown there."""

    n: int
    reviewer: int
    task: int
    left: int
    decision: int

    @property
    def outcome(self) -> int:
        """The place in OUTCOMES; `lo` is the contender that was made first."""
        return self.decision if self.decision in (_TIE, _BOTH_BAD) else int(self.left != self.decision)


assert ("lo", "hi", *VERDICTS[_TIE:]) == OUTCOMES


@dataclass(frozen=True)
class Year:
    """`days` shortens it: the votes of those days stay what they are."""

    seed: int
    scene: Scene = Scene()
    days: int = DAYS

    @cached_property
    def leads(self) -> np.ndarray:
        """(R,) what the first contender is worth to each reviewer more than the other, in natural units."""
        return self._people[0]

    @cached_property
    def sides(self) -> np.ndarray:
        """(R,) what the left side is worth to each."""
        return self._people[1]

    @cached_property
    def _people(self) -> tuple[np.ndarray, np.ndarray]:
        world, rng = self.scene.world, self._rng(0)
        tastes = rng.normal(0, world.tastes, (world.reviewers, len(CONTENDERS)))
        leads = tastes[:, 0] - tastes[:, 1]
        sides = rng.normal(0, SIDES, world.reviewers)
        if self.scene.speaks_for == "panel":
            most = float(np.abs(leads).max()) + 1
            leads = leads + brentq(lambda moved: expected_score(leads + moved, sides, world.shares), -most, most)
        return leads, sides

    def by_day(self) -> Iterator[list[Vote]]:
        """Each day's votes, of which there may be none. Reviewers vote in proportion to their diligence, whichever
        answer is shown left."""
        world, rng = self.scene.world, self._rng(1)
        each_day = rng.poisson(self.scene.votes_a_day, DAYS)
        n = int(each_day.sum())
        reviewer = rng.choice(world.reviewers, n, p=world.shares)
        left = rng.integers(len(CONTENDERS), size=n)
        toward = np.where(left == 0, 1, -1) * self.leads[reviewer] + self.sides[reviewer]
        odds = np.exp(toward / 2)
        drawn = rng.random(n) * (odds + 1 / odds + TIES)
        decision = np.select([drawn < odds, drawn < odds + 1 / odds], [_LEFT, _RIGHT], _TIE)
        decision[rng.random(n) < BOTH_BAD_SHARE] = _BOTH_BAD
        columns = zip(reviewer.tolist(), left.tolist(), decision.tolist(), strict=True)
        votes = [Vote(at, who, at % world.tasks, shown, said) for at, (who, shown, said) in enumerate(columns)]
        ends = np.cumsum(each_day).tolist()
        for first, last in zip([0, *ends], ends[: self.days], strict=False):
            yield votes[first:last]

    def _rng(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, purpose))


def expected_score(leads: np.ndarray, sides: np.ndarray, shares: np.ndarray) -> float:
    """By how much more the first contender wins than loses in the mean of all votes, shown on either side as often."""
    odds = np.exp((leads + np.array([[1], [-1]]) * sides) / 2)
    return float(((odds - 1 / odds) / (odds + 1 / odds + TIES)).mean(0) @ shares)
