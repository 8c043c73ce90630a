"""Whether reviewers agree with each other beyond chance, from battles that two or more of them judged.

The intervals are for these reviewers on other such battles: battles are a sample, reviewers are not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evals.ratings.health import Finding, State
from evals.ratings.types import Floats, Ints
from evals.ratings.variance import t_quantile

__all__ = ["Agreement", "Alpha", "Shared", "agreements", "panel_alpha", "reviewer_alpha", "shared_battles"]

# Outcomes are coded by their places in `tallies.OUTCOMES`: lo, hi, tie, both_bad. Seen from the other side:
_MIRROR = [1, 0, 2, 3]
_V = len(_MIRROR)
# Below it agreement is "slight": too little to rely on, even if it is surely more than chance.
#
# Landis, J. R. & Koch, G. G. (1977). The measurement of observer agreement for categorical data. Biometrics 33,
# 159-174.
SLIGHT = 0.2
# Added only for the interval: one battle on which two agree, one on which they do not.
_MADE_UP = np.array([[2, 0, 0, 0], [1, 1, 0, 0]])


@dataclass(frozen=True)
class Alpha:
    """1 − (observed disagreement) / (disagreement by chance): 1 is perfect, 0 is chance.

    `battles` judged by two or more, with `votes` on them. `agree` is the share of pairs of votes on one battle that are
    equal, `chance` the share expected by chance. Without an alpha, `why` says why and the rest is None.
    """

    state: State
    battles: int
    votes: int
    alpha: float | None = None
    ci95: tuple[float, float] | None = None
    agree: float | None = None
    chance: float | None = None
    why: str = ""


@dataclass(frozen=True)
class Agreement(Finding):
    """The share of others' votes on shared battles that equal this reviewer's. `others`: the share at which the others
    agree among themselves, also on further battles of the categories; None if no two of them have shared one."""

    others: float | None = None


@dataclass(frozen=True, eq=False)
class Shared:
    """One category's shared battles: the panel's alpha, and `sums` by reviewer, which add up over categories.

    `reviewers` (R,) as the caller knows them. `sums` (R, 7), as `_SUMS` names them.
    """

    panel: Alpha
    reviewers: Ints
    sums: Floats


# Shared battles; over these, the sums of the share of others with the same outcome, of its square, and of the share
# expected by chance. The shared battles of categories in which others shared some too; and, times these battles, the
# share at which the others agree and the panel's share by chance.
_SUMS = ("battles", "agreed", "squared", "chance", "compared", "others", "others_chance")


def panel_alpha(counts: npt.ArrayLike) -> Alpha:
    """Krippendorff's alpha of (battles, outcomes) counts, each battle taken from both sides.

    Which answer is `lo` follows from ids that reviewers do not see: to a reviewer who does not read, `lo` and `hi` are
    equally likely, whichever wins more often. So every battle is counted with its mirror image. Relabelled votes give
    the same alpha, and a panel that always prefers one of two contenders agrees, where the plain figure would find no
    variation.

    Interval: jackknife over battles and two artificial ones, as Agresti and Coull add to a rate, with Student's t. In
    simulations with 5 to 200 battles and alphas from .08 to .98 it covers .94 or more; the bootstrap falls to .76.

    Efron, B. & Stein, C. (1981). The jackknife estimate of variance. Annals of Statistics 9, 586-596.
    Agresti, A. & Coull, B. A. (1998). Approximate is better than "exact" for interval estimation of binomial
    proportions. American Statistician 52, 119-126.
    """
    counts = np.asarray(counts, np.int64).reshape(-1, _V)
    pairable = counts[counts.sum(axis=1) > 1]
    battles, votes = len(pairable), int(pairable.sum())
    if not battles:
        return Alpha("unknown", 0, 0, why="no two reviewers have judged the same battle yet")
    disagree, chance = _disagreements(*_sums(_mirrored(pairable)))
    if not chance:
        return Alpha("unknown", battles, votes, why="all votes were the same, so chance cannot be estimated")
    alpha = float(1 - disagree / chance)
    low, high = _jackknife(np.vstack([pairable, _MADE_UP]))
    ci95 = (max(-1.0, min(low, alpha)), min(1.0, max(high, alpha)))
    # Bad: surely slight. Good: surely more than chance, and not surely slight.
    state: State = "bad" if ci95[1] < SLIGHT else "good" if ci95[0] > 0 else "unknown"
    return Alpha(state, battles, votes, alpha, ci95, float(1 - disagree), float(1 - chance))


def _mirrored(counts: Ints) -> Ints:
    return np.concatenate([counts, counts[:, _MIRROR]])


def _sums(counts: Ints) -> tuple[Floats, Floats, Floats]:
    """Votes, pairs that disagree (each counted by every vote in it, over the others), and values, of all units."""
    votes, disagreeing = _of_units(counts)
    return votes.sum(), disagreeing.sum(), counts.sum(axis=0).astype(np.float64)


def _of_units(counts: Ints) -> tuple[Floats, Floats]:
    votes = counts.sum(axis=1).astype(np.float64)
    return votes, (votes**2 - (counts.astype(np.float64) ** 2).sum(axis=1)) / (votes - 1)


def _disagreements(votes: Floats, disagreeing: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Observed and expected, for totals or for many of them at once: `values` (…, V)."""
    pairs = np.asarray(votes * (votes - 1))
    some = np.where(pairs > 0, pairs, 1)
    return disagreeing / np.maximum(votes, 1), (votes**2 - (values**2).sum(axis=-1)) / some * (pairs > 0)


def _jackknife(counts: Ints) -> tuple[float, float]:
    """A battle is left out together with its mirror image."""
    n = len(counts)
    votes, disagreeing = _of_units(counts)
    values = counts + counts[:, _MIRROR]
    observed, expected = _disagreements(
        2 * (votes.sum() - votes), 2 * (disagreeing.sum() - disagreeing), values.sum(axis=0) - values.astype(np.float64)
    )
    without = 1 - observed / expected
    se = float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
    disagree, chance = _disagreements(*_sums(_mirrored(counts)))
    centre, half = float(1 - disagree / chance), t_quantile(n - 1) * se
    return centre - half, centre + half


def reviewer_alpha(own: npt.ArrayLike, others: npt.ArrayLike) -> Alpha:
    """Krippendorff's alpha of one reviewer against the others who judged the same battles.

    `own` (B,) is the reviewer's coded outcome of each battle, `others` (B, outcomes) counts the others' on it, one at
    least. Each battle pairs the reviewer's vote with the others' mean, so a battle that many judged counts once; sides
    are exchangeable, and the interval is the jackknife over battles with two artificial ones, all as in `panel_alpha`.
    `votes` are the others' and the reviewer's.
    """
    own, counts = np.asarray(own, np.int64).reshape(-1), np.asarray(others, np.float64).reshape(-1, _V)
    battles = len(own)
    if not battles:
        return Alpha("unknown", 0, 0, why="nobody else has judged one of the same battles yet")
    votes = battles + int(counts.sum())
    theirs = counts / counts.sum(axis=1, keepdims=True)
    mine = np.eye(_V)[own]
    disagree, chance = _of_pairs(mine, theirs)
    if not chance:
        return Alpha("unknown", battles, votes, why="all votes were the same, so chance cannot be estimated")
    alpha = 1 - disagree / chance
    made_up = np.eye(_V)[[0, 0]], np.eye(_V)[[0, 1]]
    mine, theirs = np.vstack([mine, made_up[0]]), np.vstack([theirs, made_up[1]])
    low, high = _jackknife_of_pairs(mine, theirs)
    ci95 = (max(-1.0, min(low, alpha)), min(1.0, max(high, alpha)))
    state: State = "bad" if ci95[1] < SLIGHT else "good" if ci95[0] > 0 else "unknown"
    return Alpha(state, battles, votes, alpha, ci95, 1 - disagree, 1 - chance)


def _of_pairs(mine: Floats, theirs: Floats) -> tuple[float, float]:
    """Observed and expected disagreement of paired votes, each pair taken from both sides."""
    values = mine + theirs
    return _pair_disagreements(len(mine), float((mine * theirs).sum()), (values + values[:, _MIRROR]).sum(axis=0))


def _pair_disagreements(battles: int, agreeing: float, values: Floats) -> tuple[float, float]:
    """`values` (outcomes,) with the mirror images: four for each battle."""
    n = 4 * battles
    return 1 - agreeing / battles, float((n**2 - (values**2).sum()) / (n * (n - 1)))


def _jackknife_of_pairs(mine: Floats, theirs: Floats) -> tuple[float, float]:
    n = len(mine)
    agreeing = (mine * theirs).sum(axis=1)
    values = mine + theirs
    values = values + values[:, _MIRROR]
    rest = 4 * (n - 1)
    observed = 1 - (agreeing.sum() - agreeing) / (n - 1)
    expected = (rest**2 - ((values.sum(axis=0) - values) ** 2).sum(axis=1)) / (rest * (rest - 1))
    without = 1 - observed / expected
    se = float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
    disagree, chance = _of_pairs(mine, theirs)
    centre, half = 1 - disagree / chance, t_quantile(n - 1) * se
    return centre - half, centre + half


def shared_battles(
    unit: npt.ArrayLike, reviewer: npt.ArrayLike, outcome: npt.ArrayLike, counted: npt.ArrayLike
) -> Shared:
    """From votes in the order they were cast, (n,) each: integers for battles and reviewers, coded outcomes, and
    whether the vote counts. Of several votes by one reviewer on one battle the last is taken.

    The panel is the reviewers whose votes count. The others are compared with the panel, but not the panel with them.
    """
    unit, reviewer = np.asarray(unit, np.int64), np.asarray(reviewer, np.int64)
    people, who = np.unique(reviewer, return_inverse=True)
    last = _last_of(np.unique(unit, return_inverse=True)[1] * max(len(people), 1) + who)
    who, outcomes = who[last], np.asarray(outcome, np.int64)[last]
    mine = np.asarray(counted, bool)[last].astype(np.int64)
    battles, battle = np.unique(unit[last], return_inverse=True)

    coded = battle * _V + outcomes
    panel = np.bincount(coded, weights=mine, minlength=len(battles) * _V).astype(np.int64).reshape(-1, _V)
    others = panel[battle]
    others[np.arange(len(outcomes)), outcomes] -= mine
    judged = others.sum(axis=1) > 0
    who, outcomes, mine, others = who[judged], outcomes[judged], mine[judged], others[judged]
    theirs = others / others.sum(axis=1, keepdims=True)
    same = theirs[np.arange(len(outcomes)), outcomes]

    def add(weights: Floats | None = None) -> Floats:
        return np.bincount(who, weights=weights, minlength=len(people)).astype(np.float64)

    found = panel_alpha(panel)
    n = add()
    own = np.bincount(who * _V + outcomes, minlength=len(people) * _V).reshape(-1, _V)
    other = np.stack([add(theirs[:, value]) for value in range(_V)], axis=1)
    alike = own[:, 2] * other[:, 2] + own[:, 3] * other[:, 3]
    alike = alike + 0.5 * (own[:, 0] + own[:, 1]) * (other[:, 0] + other[:, 1])
    # Pairs of votes on one battle: all of the panel's, minus those that include this reviewer's.
    pairs = _pairs(panel.sum(axis=1)) - add(mine * others.sum(axis=1))
    alike_pairs = _pairs(panel) - add(mine * others[np.arange(len(outcomes)), outcomes])
    known = (pairs > 0) & (found.chance is not None)
    sums = np.stack(
        [
            n,
            add(same),
            add(same**2),
            alike / np.maximum(n, 1),
            n * known,
            n * known * alike_pairs / np.maximum(pairs, 1),
            n * known * (found.chance or 0.0),
        ],
        axis=1,
    )
    return Shared(found, people, sums)


def _pairs(counts: Ints) -> int:
    return int((counts * (counts - 1) // 2).sum())


def _last_of(keys: Ints) -> Ints:
    """Places of the last of each key."""
    _, first = np.unique(keys[::-1], return_index=True)
    places: Ints = len(keys) - 1 - first
    return places


def agreements(categories: Iterable[Shared]) -> dict[int, Agreement]:
    """By reviewer, over all the categories.

    The state goes by agreement beyond chance, (share − chance) / (1 − chance): Cohen's kappa against the others
    who judged, with exchangeable sides. Good: surely more than chance. Bad: surely less than half of the others'
    agreement among themselves, since agreement is low where contenders are close; without such others, half of what is
    slight. The interval is that of the mean over battles, with one artificial battle of full and one of no agreement.
    """
    found = list(categories)
    if not found:
        return {}
    people, who = np.unique(np.concatenate([one.reviewers for one in found]), return_inverse=True)
    sums = np.zeros((len(people), len(_SUMS)))
    np.add.at(sums, who, np.concatenate([one.sums for one in found]))
    return {reviewer: _agreement(*row) for reviewer, row in zip(people.tolist(), sums.tolist(), strict=True)}


def _agreement(
    battles: float,
    agreed: float,
    squared: float,
    chance: float,
    compared: float,
    others: float,
    others_chance: float,
) -> Agreement:
    n = int(battles)
    if not n:
        return Agreement("unknown", 0)
    centre = (agreed + 1) / (n + 2)
    spread = max(0.0, (squared + 1) / (n + 2) - centre**2)
    half = t_quantile(n + 1) * float(np.sqrt(spread / (n + 1)))
    share, chance = agreed / n, chance / n
    low, high = max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))
    reached = (others - others_chance) / (compared - others_chance) if compared else SLIGHT
    state: State = "unknown"
    if (high - chance) < max(0.0, reached) / 2 * (1 - chance):
        state = "bad"
    elif low > chance:
        state = "good"
    return Agreement(state, n, share, (low, high), chance, others / compared if compared else None)
