"""Draws the pair to show next: half top-two Thompson, half uniform."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from evals.ratings.standings import Standings
from evals.ratings.types import Floats, Key

__all__ = ["draw_pair"]

_PRIOR_SD = 2.0
# Draws searched for a second winner that is not the champion. If there is none, the best of the others in the last
# draw is taken.
_DRAWS = 64


def draw_pair(
    *,
    contenders: Sequence[Key],
    standings: Standings | None,
    admissible: Collection[tuple[Key, Key]] | None,
    rng: np.random.Generator,
) -> tuple[Key, Key] | None:
    """Two contenders, in no particular order; None if no pair is admissible.

    `admissible` lists the pairs that may be shown, each once, in either order; None: every pair of `contenders`.
    Pairs with other contenders are ignored. A contender without standing, or any contender without `standings`, is
    drawn from the prior.

    With probability ½ any admissible pair; else the champion of one draw from N(θ̂, V) and the first different champion
    of further draws, among those the first may be shown with (Russo 2016). Against uniform alone this names the best
    contender far sooner, and unlike drawing by information it leaves intervals and gate valid.

    Russo, D. (2016). Simple Bayesian algorithms for best arm identification. COLT, 1417-1447.
    """
    allowed = _allowed(contenders, admissible)
    pairs = np.argwhere(np.triu(allowed, 1))
    if not len(pairs):
        return None
    if rng.random() < 0.5:
        first, second = pairs[rng.integers(len(pairs))].tolist()
    else:
        first, second = _top_two(_draws(contenders, standings, rng), allowed)
    return contenders[first], contenders[second]


def _allowed(contenders: Sequence[Key], admissible: Collection[tuple[Key, Key]] | None) -> npt.NDArray[np.bool_]:
    K = len(contenders)
    if admissible is None:
        return ~np.eye(K, dtype=bool)
    place = {key: position for position, key in enumerate(contenders)}
    allowed = np.zeros((K, K), bool)
    known = [(place[a], place[b]) for a, b in admissible if a in place and b in place and a != b]
    if known:
        first, second = np.array(known).T
        allowed[first, second] = allowed[second, first] = True
    return allowed


def _draws(contenders: Sequence[Key], standings: Standings | None, rng: np.random.Generator) -> Floats:
    """(draws, K) strengths."""
    drawn = rng.standard_normal((_DRAWS, len(contenders))) * _PRIOR_SD
    if standings is not None:
        places = [(column, standings.place(key)) for column, key in enumerate(contenders) if key in standings]
        if places:
            columns, rows = (list(part) for part in zip(*places, strict=True))
            noise = rng.standard_normal((_DRAWS, len(standings.contenders)))
            drawn[:, columns] = standings.theta[rows] + noise @ standings.root[rows].T
    return drawn


def _top_two(drawn: Floats, allowed: npt.NDArray[np.bool_]) -> tuple[int, int]:
    available = allowed.any(axis=0)
    champion = int(np.where(available, drawn[0], -np.inf).argmax())
    partners = np.flatnonzero(allowed[champion])
    best = partners[drawn[1:, partners].argmax(axis=1)]
    beats = drawn[np.arange(1, len(drawn)), best] > drawn[1:, champion]
    return champion, int(best[beats.argmax()] if beats.any() else best[-1])
