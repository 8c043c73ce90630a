"""Plain Bradley-Terry by maximum likelihood, ties as half wins, no prior: what other tools publish."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

from evals.ratings.types import Floats, Ints

__all__ = ["BradleyTerryFit", "fit_bradley_terry"]

TOLERANCE = 1e-10
MAX_STEPS = 200


@dataclass(frozen=True, eq=False)
class BradleyTerryFit:
    """`theta` (K,), centred within each of `components` (K,) labels; between components it means nothing."""

    theta: Floats
    components: Ints
    converged: bool
    iterations: int


def fit_bradley_terry(wins: npt.ArrayLike, ties: npt.ArrayLike) -> BradleyTerryFit:
    """Maximum likelihood on (K, K) count tables: wins of row over column, symmetric ties.

    Finite only where everybody can be reached from everybody along wins or ties (Ford 1957), so each such component
    is fitted by itself: an unbeaten contender is one of its own, at 0.

    Bradley, R. A. & Terry, M. E. (1952). Biometrika 39, 324-345. Ford, L. R. (1957). Solution of a ranking problem
    from binary comparisons. American Mathematical Monthly 64, 28-33.
    """
    scores = np.asarray(wins, np.float64) + 0.5 * np.asarray(ties, np.float64)
    count, components = scipy.sparse.csgraph.connected_components(scores, directed=True, connection="strong")
    theta = np.zeros(len(scores))
    converged, iterations = True, 0
    for label in range(count):
        members = np.flatnonzero(components == label)
        if len(members) > 1:
            theta[members], done, steps = _newton(scores[np.ix_(members, members)])
            converged, iterations = converged and done, max(iterations, steps)
    return BradleyTerryFit(theta, components.astype(np.int64), converged, iterations)


def _newton(scores: Floats) -> tuple[Floats, bool, int]:
    K = len(scores)
    votes = scores + scores.T
    won = scores.sum(axis=1)
    theta = np.zeros(K)
    for iterations in range(1, MAX_STEPS + 1):
        p = 1 / (1 + np.exp(theta[None, :] - theta[:, None]))
        weight = votes * p * (1 - p)
        # Adding a constant matrix pins the direction (1, …, 1), along which the likelihood is flat.
        hessian = np.diag(weight.sum(axis=1)) - weight + weight.sum() / K**2
        step = scipy.linalg.cho_solve(scipy.linalg.cho_factor(hessian), won - (votes * p).sum(axis=1))
        # Curvature is largest between equals: from there a step falls short, never far beyond. Two units (350 Elo)
        # a time keeps it so from anywhere.
        largest = float(np.abs(step).max())
        theta += step * min(1.0, 2.0 / largest) if largest else 0.0
        if largest < TOLERANCE:
            return theta - theta.mean(), True, iterations
    return theta - theta.mean(), False, MAX_STEPS
