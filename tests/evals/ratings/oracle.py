"""evalica in our words: solvers that nobody here wrote, told what they need to be exact. And Krippendorff's alpha as
his book has it, in exact fractions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

import evalica
import numpy as np

from evals.ratings import Prior
from tests.evals.ratings.votes import Vote

# They end when a round of theirs moves the scores by less, and converge by a constant factor a round.
TOLERANCE, LIMIT = 1e-12, 200_000
# So wide that what it still does to θ, `DavidsonFit.covariance` times its gradient, can be taken out again.
NO_PRIOR = Prior(sd=300.0, ln_ties_sd=300.0)

_WINNERS = {"lo": evalica.Winner.X, "hi": evalica.Winner.Y, "tie": evalica.Winner.Draw}


class Newman(NamedTuple):
    theta: np.ndarray
    ln_ties: float


def _columns(votes: Iterable[Vote]) -> tuple[list[str], list[str], list[evalica.Winner]]:
    decisive = [vote for vote in votes if vote[4] in _WINNERS]
    return [v[2] for v in decisive], [v[3] for v in decisive], [_WINNERS[v[4]] for v in decisive]


def _centred(scores, contenders: Sequence[str]) -> np.ndarray:
    logs = np.log([scores[name] for name in contenders])
    return logs - logs.mean()


def bradley_terry(votes: Iterable[Vote], contenders: Sequence[str]) -> np.ndarray:
    """(K,) θ, centred: maximum likelihood by the minorising steps of Newman's paper, ties as half wins."""
    result = evalica.bradley_terry(*_columns(votes), tie_weight=0.5, tolerance=TOLERANCE, limit=LIMIT)
    assert result.iterations < LIMIT
    return _centred(result.scores, contenders)


def newman(votes: Iterable[Vote], contenders: Sequence[str]) -> Newman:
    """Maximum likelihood with ties of a strength of their own.

    Newman's v is Davidson's model in other letters: with π = e^θ he has P(i wins) = π_i / (π_i + π_j + 2v√(π_iπ_j)),
    which divided by √(π_iπ_j) is ours with ν = 2v. His, then, is our fit without a prior.

    Newman, M. E. J. (2023). Efficient computation of rankings from pairwise comparisons. JMLR 24, 1-25.
    """
    result = evalica.newman(*_columns(votes), tolerance=TOLERANCE, limit=LIMIT)
    assert result.iterations < LIMIT
    return Newman(_centred(result.scores, contenders), float(np.log(2 * result.v)))


def elo(votes: Iterable[Vote], *, k: float) -> dict[str, float]:
    first, second, winners = _columns(votes)
    if not first:
        return {}
    return dict(evalica.elo(first, second, winners, initial=1000.0, base=10.0, scale=400.0, k=k).scores)


def nominal_alpha(counts: Iterable[Iterable[int]]) -> float | None:
    """Krippendorff's alpha of (units, values) counts; None without two votes on one unit, or without variation.

    Krippendorff, K. (2004). Content Analysis: An Introduction to Its Methodology, 2nd ed., chapter 11. Sage.
    """
    units = [unit for unit in ([int(n) for n in unit] for unit in counts) if sum(unit) > 1]
    totals = [sum(column) for column in zip(*units, strict=True)]
    everything = sum(totals)
    unequal = sum(Fraction(n * (sum(unit) - n), sum(unit) - 1) for unit in units for n in unit)
    by_chance = sum(Fraction(n * (everything - n), everything - 1) for n in totals)
    return float(1 - unequal / by_chance) if by_chance else None
