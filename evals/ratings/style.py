"""How much the style of answers sways votes, and the ratings with that taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from evals.ratings.davidson import Prior
from evals.ratings.ranks import rank_draws
from evals.ratings.scale import CENTRE, POINTS
from evals.ratings.types import Floats, Ints
from evals.ratings.variance import t_quantile

__all__ = ["StyleEffect", "StyleFit", "StyleRating", "StyledVotes", "fit_style"]

# Of an effect in θ for one standard deviation: keeps it finite where a feature is tied to one contender alone.
PRIOR_SD = 1.0
# A feature in which fewer votes' answers differ is left out: nothing can be read from it.
FEWEST = 30
MAX_STEPS = 60
TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class StyledVotes:
    """Votes that compare two answers, as counts: one row for each reviewer and battle, or several.

    (n,) `reviewer` (any integers), `lo` and `hi` (positions of contenders), `wins` of lo, `losses` and `ties`;
    `difference` (n, features) is lo's answer less hi's, each feature in a unit of its own.
    """

    reviewer: Ints
    lo: Ints
    hi: Ints
    wins: Ints
    losses: Ints
    ties: Ints
    difference: Floats


@dataclass(frozen=True)
class StyleEffect:
    """What one standard deviation (`sd`, over answers) more of a feature is worth, in points, with its 95% interval
    over reviewers. `votes` are those whose answers differ in it; None if they are too few."""

    feature: str
    sd: float
    votes: int
    points: float | None = None
    ci95: tuple[float, float] | None = None


@dataclass(frozen=True)
class StyleRating:
    """With style taken out, beside the plain fit of the same votes. Places count 1, 2, 3 from the best rating."""

    contender: int
    rating: float
    half: float
    rank: tuple[int, int] | None
    place: int
    plain: float
    plain_half: float
    plain_place: int


@dataclass(frozen=True, eq=False)
class StyleFit:
    effects: tuple[StyleEffect, ...]
    ratings: tuple[StyleRating, ...]
    votes: int
    reviewers: int
    converged: bool

    @property
    def most_moved(self) -> int:
        """By how many places a contender moves at most."""
        return max((abs(one.place - one.plain_place) for one in self.ratings), default=0)


def fit_style(
    votes: StyledVotes,
    *,
    contenders: int,
    features: Sequence[str],
    sds: Sequence[float],
    ranked: Sequence[bool] | None = None,
    components: Ints | None = None,
    task_factor: float = 1.0,
    seed: str = "0",
    prior: Prior | None = None,
) -> StyleFit:
    """Bradley-Terry with Davidson's ties and one coefficient for each feature: d = θ_lo − θ_hi + Σ β_f Δ_f, with Δ in
    `sds`, one standard deviation of each feature over answers. Contenders are numbered from 0; `ranked` false leaves
    one out of ranks and places, and so does having no vote. Votes on an answer without text are left out by the caller:
    it fails, whatever its style.

    An effect's variance is the larger of the model's own and the sandwich over reviewers (Liang & Zeger 1986, with the
    correction R/(R − 1)), with Student's t on the effective number of reviewers less one; with one reviewer, it is the
    model's. `task_factor` widens the ratings' variance as on the leaderboard. Costs O(rows · features²) a step.
    """
    prior = prior or Prior()
    voted = np.bincount(np.concatenate([votes.lo, votes.hi]), minlength=contenders) > 0
    active = voted if ranked is None else voted & np.asarray(ranked, bool)
    groups = np.zeros(contenders, np.int64) if components is None else components
    differ = [int(_fitted(votes)[votes.difference[:, f] != 0].sum()) for f in range(len(features))]
    used = [f for f, n in enumerate(differ) if n >= FEWEST and sds[f] > 0]
    n = _fitted(votes).astype(np.float64)
    x = votes.difference[:, used] / np.array([sds[f] for f in used])
    styled = _Fit(votes, x, contenders, prior)
    plain = _Fit(votes, np.empty((len(n), 0)), contenders, prior)

    reviewers, place = np.unique(votes.reviewer, return_inverse=True)
    variance, df = _effect_variance(styled, place, len(reviewers), n)
    t = t_quantile(df)
    effects = []
    for f, feature in enumerate(features):
        if f not in used:
            effects.append(StyleEffect(feature, float(sds[f]), differ[f]))
            continue
        k = used.index(f)
        points, width = float(styled.beta[k] * POINTS), float(t * np.sqrt(variance[k]) * POINTS)
        effects.append(StyleEffect(feature, float(sds[f]), differ[f], points, (points - width, points + width)))

    rating, half = _points(styled, groups, task_factor)
    plain_rating, plain_half = _points(plain, groups, task_factor)
    ranks = rank_draws(
        styled.theta,
        styled.covariance[:contenders, :contenders] * task_factor,
        components=groups,
        ranked=active,
        seed=seed,
    )
    places, plain_places = _places(rating, active), _places(plain_rating, active)
    ratings = [
        StyleRating(
            contender=i,
            rating=float(rating[i]),
            half=float(half[i]),
            rank=(int(ranks.best[i]), int(ranks.worst[i])) if ranks.best[i] else None,
            place=places[i],
            plain=float(plain_rating[i]),
            plain_half=float(plain_half[i]),
            plain_place=plain_places[i],
        )
        for i in np.flatnonzero(active).tolist()
    ]
    ratings.sort(key=lambda one: one.place)
    return StyleFit(tuple(effects), tuple(ratings), int(n.sum()), len(reviewers), styled.converged and plain.converged)


def _fitted(votes: StyledVotes) -> Ints:
    fitted: Ints = votes.wins + votes.losses + votes.ties
    return fitted


class _Fit:
    """The mode by Newton's method over (θ, ln ν, β), and the inverse of the penalised Hessian there."""

    def __init__(self, votes: StyledVotes, x: Floats, K: int, prior: Prior) -> None:
        self.K, self.x, self.prior = K, x, prior
        self.lo, self.hi = votes.lo, votes.hi
        self.n = _fitted(votes).astype(np.float64)
        self.ties = votes.ties.astype(np.float64)
        self.score = votes.wins + 0.5 * self.ties
        size = K + 1 + x.shape[1]
        self.mean = np.zeros(size)
        self.mean[K] = prior.ln_ties
        self.precision = np.full(size, 1 / PRIOR_SD**2)
        self.precision[:K] = 1 / prior.sd**2
        self.precision[K] = 1 / prior.ln_ties_sd**2
        at, self.converged = self.mean.copy(), False
        value, gradient, hessian = self._look(at)
        for _ in range(MAX_STEPS):
            step = scipy.linalg.solve(hessian, gradient, assume_a="pos")
            self.converged = float(np.abs(step).max()) < TOLERANCE
            length = 1.0
            while True:
                there = at + length * step
                new = self._look(there)
                # Rounding, which grows with the votes, may hide the last gain.
                if new[0] >= value - 1e-9 * abs(value) or length < 1e-6:
                    break
                length /= 2
            at, (value, gradient, hessian) = there, new
            if self.converged:
                break
        self.at = at
        self.covariance: Floats = np.asarray(np.linalg.inv(hessian), np.float64)
        self.theta: Floats = at[:K]
        self.beta: Floats = at[K + 1 :]

    def _chances(self, at: Floats) -> tuple[Floats, Floats, Floats]:
        """(rows,) ln Z, P(win) − P(loss) and P(tie)."""
        half = (at[self.lo] - at[self.hi] + self.x @ at[self.K + 1 :]) / 2
        ln_z = np.logaddexp(np.logaddexp(half, -half), at[self.K])
        return ln_z, np.exp(half - ln_z) - np.exp(-half - ln_z), np.exp(at[self.K] - ln_z)

    def _look(self, at: Floats) -> tuple[float, Floats, Floats]:
        """The log posterior, its gradient and its negative Hessian."""
        K, x, n = self.K, self.x, self.n
        ln_z, lean, tie = self._chances(at)
        half = (at[self.lo] - at[self.hi] + x @ at[K + 1 :]) / 2
        away = at - self.mean
        value = float((2 * self.score - n) @ half + self.ties.sum() * at[K] - n @ ln_z)
        value -= 0.5 * float(self.precision @ away**2)
        gradient = self._gather(self.score - n * (1 + lean) / 2, self.ties - n * tie) - self.precision * away

        curve, mixed = n * (1 - tie - lean**2) / 4, -n * lean * tie / 2
        hessian = np.empty((len(at), len(at)))
        cells: Floats = np.asarray(np.bincount(self.lo * K + self.hi, curve, K * K), np.float64).reshape(K, K)
        cells += cells.T.copy()
        hessian[:K, :K] = np.diag(cells.sum(axis=1)) - cells
        hessian[:K, K] = hessian[K, :K] = self._by_contender(mixed)
        hessian[K, K] = float(n @ (tie * (1 - tie)))
        for f in range(x.shape[1]):
            weighted = curve * x[:, f]
            row = K + 1 + f
            hessian[:K, row] = hessian[row, :K] = self._by_contender(weighted)
            hessian[K, row] = hessian[row, K] = float(mixed @ x[:, f])
            hessian[row, K + 1 :] = weighted @ x
        hessian.flat[:: len(at) + 1] += self.precision
        return value, gradient, hessian

    def _by_contender(self, values: Floats) -> Floats:
        won: Floats = np.asarray(np.bincount(self.lo, values, self.K), np.float64)
        return won - np.asarray(np.bincount(self.hi, values, self.K), np.float64)

    def _gather(self, in_d: Floats, in_ties: Floats) -> Floats:
        return np.concatenate([self._by_contender(in_d), [in_ties.sum()], in_d @ self.x])

    def scores(self, group: Ints, groups: int) -> Floats:
        """(groups, parameters): gradients at the mode summed by group, without the prior's part."""
        _, lean, tie = self._chances(self.at)
        in_d = self.score - self.n * (1 + lean) / 2
        K = self.K
        size = groups * K
        theta = np.bincount(group * K + self.lo, in_d, size) - np.bincount(group * K + self.hi, in_d, size)
        beta = [np.bincount(group, in_d * self.x[:, f], groups) for f in range(self.x.shape[1])]
        return np.column_stack([theta.reshape(groups, K), np.bincount(group, self.ties - self.n * tie, groups), *beta])


def _effect_variance(fit: _Fit, group: Ints, groups: int, n: Floats) -> tuple[Floats, float | None]:
    """(features,) variances of β, and the degrees of freedom; None with one reviewer."""
    own = np.diag(fit.covariance)[fit.K + 1 :]
    if groups < 2:
        return own, None
    moved = fit.scores(group, groups) @ fit.covariance[:, fit.K + 1 :]
    clustered = (moved**2).sum(axis=0) * groups / (groups - 1)
    shares = np.bincount(group, n, groups) / n.sum()
    return np.maximum(own, clustered), max(1.0, 1 / float(shares @ shares) - 1)


def _points(fit: _Fit, components: Ints, factor: float) -> tuple[Floats, Floats]:
    """(K,) ratings and half widths for these reviewers, around the mean of the main component."""
    weights = (components == 0) / max(1, int((components == 0).sum()))
    covariance: Floats = fit.covariance[: fit.K, : fit.K] * factor
    base = np.diag(covariance) - 2 * covariance @ weights + weights @ covariance @ weights
    ratings = CENTRE + (fit.theta - fit.theta @ weights) * POINTS
    return ratings, t_quantile(None) * np.sqrt(np.maximum(base, 0)) * POINTS


def _places(ratings: Floats, active: np.ndarray) -> dict[int, int]:
    order = [i for i in np.argsort(-np.round(ratings, 6), kind="stable").tolist() if active[i]]
    return {i: place for place, i in enumerate(order, start=1)}
