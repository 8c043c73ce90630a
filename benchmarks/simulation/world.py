"""What is true in a simulated category: strengths, tastes, who votes when, on which tasks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from evals.ratings import from_points

__all__ = ["TIES", "Truth", "World", "all_equal", "best_leads", "tied_at_the_top"]

# ν of the votes: two equal contenders tie in a fifth of them.
TIES = 0.5
# Votes after which half of a drifting taste is forgotten.
DRIFT_HALF_LIFE = 200


@dataclass(frozen=True)
class World:
    """`strengths` (K,) in natural units, `tastes` and `task_tastes` the standard deviation of what a reviewer, or a
    task, adds to each. `reviewers` vote in proportion to 1, 1/2, 1/3, … (or to `diligence`), each for `sitting` votes
    in a row. `joins` says from which vote on a contender is there; others are from the start. `newcomer_share` of
    the pairs are given to whoever was shown least. `drift`: tastes wander, and keep their standard deviation."""

    strengths: tuple[float, ...]
    reviewers: int = 5
    tastes: float = 0.0
    sitting: int = 1
    diligence: tuple[float, ...] | None = None
    tasks: int = 0
    task_tastes: float = 0.0
    drift: bool = False
    joins: dict[int, int] = field(default_factory=dict)
    newcomer_share: float = 0.0
    draw: Literal["arena", "uniform"] = "arena"

    @property
    def contenders(self) -> int:
        return len(self.strengths)

    @property
    def shares(self) -> np.ndarray:
        """(R,) of the votes."""
        weights = np.array(self.diligence or [1 / (r + 1) for r in range(self.reviewers)])
        return weights / weights.sum()


def all_equal(contenders: int) -> tuple[float, ...]:
    return (0.0,) * contenders


def tied_at_the_top(contenders: int) -> tuple[float, ...]:
    """The incumbent (place 0) and one other are best, the rest trail by 50 to 200 points."""
    behind = np.linspace(50, 200, max(contenders - 2, 1))[: contenders - 2]
    return (0.0, 0.0, *(-from_points(points) for points in behind.tolist()))


def best_leads(contenders: int, points: float) -> tuple[float, ...]:
    """The last one leads everybody else, the incumbent included, by `points`."""
    return (*(0.0,) * (contenders - 1), from_points(points))


class Truth:
    """One draw of tastes for each of `size` categories, and the votes that follow from it."""

    def __init__(self, world: World, size: int, rng: np.random.Generator) -> None:
        K, R = world.contenders, world.reviewers
        self.world, self.rng = world, rng
        self.strengths = np.array(world.strengths)
        self.tastes = rng.normal(0, world.tastes, (size, R, K)) if world.tastes else np.zeros((size, R, K))
        self.task_tastes = rng.normal(0, world.task_tastes, (size, max(world.tasks, 1), K))
        self.cumulated = np.cumsum(world.shares)
        self.sitting = np.zeros(size, np.int64)
        self.replicates = np.arange(size)

    def reviewers(self, vote: int) -> np.ndarray:
        """(size,) who casts this vote."""
        if vote % self.world.sitting == 0:
            drawn = self.rng.random(len(self.replicates))
            self.sitting = np.minimum(np.searchsorted(self.cumulated, drawn, side="right"), self.world.reviewers - 1)
        return self.sitting

    def tasks(self, vote: int) -> np.ndarray:
        """(size,) in rotation; a task to each vote where none is used twice."""
        return np.full(len(self.replicates), vote % self.world.tasks if self.world.tasks else vote)

    def leads(self, reviewer: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """(size,) how much more the first is worth to these reviewers now, whatever the task."""
        if self.world.drift:
            self._wander()
        worth = self.strengths + self.tastes[self.replicates, reviewer]
        return worth[self.replicates, first] - worth[self.replicates, second]

    def outcomes(self, leads: np.ndarray, task: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """(size,) places in `evals.ratings.OUTCOMES`, with what this task adds to each."""
        if self.world.tasks:
            here = self.task_tastes[self.replicates, task]
            leads = leads + here[self.replicates, first] - here[self.replicates, second]
        odds = np.exp(leads / 2)
        total = odds + 1 / odds + TIES
        drawn = self.rng.random(len(first))
        return np.where(drawn < odds / total, 0, np.where(drawn < (odds + 1 / odds) / total, 1, 2))

    def _wander(self) -> None:
        keep = 0.5 ** (1 / DRIFT_HALF_LIFE)
        self.tastes *= keep
        self.tastes += self.rng.normal(0, self.world.tastes * np.sqrt(1 - keep**2), self.tastes.shape)
