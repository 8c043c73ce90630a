"""Bounds that hold at every look: when a route may change, and how many votes are still missing.

Leads, margins and standard errors here are in natural units; `scale.from_points` turns a policy's points into them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import scipy

from evals.ratings.standings import Standings
from evals.ratings.types import Key

__all__ = [
    "ALPHA",
    "HeadToHead",
    "NonInferiority",
    "SequenceBound",
    "VotesToGo",
    "boundary",
    "head_to_head",
    "non_inferiority",
    "sequence_bound",
    "votes_to_go",
]

ALPHA = 0.05
# The prior variance of the mixture over true leads: where the boundary is tightest.
_MIXTURE = 0.25
_HEAD_PRIOR = 10.0


@dataclass(frozen=True)
class SequenceBound:
    """Where the true lead may lie, valid however often one looks."""

    lead: float
    half_width: float

    @property
    def low(self) -> float:
        return self.lead - self.half_width

    @property
    def high(self) -> float:
        return self.lead + self.half_width

    def exceeds(self, margin: float) -> bool:
        """The sequence gate: d̂ > margin + C·q·se."""
        return self.low > margin

    def below(self, margin: float) -> bool:
        return self.high < margin


@dataclass(frozen=True)
class HeadToHead:
    """The exact gate between two, for a single reviewer. Passes at `e_value` >= `needed`."""

    wins: int
    losses: int
    e_value: float
    needed: float

    @property
    def passed(self) -> bool:
        return self.e_value >= self.needed


@dataclass(frozen=True)
class NonInferiority:
    """Whether every rival's possible lead over `candidate` stays below the margin; `rival` comes nearest to it."""

    candidate: Key
    rival: Key | None
    bound: SequenceBound
    margin: float
    passed: bool


@dataclass(frozen=True)
class VotesToGo:
    """Further votes until the bound is narrow enough if the lead stays the same; mostly right within a factor of 3.

    `more_reviewers`: reviewers' tastes alone are too wide for that; more of them help more than more votes.
    """

    more: int
    low: int
    high: int
    more_reviewers: bool

    def __str__(self) -> str:
        words = f"about {self.more:,} more votes, likely {self.low:,} to {self.high:,}"
        return f"{words}; more reviewers help more than more votes" if self.more_reviewers else words


def boundary(se: float, *, rivals: int, alpha: float = ALPHA) -> float:
    """C, by which a standard error is multiplied: C = √((1 + 1/x)(ln(1 + x) + L)), x = .25/se², L = −2 ln(2α/M).

    `rivals` is M: K − 1 when a route may switch to any of K contenders, or the number of candidates tried.
    2.86 / 3.48 / 3.69 / 4.06 for M = 1 / 4 / 7 / 19 at se² = .1.

    Robbins, H. (1970). Statistical methods related to the law of the iterated logarithm. Annals of Mathematical
    Statistics 41, 1397-1409. Howard, S. R. et al. (2021). Time-uniform, nonparametric, nonasymptotic confidence
    sequences. Annals of Statistics 49, 1055-1080.
    """
    x = _MIXTURE / se**2
    return math.sqrt((1 + 1 / x) * (math.log1p(x) - 2 * math.log(2 * alpha / max(rivals, 1))))


def sequence_bound(lead: float, se: float, *, rivals: int, q: float = 1.0, alpha: float = ALPHA) -> SequenceBound:
    """`lead` ± C·q·se. For a stored lead: `sequence_bound(lead.lead, lead.se, rivals=lead.rivals, q=lead.q)`."""
    return SequenceBound(lead, boundary(se, rivals=rivals, alpha=alpha) * q * se)


def head_to_head(wins: int, losses: int, *, rivals: int, alpha: float = ALPHA) -> HeadToHead:
    """On decisive votes of the two alone: E = 2·2^{w+l}·B(w+10, l+10)/B(10, 10)·P[Beta(w+10, l+10) > ½] against M/α.

    An e-process: bounded at every look for independent votes of one person, but false across reviewers of different
    tastes (.23 to .42 false switches), so only for categories declared single-reviewer.
    """
    w, l = wins + _HEAD_PRIOR, losses + _HEAD_PRIOR  # noqa: E741 (the formula's own letters)
    tail = float(scipy.special.betaincc(w, l, 0.5))
    log_e = -math.inf
    if tail > 0:
        beta_ratio = float(scipy.special.betaln(w, l) - scipy.special.betaln(_HEAD_PRIOR, _HEAD_PRIOR))
        log_e = (1 + wins + losses) * math.log(2) + beta_ratio + math.log(tail)
    # Beyond e^700 there is no float; such certainty passes anyway.
    return HeadToHead(wins, losses, math.exp(min(log_e, 700.0)), max(rivals, 1) / alpha)


def non_inferiority(
    standings: Standings,
    candidate: Key,
    *,
    margin: float,
    tried: int,
    rivals: Iterable[Key] | None = None,
    alpha: float = ALPHA,
) -> NonInferiority:
    """A cheaper (faster, more compliant) candidate qualifies if for every rival j the upper bound of θ_j − θ_c is below
    `margin` (natural units). `tried` is how many candidates are tried; `rivals` by default all that are not retired.
    """
    others = [key for key in (standings.active if rivals is None else rivals) if key != candidate]
    bounds = []
    for key in others:
        lead = standings.lead(key, candidate)
        bounds.append((sequence_bound(lead.lead, lead.se, rivals=tried, q=lead.q, alpha=alpha), key))
    if not bounds:
        return NonInferiority(candidate, None, SequenceBound(0.0, 0.0), margin, passed=True)
    bound, rival = max(bounds, key=lambda pair: pair[0].high)
    return NonInferiority(candidate, rival, bound, margin, passed=bound.below(margin))


def votes_to_go(
    *, gap: float, se: float, votes: int, rivals: int, q: float = 1.0, b: float = 0.0, alpha: float = ALPHA
) -> VotesToGo | None:
    """Solves gap = C(s)·q·√s for s; further votes ≈ n·(se²/s − 1).

    `gap` is what the half width must shrink to: lead − margin for a switch, margin − lead for non-inferiority. None
    if it is not positive: no number of votes at this lead would suffice, and the future lead is unknown.
    """
    if gap <= 0 or se <= 0:
        return None

    def half_width(root: float) -> float:
        return boundary(root, rivals=rivals, alpha=alpha) * q * root

    if half_width(se) <= gap:
        return VotesToGo(0, 0, 0, more_reviewers=False)
    # The half width rises with the error, so bisection finds it; scipy's solvers would double what a web worker loads.
    below, needed = 0.0, se
    for _ in range(60):
        middle = (below + needed) / 2
        below, needed = (middle, needed) if half_width(middle) <= gap else (below, middle)
    more = max(1.0, votes * (se**2 / needed**2 - 1))
    return VotesToGo(_round(more), _round(more / 3), _round(more * 3), more_reviewers=needed**2 <= b)


def _round(votes: float) -> int:
    """Two significant figures: more would suggest a precision that is not there."""
    step = 10.0 ** max(0, math.floor(math.log10(max(votes, 1))) - 1)
    return max(1, math.ceil(votes / step - 0.5) * int(step))
