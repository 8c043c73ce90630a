"""Rank intervals and P(best) from Gaussian draws; rates with Wilson's interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

from evals.ratings.types import Floats, Ints

__all__ = ["Ranks", "rank_draws", "wilson"]


@dataclass(frozen=True, eq=False)
class Ranks:
    """(K,) each: best and worst rank of the interval, and the share of draws won, among those that may be ranked.

    Rank 0 and NaN: not ranked, because retired or never compared with a ranked contender.
    """

    best: Ints
    worst: Ints
    p_best: Floats


def rank_draws(
    theta: Floats,
    covariance: Floats,
    *,
    components: Ints,
    ranked: npt.NDArray[np.bool_],
    seed: str,
    draws: int = 1000,
    level: float = 0.95,
) -> Ranks:
    """Ranks in draws from N(θ, V), counted within each component among the contenders marked in `ranked`.

    `seed` is a hex digest, the tallies' own: the same votes always show the same figures.
    """
    K = len(theta)
    best, worst, p_best = np.zeros(K, np.int64), np.zeros(K, np.int64), np.full(K, np.nan)
    if K:
        rng = np.random.default_rng(int(seed, 16))
        noise = rng.standard_normal((draws, K))
        drawn = theta + noise @ np.linalg.cholesky(covariance).T
        edge = int(draws * (1 - level) / 2)
        for label in range(int(components.max()) + 1):
            members = np.flatnonzero((components == label) & ranked)
            if len(members) < 2:
                continue
            order = np.argsort(-drawn[:, members], axis=1)
            places = np.empty_like(order)
            np.put_along_axis(places, order, np.arange(1, len(members) + 1)[None, :], axis=1)
            p_best[members] = (places == 1).mean(axis=0)
            places = np.partition(places, (edge, draws - 1 - edge), axis=0)
            best[members], worst[members] = places[edge], places[draws - 1 - edge]
    return Ranks(best, worst, p_best)


def wilson(successes: float, n: float, level: float = 0.95) -> tuple[float, float] | None:
    """Interval of a rate; None without observations.

    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. JASA 22, 209-212.
    """
    if not n:
        return None
    z = float(scipy.special.ndtri((1 + level) / 2))
    rate, share = successes / n, z * z / n
    centre = (rate + share / 2) / (1 + share)
    half = z / (1 + share) * float(np.sqrt(rate * (1 - rate) / n + share / (4 * n)))
    return max(0.0, centre - half), min(1.0, centre + half)
