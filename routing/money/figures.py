"""Money as ranges. Pure. A price that is not known is None and stays None in whatever is made of it; never 0.

The range of a cost per success is that of the success rate (Wilson, 95%): the cost of a request is known, but not how
many requests a success takes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evals.ratings import wilson

__all__ = [
    "HOURS_A_MONTH",
    "BreakEven",
    "Machine",
    "Range",
    "break_even",
    "cost_per_success",
    "difference",
    "machine_cost",
]

HOURS_A_MONTH = 730.0
DAYS_A_MONTH = 30.0


@dataclass(frozen=True)
class Range:
    """US dollars, or a count; `low` and `high` None: how far off it may be is not known."""

    middle: float
    low: float | None = None
    high: float | None = None

    def times(self, factor: float) -> Range:
        """`factor` is at least 0."""
        low, high = (None if one is None else one * factor for one in (self.low, self.high))
        return Range(self.middle * factor, low, high)


def cost_per_success(usd: float | None, success_rate: float | None, n: int) -> Range | None:
    """From a measured cost per success, and the share of successes among `n` answers that it rests on."""
    if usd is None:
        return None
    if not success_rate or n < 1:
        return Range(usd)
    found = wilson(round(success_rate * n), n)
    if found is None or found[0] <= 0:
        return Range(usd)
    request = usd * success_rate
    return Range(usd, request / found[1], request / found[0])


def difference(before: Range | None, after: Range | None) -> Range | None:
    """What `after` saves, below 0 where it costs more; with independent errors at their worst."""
    if before is None or after is None:
        return None
    ends = (before.low, before.high, after.low, after.high)
    if any(end is None for end in ends):
        return Range(before.middle - after.middle)
    low, high, after_low, after_high = (float(end or 0.0) for end in ends)
    return Range(before.middle - after.middle, low - after_high, high - after_low)


@dataclass(frozen=True)
class Machine:
    """An own or rented GPU. `tokens` are those of one request's answer, `success_rate` that of the model on it, on
    `n` answers. `busy` is the share of the time in which requests come."""

    usd_per_hour: float
    tokens_per_second: float
    tokens: float
    success_rate: float
    n: int = 0
    busy: float = 1.0

    @property
    def successes_a_month(self) -> float:
        """The most it can make."""
        seconds = HOURS_A_MONTH * 3600 * self.busy
        return seconds * self.tokens_per_second / self.tokens * self.success_rate

    @property
    def usd_a_month(self) -> float:
        return self.usd_per_hour * HOURS_A_MONTH


def machine_cost(machine: Machine) -> Range:
    """Of one success, while it is as busy as it can be."""
    cost = machine.usd_a_month / machine.successes_a_month
    found = cost_per_success(cost, machine.success_rate, machine.n)
    return found or Range(cost)


@dataclass(frozen=True)
class BreakEven:
    """`volume`: successes a month from which one machine costs less than a hosted price. None where that is more than
    it can make (`machine` then costs more at any volume), or where the hosted price is not known."""

    hosted: Range | None
    machine: Range
    volume: Range | None
    capacity: float

    @property
    def word(self) -> str:
        """Of the whole range: pays, may pay, never, or not known."""
        if self.hosted is None:
            return "not known"
        if self.volume is None:
            return "never"
        if self.volume.high is not None and self.volume.high > self.capacity:
            return "may pay"
        return "pays"


def break_even(machine: Machine, hosted: Range | None) -> BreakEven:
    """The machine's month over the hosted price of a success."""
    own, capacity = machine_cost(machine), machine.successes_a_month
    if hosted is None or hosted.middle <= 0:
        return BreakEven(hosted, own, None, capacity)
    month = machine.usd_a_month
    low, high = (None if not end else _whole(month / end) for end in (hosted.high, hosted.low))
    volume = Range(_whole(month / hosted.middle), low, high)
    if (volume.low if volume.low is not None else volume.middle) > capacity:
        return BreakEven(hosted, own, None, capacity)
    return BreakEven(hosted, own, volume, capacity)


def _whole(successes: float) -> float:
    """The first whole number of successes that is enough; 73.00000001 is 73."""
    return float(math.ceil(round(successes, 6)))


def candidate_cost(candidate: Mapping[str, Any]) -> Range | None:
    """Of a candidate as a table's document has it."""
    return cost_per_success(
        candidate.get("usd_per_success"), candidate.get("success_rate"), int(candidate.get("n") or 0)
    )
