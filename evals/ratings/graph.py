"""Which contenders were compared, directly or through others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evals.ratings.types import Ints

__all__ = ["components_of"]


def components_of(votes: npt.ArrayLike) -> Ints:
    """(K,) component labels from the (K, K) table of fitted votes; 0 is the one with most members, then most votes.

    Ranks hold only within a component: only the prior relates one component to another.
    """
    votes = np.asarray(votes)
    compared = (votes > 0) | (votes > 0).T
    labels = np.full(len(votes), -1, np.int64)
    count = 0
    for contender in range(len(votes)):
        if labels[contender] < 0:
            labels[_reached(compared, contender)] = count
            count += 1
    members = np.bincount(labels, minlength=count)
    weight = np.bincount(labels, weights=votes.sum(axis=1), minlength=count)
    order = np.lexsort((np.arange(count), -weight, -members))
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    found: Ints = place[labels]
    return found


def _reached(compared: npt.NDArray[np.bool_], start: int) -> npt.NDArray[np.bool_]:
    """(K,) the contenders linked to `start`. Scipy's search would first convert the table, mostly full, to a sparse
    one."""
    reached = np.zeros(len(compared), bool)
    frontier = np.array([start])
    while len(frontier):
        reached[frontier] = True
        frontier = np.flatnonzero(compared[frontier].any(axis=0) & ~reached)
    return reached
