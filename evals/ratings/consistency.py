"""Whether several samples of one task say the same: of each task the chance that two of its samples agree, and the mean
over tasks.

The chance is estimated by the share of a task's pairs of samples that agree, which is unbiased for any number of
samples; counting tasks on which all agree would fall with the samples taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from evals.ratings.paired import mean_of_shares

__all__ = ["Agreeing", "agreeing"]


@dataclass(frozen=True)
class Agreeing:
    """The mean `share` of agreeing pairs over `tasks` with two samples or more, `samples` in all, with its 95% interval
    over such tasks. Without any, the share and the interval are None."""

    tasks: int
    samples: int
    share: float | None = None
    ci95: tuple[float, float] | None = None


def agreeing(classes: Iterable[Sequence[int]]) -> Agreeing:
    """From each task's sizes of classes: how many of its samples said the same. Tasks with fewer than two samples are
    left out."""
    shares, pairs, samples = [], [], 0
    for sizes in classes:
        n = sum(sizes)
        if n < 2:
            continue
        samples += n
        pairs.append(n * (n - 1) // 2)
        shares.append(sum(size * (size - 1) for size in sizes) / (n * (n - 1)))
    found = mean_of_shares(np.array(shares, np.float64), np.array(pairs, np.int64)) if shares else None
    if found is None:
        return Agreeing(0, 0)
    return Agreeing(len(shares), samples, found.value, found.ci95)
