"""Elo ratings, which users know; nothing is decided by them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from evals.ratings.types import Key

__all__ = ["INITIAL", "K_FACTOR", "replay"]

INITIAL = 1000.0
K_FACTOR = 32.0
_SCORES = {"lo": 1.0, "hi": 0.0, "tie": 0.5}


def replay(
    outcomes: Iterable[tuple[Key, Key, str]], *, start: Mapping[Key, float] | None = None, k_factor: float = K_FACTOR
) -> dict[Key, float]:
    """Ratings after the outcomes (lo, hi, outcome) in the order given, which matters only for Elo.

    `start` continues from earlier ratings, so that a new vote need not replay the old ones. `both_bad` is not
    a comparison and changes nothing; an unknown outcome is an error.

    Elo, A. E. (1978). The rating of chessplayers, past and present. Arco.
    """
    ratings = dict(start or {})
    for lo, hi, outcome in outcomes:
        if outcome == "both_bad":
            continue
        if outcome not in _SCORES:
            raise ValueError(f"outcome {outcome!r} is not one of lo, hi, tie, both_bad")
        mine, theirs = ratings.get(lo, INITIAL), ratings.get(hi, INITIAL)
        change = k_factor * (_SCORES[outcome] - 1 / (1 + 10 ** ((theirs - mine) / 400)))
        ratings[lo], ratings[hi] = mine + change, theirs - change
    return ratings
