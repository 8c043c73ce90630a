"""Medians and 95th percentiles of measurements. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Quantiles", "nearest_rank"]


@dataclass(frozen=True)
class Quantiles:
    """In milliseconds, of `n` measurements; None without any."""

    p50: float | None
    p95: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Quantiles:
        ordered = sorted(values)
        return (
            cls(nearest_rank(ordered, 0.5), nearest_rank(ordered, 0.95), len(ordered))
            if ordered
            else cls(None, None, 0)
        )


def nearest_rank(ordered: Sequence[float], share: float) -> float:
    """The smallest of the sorted values with at least `share` of them at or below it."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
