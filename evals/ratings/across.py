"""One figure a contender over several categories: the weighted mean of its ratings, as of independent categories."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evals.ratings.audience import Audience
from evals.ratings.ranks import rank_draws
from evals.ratings.standings import Rating, Standings
from evals.ratings.types import Key

__all__ = ["Across", "MeanRating", "rate_across"]


@dataclass(frozen=True)
class MeanRating:
    """On the published scale; `half` is half of the 95% interval. Rank interval (best, worst) and P(best) among the
    contenders of the same `Across`; None where there is no other one."""

    contender: Key
    rating: float
    half: float
    rank: tuple[int, int] | None
    p_best: float | None


@dataclass(frozen=True)
class Across:
    """`ratings` best first, of the contenders that are rated in every category. `missing` has the others, with the
    places of the categories in which they are not; they get no mean. Retired ones are in neither."""

    ratings: tuple[MeanRating, ...]
    missing: dict[Key, tuple[int, ...]]


def rate_across(categories: Sequence[Standings], weights: Sequence[float], audience: Audience) -> Across:
    """`weights` are above 0, one for each of the categories; only their proportions count. Raises ValueError otherwise.

    A category's ratings are relative to the mean of its own contenders, so that means over different categories would
    compare different things: only contenders of the largest connected group of every category get one. What a
    category's mean adds is then the same for all of them.
    """
    if len(weights) != len(categories) or not all(math.isfinite(weight) and weight > 0 for weight in weights):
        raise ValueError("Give each category a weight above 0.")
    if not categories:
        return Across((), {})
    shares = [weight / math.fsum(weights) for weight in weights]
    rated = [
        {one.contender: one for one in standings.ratings if not one.retired and one.component == 0}
        for standings in categories
    ]
    retired = frozenset[Key]().union(*(standings.retired for standings in categories))
    known = sorted({key for ratings in rated for key in ratings} - retired, key=str)
    missing = {key: tuple(n for n, ratings in enumerate(rated) if key not in ratings) for key in known}
    common = [key for key in known if not missing[key]]
    ranks = _ranks(categories, shares, common, audience)
    means = [
        MeanRating(
            key,
            rating=math.fsum(share * one[key].rating for share, one in zip(shares, rated, strict=True)),
            half=math.hypot(*(share * _half(one[key], audience) for share, one in zip(shares, rated, strict=True))),
            rank=rank,
            p_best=p_best,
        )
        for key, (rank, p_best) in zip(common, ranks, strict=True)
    ]
    means.sort(key=lambda one: (-one.rating, str(one.contender)))
    return Across(tuple(means), {key: places for key, places in missing.items() if places})


def _half(rating: Rating, audience: Audience) -> float:
    low, high = rating.people if audience == "people" else rating.panel
    return (high - low) / 2


def _ranks(
    categories: Sequence[Standings], shares: Sequence[float], common: Sequence[Key], audience: Audience
) -> list[tuple[tuple[int, int] | None, float | None]]:
    """By draws from the means' joint distribution: ratings of one category move together."""
    theta = np.zeros(len(common))
    covariance = np.zeros((len(common), len(common)))
    for standings, share in zip(categories, shares, strict=True):
        at = [standings.place(key) for key in common]
        theta += share * standings.theta[at]
        own = standings.covariance[np.ix_(at, at)]
        tastes = np.diag(standings.tastes[at]) if audience == "people" else 0.0
        covariance += share**2 * (own + tastes)
    named = "|".join(f"{one.digest}:{share!r}" for one, share in zip(categories, shares, strict=True))
    ranks = rank_draws(
        theta,
        covariance,
        components=np.zeros(len(common), np.int64),
        ranked=np.ones(len(common), bool),
        # The same votes and weights always show the same figures.
        seed=hashlib.sha256(named.encode()).hexdigest(),
    )
    return [
        ((int(best), int(worst)), float(p_best)) if best else (None, None)
        for best, worst, p_best in zip(ranks.best, ranks.worst, ranks.p_best, strict=True)
    ]
