"""Bradley-Terry with Davidson's ties and a weak prior: the point estimate and its covariance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

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
    """Gradient and negative Hessian of the log posterior, from the count tables alone: O(K²) a look."""

    def __init__(self, wins: npt.ArrayLike, ties: npt.ArrayLike, prior: Prior) -> None:
        wins = np.asarray(wins, np.float64)
        ties = np.asarray(ties, np.float64)
        self.size = len(wins)
        self.prior = prior
        self.votes = wins + wins.T + ties
        self.score = wins.sum(axis=1) + 0.5 * ties.sum(axis=1)
        self.tied = float(ties.sum()) / 2

    def look(self, x: Floats) -> tuple[Floats, Floats]:
        """At x = (θ, ln ν). With p, q, t the chances of the row's win, its loss and a tie, n votes of a pair, and
        m = p − q: the curvature in d is n(p + q − m²)/4, in ln ν nt(1 − t), and mixed −nmt/2."""
        K, prior = self.size, self.prior
        theta, ln_ties = x[:K], x[K]
        nu = np.exp(ln_ties)
        root = np.exp(theta / 2)
        odds = root[:, None] / root[None, :]  # e^{d/2}: K exponentials, not K²
        inverse = 1 / (odds + odds.T + nu)
        lean = (odds - odds.T) * inverse
        tied = self.votes * inverse
        tied *= nu  # expected ties
        leaning = self.votes * lean

        gradient = np.empty(K + 1)
        # score − Σ n(p + t/2), and p + t/2 = (1 + m)/2
        gradient[:K] = self.score - 0.5 * (self.votes.sum(axis=1) + leaning.sum(axis=1)) - theta / prior.sd**2
        gradient[K] = self.tied - 0.5 * tied.sum() - (ln_ties - prior.ln_ties) / prior.ln_ties_sd**2

        hessian = np.empty((K + 1, K + 1))
        block = hessian[:K, :K]
        np.multiply(leaning, lean, out=block)
        block += tied
        block -= self.votes  # −n(p + q − m²)
        block *= 0.25
        diagonal = -block.sum(axis=1) + 1 / prior.sd**2
        hessian.flat[: K * (K + 2) : K + 2] = diagonal
        hessian[K, :K] = hessian[:K, K] = -0.5 * np.einsum("ij,ij->i", tied, lean)
        hessian[K, K] = 0.5 * (tied.sum() - nu * np.einsum("ij,ij->", tied, inverse)) + 1 / prior.ln_ties_sd**2
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
        factor, _ = lapack.dpotrf(hessian.T, lower=1, overwrite_a=1)
        step = lapack.dpotrs(factor, gradient, lower=1)[0]
        before, length = length, float(np.abs(step).max())
        converged = length < tolerance or before < LAST_BUT_ONE
        if converged:
            x = x + step
        else:
            x, gradient, hessian = _advance(posterior, x, step, gradient)
    covariance = np.tril(lapack.dpotri(factor, lower=1)[0])
    covariance += np.tril(covariance, -1).T
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
