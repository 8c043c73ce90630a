"""At how many calls at once latencies were measured: they compare like with like, or a page says that they do not.

A provider that answers one call in a second may take three for each of twenty at once. So each call records how many
its worker had under way at its provider. Contenders compare if the medians of that are within a factor of two. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from evals.collection.quantiles import nearest_rank

__all__ = ["FACTOR", "Concurrency", "median_of_counts"]

FACTOR = 2


@dataclass(frozen=True)
class Concurrency:
    """Of contenders that are compared: the lowest and the highest of their medians. None: not recorded of any."""

    low: int | None = None
    high: int | None = None

    @classmethod
    def of(cls, medians: Iterable[int | None]) -> Concurrency:
        known = [one for one in medians if one is not None]
        return cls(min(known), max(known)) if known else cls()

    @property
    def differs(self) -> bool:
        return self.low is not None and self.high is not None and self.high > FACTOR * self.low

    @property
    def words(self) -> str:
        """`4 calls at once`, `4 to 6 calls at once`; empty if it was not recorded."""
        if self.low is None or self.high is None:
            return ""
        if self.low != self.high:
            return f"{self.low} to {self.high} calls at once"
        return "one call at a time" if self.low == 1 else f"{self.low} calls at once"


def median_of_counts(counts: Mapping[int, int]) -> int | None:
    """The median of values that occurred so many times each."""
    ordered = [value for value in sorted(counts) for _ in range(counts[value])]
    return int(nearest_rank(ordered, 0.5)) if ordered else None
