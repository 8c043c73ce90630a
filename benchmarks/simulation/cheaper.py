"""When is a cheaper contender let through as not worse? The non-inferiority bound, looked at for ever."""

from __future__ import annotations

import numpy as np

from benchmarks.simulation.batch import half_width
from benchmarks.simulation.gates import MIN_VOTES
from benchmarks.simulation.play import looks, standings_of
from benchmarks.simulation.world import World
from evals.ratings import from_points, non_inferiority

__all__ = ["votes_until_not_worse"]


def votes_until_not_worse(
    world: World, *, points: float, tried: int, size: int, votes: int, every: int, seed: int, people: bool = False
) -> np.ndarray:
    """(size,) votes until contender 0 is surely within `points` of everybody, infinite where it never was."""
    found = np.full(size, np.inf)
    margin = from_points(points)
    stream = looks(world, size, np.random.default_rng(seed), votes=votes, every=every, at=lambda n: n >= MIN_VOTES)
    for look in stream:
        V = look.batch.covariance
        variance = V[:, 1:, :][:, np.arange(world.contenders - 1), np.arange(1, world.contenders)]
        variance = variance + V[:, :1, 0] - 2 * V[:, 1:, 0]
        behind = look.batch.theta[:, 1:] - look.batch.theta[:, :1] + half_width(variance, tried)
        for replicate in np.flatnonzero(np.isinf(found) & (behind.max(1) < 1.02 * margin)).tolist():
            standings = standings_of(look, replicate, people=people)
            if non_inferiority(standings, 0, margin=margin, tried=tried).passed:
                found[replicate] = look.votes
        if np.isfinite(found).all():
            break
    return found
