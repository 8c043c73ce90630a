"""From tallies to standings."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt

from evals.ratings.davidson import DavidsonFit, fit_davidson
from evals.ratings.graph import components_of
from evals.ratings.params import Params
from evals.ratings.ranks import Ranks, rank_draws, wilson
from evals.ratings.scale import CENTRE, POINTS
from evals.ratings.standings import Interval, Rating, Standings
from evals.ratings.tallies import Tallies
from evals.ratings.types import Floats, Ints, Key
from evals.ratings.variance import ReviewerVariance, leave_one_out, reviewer_variance, t_quantile, task_factor

__all__ = ["compute"]


def compute(
    tallies: Tallies,
    params: Params | None = None,
    elo: Mapping[Key, float] | None = None,
    *,
    retired: Collection[Key] = (),
    warm: Standings | None = None,
) -> Standings:
    """Ratings, intervals, ranks and everything `Standings.lead` needs.

    Retired contenders stay in the fit (their votes say something about the others) and out of the ranks. `warm` is an
    earlier result of the category: it saves Newton steps and changes nothing else. `elo` comes from `elo.replay`,
    because Elo alone depends on the order of the votes.
    """
    params = params or Params()
    K = len(tallies.contenders)
    fit = fit_davidson(tallies.wins, tallies.ties, params.prior, start=_start(tallies, warm))
    components = components_of(tallies.wins + tallies.wins.T + tallies.ties)
    spread = reviewer_variance(tallies, fit, components, params.prior)
    factor = task_factor(tallies, fit, components)
    covariance = fit.covariance[:K, :K] * factor
    order, without = leave_one_out(tallies, fit, params.prior)
    is_retired = np.array([key in retired for key in tallies.contenders], bool)
    ranks = rank_draws(
        fit.theta,
        covariance + np.diag(spread.tastes) if params.speaks_for == "people" else covariance,
        components=components,
        ranked=~is_retired,
        seed=tallies.digest,
        draws=params.draws,
        level=params.level,
    )
    published = _publish(tallies, params, fit, components, covariance, spread)
    ratings = _ratings(tallies, params, published, components, ranks, is_retired, elo or {})
    return Standings(
        contenders=tallies.contenders,
        ratings=ratings,
        theta=fit.theta,
        ln_ties=fit.ln_ties,
        covariance=covariance,
        components=components,
        pairs=_pairs(tallies),
        left_out=tuple(tallies.by_reviewer.groups[place] for place in order),
        without=without,
        tastes=spread.tastes,
        df=spread.df,
        task_factor=factor,
        votes=tallies.votes,
        fitted_votes=tallies.fitted_votes,
        reviewers=spread.count,
        effective_reviewers=spread.effective,
        tasks=len(tallies.by_task.groups),
        retired=frozenset(key for key in tallies.contenders if key in retired),
        elo=dict(elo or {}),
        params=params,
        digest=tallies.digest,
        converged=fit.converged,
        iterations=fit.iterations,
    )


def _start(tallies: Tallies, warm: Standings | None) -> Floats | None:
    if warm is None:
        return None
    known = dict(zip(warm.contenders, warm.theta.tolist(), strict=True))
    return np.array([*(known.get(key, 0.0) for key in tallies.contenders), warm.ln_ties])


def _publish(
    tallies: Tallies,
    params: Params,
    fit: DavidsonFit,
    components: Ints,
    covariance: Floats,
    spread: ReviewerVariance,
) -> tuple[Floats, Floats, Floats]:
    """(K,) ratings and the half widths for the panel and for people like them, in points.

    The centre is the mean of the main component, or the anchor: the mean over all contenders would give the whole scale
    the uncertainty of contenders that were never compared. For people, each θ has an extra variance of its own, from
    tastes.
    """
    if params.anchor is not None and params.anchor in tallies.contenders:
        weights = np.array([float(key == params.anchor) for key in tallies.contenders])
    else:
        main = components == 0
        weights = main / max(1, main.sum())
    across = covariance @ weights
    base = np.diag(covariance) - 2 * across + weights @ across
    tastes = spread.tastes * (1 - 2 * weights) + float(weights**2 @ spread.tastes)
    ratings = CENTRE + (fit.theta - fit.theta @ weights) * POINTS
    panel = t_quantile(None, params.level) * np.sqrt(np.maximum(base, 0)) * POINTS
    people = t_quantile(spread.df, params.level) * np.sqrt(np.maximum(base + tastes, 0)) * POINTS
    return ratings, panel, people


def _ratings(
    tallies: Tallies,
    params: Params,
    published: tuple[Floats, Floats, Floats],
    components: Ints,
    ranks: Ranks,
    is_retired: npt.NDArray[np.bool_],
    elo: Mapping[Key, float],
) -> tuple[Rating, ...]:
    points, panel, people = published
    wins, losses = tallies.wins.sum(axis=1), tallies.wins.sum(axis=0)
    ties, both_bad = tallies.ties.sum(axis=1), tallies.both_bad.sum(axis=1)
    # Equal ratings are ordered by name, so that the same votes always give the same order; rounded, because a fit from
    # another start differs in its last digits.
    order = np.lexsort((np.arange(len(points)), -np.round(points, 6)))

    def interval(i: int, half: Floats) -> Interval:
        return float(points[i] - half[i]), float(points[i] + half[i])

    rows = []
    for i in order.tolist():
        seen = int(wins[i] + losses[i] + ties[i] + both_bad[i])
        rows.append(
            Rating(
                contender=tallies.contenders[i],
                rating=float(points[i]),
                ci95=interval(i, people if params.speaks_for == "people" else panel),
                panel=interval(i, panel),
                people=interval(i, people),
                rank=(int(ranks.best[i]), int(ranks.worst[i])) if ranks.best[i] else None,
                p_best=float(ranks.p_best[i]) if ranks.best[i] else None,
                elo=elo.get(tallies.contenders[i]),
                wins=int(wins[i]),
                losses=int(losses[i]),
                ties=int(ties[i]),
                both_bad=int(both_bad[i]),
                both_bad_rate=int(both_bad[i]) / seen if seen else None,
                both_bad_ci95=wilson(int(both_bad[i]), seen),
                component=int(components[i]),
                retired=bool(is_retired[i]),
            )
        )
    return tuple(rows)


def _pairs(tallies: Tallies) -> Ints:
    lo, hi = np.nonzero(np.triu(tallies.wins + tallies.wins.T + tallies.ties + tallies.both_bad, 1))
    columns = [tallies.wins[lo, hi], tallies.wins[hi, lo], tallies.ties[lo, hi], tallies.both_bad[lo, hi]]
    return np.column_stack([lo, hi, *columns]).astype(np.int64)
