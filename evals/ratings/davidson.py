"""Bradley-Terry with Davidson's ties and a weak prior: the point estimate and its covariance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy

from evals.ratings.types import Floats

__all__ = ["Chances", "DavidsonFit", "Prior", "chances", "fit_davidson"]

# The covariance is that of the point before the last step, so this is what it is off by.
TOLERANCE = 1e-11
# Newton's error is squared at each step: after one this small the next is the last, though rounding, which grows with
# the votes, may keep it above any tolerance.
LAST_BUT_ONE = 1e-6
MAX_STEPS = 100


@dataclass(frozen=True)
class Prior:
    """θ ~ N(0, sd²), ln ν ~ N(ln_ties, ln_ties_sd²).

    Keeps unbeaten and disconnected contenders finite. A standard deviation of 1 fails where models differ widely.
    """

    sd: float = 2.0
    ln_ties: float = float(np.log(0.5))
    ln_ties_sd: float = 2.0


class Chances(NamedTuple):
    """(K, K) probabilities that the row's contender beats the column's, and that the two tie."""

    win: Floats
    tie: Floats


@dataclass(frozen=True, eq=False)
class DavidsonFit:
    """The posterior's mode and its curvature there.

    `theta` (K,) in natural units; `ln_ties` is ln ν. `covariance` (K + 1, K + 1) is the inverse of the penalised
    Hessian, its last row and column those of ln ν. `converged` false: `iterations` steps did not suffice.
    """

    theta: Floats
    ln_ties: float
    covariance: Floats
    converged: bool
    iterations: int


def chances(theta: Floats, ln_ties: float) -> Chances:
    """d = θ_i − θ_j, Z = e^{d/2} + e^{−d/2} + ν, P(i wins) = e^{d/2}/Z, P(tie) = ν/Z (Davidson 1970)."""
    odds = np.exp((theta[:, None] - theta[None, :]) / 2)
    total = odds + odds.T + np.exp(ln_ties)
    return Chances(odds / total, np.exp(ln_ties) / total)


class _Posterior:
    """Gradient and negative Hessian of the log posterior, from the count tables alone, in O(K²)."""

    def __init__(self, wins: npt.ArrayLike, ties: npt.ArrayLike, prior: Prior) -> None:
        wins = np.asarray(wins, np.float64)
        ties = np.asarray(ties, np.float64)
        self.size = len(wins)
        self.prior = prior
        self.votes = wins + wins.T + ties
        self.score = wins.sum(axis=1) + 0.5 * ties.sum(axis=1)
        self.tied = float(ties.sum()) / 2
        self.half = 0.5 * self.votes.sum(axis=1)

    def look(self, x: Floats) -> tuple[Floats, Floats]:
        """At x = (θ, ln ν). With m = P(row wins) − P(row loses), t = P(tie) and n votes of a pair: the slope in
        d is score − n(1 + m)/2, the curvature in d is n(1 − t − m²)/4, in ln ν nt(1 − t), and mixed −nmt/2.

        Written with s = e^θ, r = √s and D = s_i + s_j + νr_ir_j, so that m = (s_i − s_j)/D, t = νr_ir_j/D and
        1 − t − m² = (4s_is_j + νr_ir_j(s_i + s_j))/D²: whatever is no division by D is a product of few vectors, which
        the linear algebra library does several times faster than numpy passes over K² elements.
        """
        K, prior = self.size, self.prior
        theta, ln_ties = x[:K], x[K]
        nu = float(np.exp(ln_ties))
        r = np.exp(theta / 2)
        s, one = r * r, np.ones(K)
        rs, tie = r * s, nu * r
        vectors = np.array([one, s, r])
        total = np.array([s, one, tie]).T @ vectors  # D
        over = self.votes / total  # n/D
        by_one, by_s, by_r = vectors @ over.T
        ties = tie * by_r  # expected ones
        gradient = np.empty(K + 1)
        gradient[:K] = self.score - self.half - 0.5 * (s * by_one - by_s) - theta / prior.sd**2
        gradient[K] = self.tied - 0.5 * ties.sum() - (ln_ties - prior.ln_ties) / prior.ln_ties_sd**2

        over /= total  # n/D²
        vectors = np.array([r, rs, s])
        by_r, by_rs, by_s = vectors @ over.T
        hessian = np.empty((K + 1, K + 1))
        block = hessian[:K, :K]
        np.multiply(over, np.array([-0.25 * nu * rs, -0.25 * tie, -s]).T @ vectors, out=block)
        hessian.flat[: K * (K + 2) : K + 2] = 1 / prior.sd**2 - block.sum(axis=1)
        hessian[K, :K] = hessian[:K, K] = -0.5 * tie * (s * by_r - by_rs)
        hessian[K, K] = 0.5 * (ties.sum() - nu**2 * (s @ by_s)) + 1 / prior.ln_ties_sd**2
        return gradient, hessian


def fit_davidson(
    wins: npt.ArrayLike,
    ties: npt.ArrayLike,
    prior: Prior | None = None,
    *,
    start: Floats | None = None,
    tolerance: float = TOLERANCE,
) -> DavidsonFit:
    """The mode of the posterior by Newton's method on (K, K) count tables: wins of row over column, symmetric ties.

    The log posterior is strictly concave, so there is one mode and the starting point does not matter for it; `start`
    (K + 1,), θ and ln ν of an earlier fit, saves steps. A step that overshoots is halved.

    Bradley, R. A. & Terry, M. E. (1952). Rank analysis of incomplete block designs I. Biometrika 39, 324-345.
    Davidson, R. R. (1970). On extending the Bradley-Terry model to accommodate ties in paired comparison experiments.
    Journal of the American Statistical Association 65, 317-328.
    """
    prior = prior or Prior()
    posterior = _Posterior(wins, ties, prior)
    K = posterior.size
    x = np.append(np.zeros(K), prior.ln_ties) if start is None else np.array(start, np.float64)
    gradient, hessian = posterior.look(x)
    converged, iterations, length = False, 0, np.inf
    while not converged and iterations < MAX_STEPS:
        iterations += 1
        factor, _ = scipy.linalg.lapack.dpotrf(hessian.T, lower=1, overwrite_a=1)
        step = scipy.linalg.lapack.dpotrs(factor, gradient, lower=1)[0]
        before, length = length, float(np.abs(step).max())
        converged = length < tolerance or before < LAST_BUT_ONE
        if converged:
            x = x + step
        else:
            x, gradient, hessian = _advance(posterior, x, step, gradient)
    # dpotrf left zeros above the diagonal, and dpotri writes below it.
    inverse = scipy.linalg.lapack.dpotri(factor, lower=1, overwrite_c=1)[0]
    covariance = inverse + inverse.T
    covariance.flat[:: K + 2] *= 0.5
    return DavidsonFit(x[:K], float(x[K]), covariance, converged, iterations)


def _advance(posterior: _Posterior, x: Floats, step: Floats, gradient: Floats) -> tuple[Floats, Floats, Floats]:
    """Along a concave function the slope falls: a step is too long if it ends on a slope as steep, downhill."""
    slope = float(gradient @ step)
    for _ in range(40):
        there = x + step
        gradient, hessian = posterior.look(there)
        if np.isfinite(hessian[-1, -1]) and float(gradient @ step) >= -0.9 * slope:
            break
        step = step / 2
        slope /= 2
    return there, gradient, hessian
