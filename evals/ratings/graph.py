"""Who has been compared with whom, directly or through others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse.csgraph import connected_components

from evals.ratings.types import Ints

__all__ = ["components_of"]


def components_of(votes: npt.ArrayLike) -> Ints:
    """(K,) component labels from the (K, K) table of fitted votes; 0 is the one with most members, then most votes.

    Ranks hold within a component only: nothing but the prior relates one to another.
    """
    votes = np.asarray(votes)
    count, labels = connected_components(votes > 0, directed=False)
    members = np.bincount(labels, minlength=count)
    weight = np.bincount(labels, weights=votes.sum(axis=1), minlength=count)
    order = np.lexsort((np.arange(count), -weight, -members))
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    found: Ints = place[labels]
    return found
