"""Where a value lies: linear and logarithmic scales, round ticks, and an axis that fits the contest.

Pure: no Django. Positions are per cents of the drawing's width, so that a drawing needs no script to fit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["Axis", "Interval", "Scale", "Tick", "fit_axis", "log_ticks", "percent", "round_step", "ticks"]

# One contender left off an axis must buy at least this much room: exp(-0.5), two fifths of the span.
OUTLIER_COST = 0.5
# An axis this many middling intervals long still shows them well: then everybody is on it.
ROOMY = 6


@dataclass(frozen=True)
class Scale:
    """Maps `low`…`high` to `start`…`end`, straight or by the logarithm. Values outside land outside."""

    low: float
    high: float
    start: float = 0.0
    end: float = 100.0
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"a scale needs low < high, not {self.low} and {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic scale starts above 0, not at {self.low}")

    def at(self, value: float) -> float:
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high

    def clamp(self, value: float) -> float:
        return min(max(value, self.low), self.high)


@dataclass(frozen=True)
class Tick:
    value: float
    at: float


@dataclass(frozen=True)
class Interval:
    """A point with its 95% interval; `wide` is the interval for people like these reviewers, where known."""

    low: float
    point: float
    high: float
    wide: tuple[float, float] | None = None

    @property
    def span(self) -> tuple[float, float]:
        """The narrow interval and the wide one together."""
        if self.wide is None:
            return self.low, self.high
        return min(self.low, self.wide[0]), max(self.high, self.wide[1])


@dataclass(frozen=True)
class Axis:
    scale: Scale
    ticks: tuple[Tick, ...]


def percent(value: float) -> str:
    """An SVG length: 14.29%."""
    return f"{value:.2f}%"


def round_step(span: float, most: int) -> float:
    """The smallest step of 1, 2, 5 × 10ⁿ that cuts `span` into at most so many pieces."""
    base = 10.0 ** math.floor(math.log10(span / most))
    return next(base * m for m in (1, 2, 5, 10, 20) if span <= base * m * most * (1 + 1e-9))


def ticks(low: float, high: float, most: int = 7) -> tuple[float, ...]:
    """Round values strictly inside `low`…`high`."""
    return _inside(low, high, round_step(high - low, most))


def _inside(low: float, high: float, step: float) -> tuple[float, ...]:
    # From the integer, not by adding up: 0.1 added three times is not 0.3.
    first, last = math.floor(low / step + 1e-9) + 1, math.ceil(high / step - 1e-9) - 1
    return tuple(round(n * step, 12) for n in range(first, last + 1))


def log_ticks(low: float, high: float) -> tuple[float, ...]:
    """1 and 3 of each decade inside `low`…`high`; every second decade's 1 where there would be too many."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = tuple(v for d in decades for v in (10.0**d, 3 * 10.0**d) if low <= v <= high)
    if len(found) <= 7:
        return found
    return tuple(10.0**d for d in decades if low <= 10.0**d <= high)


def fit_axis(intervals: Sequence[Interval], most: int = 7, *, everybody: bool = False) -> Axis:
    """An axis for the contest, not for its stragglers.

    The ends are round, and every interval lies between them, except where the intervals would be squeezed and
    leaving out a few at the edges makes the rest much easier to tell apart: each one left out must shorten the axis
    by two fifths. At most a third are left out. Those get an arrow (see
    `arena.ui.charts.whisker`). `everybody`: nobody is left out.
    """
    if not intervals:
        raise ValueError("an axis needs at least one interval")
    ranked = sorted(intervals, key=lambda i: i.point)
    n = len(ranked)
    low, high = _union(ranked)
    squeezed = high - low > ROOMY * median(interval.high - interval.low for interval in ranked)
    leave = n // 3 if squeezed and not everybody else 0
    cuts = ((a, b) for a in range(leave + 1) for b in range(leave + 1 - a))

    def cost(cut: tuple[int, int]) -> float:
        low, high = _union(ranked[cut[0] : n - cut[1]])
        return math.log(max(high - low, 1e-9)) + OUTLIER_COST * sum(cut)

    below, above = min(cuts, key=cost)
    low, high = _union(ranked[below : n - above])
    if high - low < 1e-9:
        low, high = low - 1, high + 1
    step = round_step(high - low, most)
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    scale = Scale(low, high)
    return Axis(scale, tuple(Tick(v, scale.at(v)) for v in _inside(low, high, step)))


def _union(intervals: Sequence[Interval]) -> tuple[float, float]:
    return min(i.span[0] for i in intervals), max(i.span[1] for i in intervals)
