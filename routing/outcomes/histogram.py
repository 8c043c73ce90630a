"""Times counted in buckets whose bounds grow by a constant ratio, so that days can be added up and a percentile of all
of them still be reported. Pure.

Bucket 0 holds up to a millisecond, bucket k those above RATIO^(k−1) up to RATIO^k. A percentile is reported as the
middle of its bucket by ratio, hence within √RATIO − 1 (2.5%) of what sorting all values would give; below a millisecond
it is reported as one.

Masson, C., Rim, J. E. and Lee, H. K. (2019). DDSketch: a fast and fully-mergeable quantile sketch with relative-error
guarantees. PVLDB 12(12), 2195-2205.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

__all__ = ["RATIO", "Histogram", "bucket"]

RATIO = 1.05
_STEP = math.log(RATIO)


def bucket(milliseconds: float) -> int:
    return 0 if milliseconds <= 1 else math.ceil(math.log(milliseconds) / _STEP)


class Histogram:
    """How many values fell into each bucket. Its keys are texts, as JSON has them: days are added up more often than
    anything is asked of them."""

    def __init__(self, stored: Mapping[str, int] | None = None) -> None:
        self._counts = dict(stored or {})

    def add(self, milliseconds: float) -> None:
        key = str(bucket(milliseconds))
        self._counts[key] = self._counts.get(key, 0) + 1

    def merge(self, other: Histogram) -> None:
        counts = self._counts
        for key, n in other._counts.items():
            counts[key] = counts.get(key, 0) + n

    def stored(self) -> dict[str, int]:
        return {key: self._counts[key] for key in sorted(self._counts, key=int)}

    @property
    def n(self) -> int:
        return sum(self._counts.values())

    def percentile(self, share: float) -> float | None:
        """In milliseconds: about the smallest value with at least `share` of all at or below it. None if empty."""
        wanted, seen = math.ceil(share * self.n), 0
        for key in sorted(map(int, self._counts)):
            seen += self._counts[str(key)]
            if seen >= wanted:
                return RATIO ** (key - 0.5) if key else 1.0
        return None
