"""The published scale: points as in Elo, 400 to a factor of ten in the odds."""

from __future__ import annotations

import math

__all__ = ["CENTRE", "POINTS", "from_points", "to_points"]

CENTRE = 1000.0
POINTS = 400 / math.log(10)


def to_points(natural: float) -> float:
    """A difference in θ, in points."""
    return natural * POINTS


def from_points(points: float) -> float:
    """A difference in points, in θ."""
    return points / POINTS
