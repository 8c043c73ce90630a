"""Shares of observations that come in clusters, such as several samples of each task."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from evals.ratings.ranks import wilson

__all__ = ["ClusteredShare", "clustered_share"]


@dataclass(frozen=True)
class ClusteredShare:
    """`rate` of `n` observations, and its 95% interval; None without any. `n_effective`: how many independent ones they
    are worth."""

    rate: float | None = None
    ci95: tuple[float, float] | None = None
    n: int = 0
    n_effective: float = 0.0


def clustered_share(clusters: Iterable[tuple[int, int]], level: float = 0.95) -> ClusteredShare:
    """The share over all clusters, each given as (hits, observations); empty ones say nothing.

    Observations of one cluster are alike, so n of them are worth fewer: n divided by the design effect, the variance of
    the share between clusters (of a ratio, linearised) over that of n independent draws (Kish 1965, Survey Sampling,
    ch. 5). Wilson's interval is then taken of the effective number. It lies between the number of clusters and n; where
    the share is 0 or 1, the variance says nothing, and the number of clusters it is. With one observation a cluster
    this is Wilson's interval as ever.
    """
    given = [(hits, n) for hits, n in clusters if n]
    if not given:
        return ClusteredShare()
    hits, sizes = np.array(given, dtype=float).T
    n, k = float(sizes.sum()), len(given)
    rate = float(hits.sum()) / n
    effective = float(k)
    if 0 < rate < 1 and 1 < k < n:
        variance = k / (k - 1) * float(((hits - rate * sizes) ** 2).sum()) / n**2
        effective = n if variance == 0 else min(max(rate * (1 - rate) / variance, float(k)), n)
    return ClusteredShare(rate, wilson(rate * effective, effective, level), int(n), effective)
