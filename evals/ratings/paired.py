"""Before and after on the same tasks: differences with intervals, and which of them are sure.

The task is the unit: samples are averaged within a task first, so that five answers to one task are not five tasks.
Only tasks with a value on both sides enter; the caller counts the rest.

Rates: one sample on either side gives Tango's score interval of the paired difference; with more, Wald's on Bonett and
Price's two artificial tasks, whose weight shrinks with the samples. Positive quantities (time, tokens, cost) are
compared as logarithms: the difference of their means is a ratio, and one answer that took a minute does not decide.

All are tested alike, by exchanging before and after within tasks: had nothing changed, each task's difference would be
as likely with the other sign. That needs no distribution of times or rates, and is McNemar's exact test for a rate with
one sample. `holm` corrects for the number of tests.

Tango, T. (1998). Equivalence test and confidence interval for the difference in proportions for the paired-sample
design. Statistics in Medicine 17, 891-908.
Bonett, D. G. & Price, R. M. (2012). Adjusted Wald confidence interval for a difference of binomial proportions based on
paired data. Journal of Educational and Behavioral Statistics 37, 479-488.
Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6, 65-70.
Lugannani, R. & Rice, S. (1980). Saddle point approximation for the distribution of the sum of independent random
variables. Advances in Applied Probability 12, 475-490.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

from evals.ratings.types import Floats, Ints
from evals.ratings.variance import t_quantile

__all__ = [
    "Estimate",
    "Paired",
    "compare_levels",
    "compare_rates",
    "holm",
    "mean_of_shares",
    "sign_flip",
    "tango",
]

_Z = 1.959963984540054
# Up to so many differences that are not zero, all ways to sign them are counted.
_COUNTED = 16
# A lattice of sums longer than this is not counted but approximated.
_LATTICE = 50_000


@dataclass(frozen=True)
class Estimate:
    """A value with its 95% interval; None where the observations do not vary or are too few to tell."""

    value: float
    ci95: tuple[float, float] | None


@dataclass(frozen=True)
class Paired:
    """Over `n` tasks with a value on both sides. `change` is after minus before (rates), or after over before (levels).
    `moved` is the number of tasks that differ. `p`: of the test that nothing changed, None without tasks."""

    n: int
    moved: int
    before: Estimate | None
    after: Estimate | None
    change: Estimate | None
    p: float | None

    @property
    def least(self) -> float:
        """The smallest p that so many moved tasks can give: all in one direction."""
        return math.ldexp(1.0, max(1 - self.moved, -1000)) if self.moved else 1.0


_NOTHING = Paired(0, 0, None, None, None, None)


def compare_rates(
    before: npt.ArrayLike, before_n: npt.ArrayLike, after: npt.ArrayLike, after_n: npt.ArrayLike
) -> Paired:
    """(T,) each: successes and samples of each task, at least one sample on either side."""
    x, m = np.asarray(before, np.int64), np.asarray(before_n, np.int64)
    y, k = np.asarray(after, np.int64), np.asarray(after_n, np.int64)
    n = len(x)
    if not n:
        return _NOTHING
    difference = y / k - x / m
    change = _plain(x, y) if m.max() == k.max() == 1 else _of_samples(difference, m, k)
    # Differences in whole steps, so that their sums can be counted.
    unit = math.lcm(*np.unique(m).tolist(), *np.unique(k).tolist())
    whole = y * (unit // k) - x * (unit // m) if unit <= _LATTICE else None
    return Paired(
        n=n,
        moved=int(np.count_nonzero(difference)),
        before=mean_of_shares(x / m, m),
        after=mean_of_shares(y / k, k),
        change=Estimate(float(difference.mean()), change),
        p=sign_flip(difference) if whole is None else _sign_flip_whole(whole),
    )


def compare_levels(before: npt.ArrayLike, after: npt.ArrayLike) -> Paired:
    """(T,) each: the means of the natural logarithms of each task's samples. The estimates are geometric means, their
    ratio the change; intervals by Student's t over tasks."""
    x, y = np.asarray(before, np.float64), np.asarray(after, np.float64)
    if not len(x):
        return _NOTHING
    difference = y - x
    # What is rounding is no difference.
    difference[np.abs(difference) < 1e-12] = 0.0
    return Paired(
        n=len(x),
        moved=int(np.count_nonzero(difference)),
        before=_geometric(x),
        after=_geometric(y),
        change=_geometric(difference),
        p=sign_flip(difference),
    )


def mean_of_shares(shares: Floats, samples: Ints) -> Estimate | None:
    """The mean over tasks of shares in [0, 1] that were observed in `samples` each, with Wilson's interval for as many
    independent observations as the spread between tasks says they are worth: no fewer than tasks, no more than samples.

    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. JASA 22, 209-212.
    """
    n = len(shares)
    if not n:
        return None
    rate = float(shares.mean())
    variance = float(shares.var(ddof=1)) if n > 1 else 0.0
    worth = rate * (1 - rate) * n / variance if variance > 0 else float(n)
    worth = min(max(worth, float(n)), float(samples.sum()))
    share = _Z * _Z / worth
    centre = (rate + share / 2) / (1 + share)
    half = _Z / (1 + share) * math.sqrt(rate * (1 - rate) / worth + share / (4 * worth))
    return Estimate(rate, (max(0.0, centre - half), min(1.0, centre + half)))


def tango(gained: int, lost: int, n: int) -> tuple[float, float]:
    """95% interval of the difference (gained − lost) / n of two rates over the same n tasks, one answer each.

    The differences that a score test does not refuse. It is never empty and stays within −1 and 1, also where nothing
    or everything changed.
    """
    seen = (gained - lost) / n

    def score(difference: float) -> float:
        b = (2 * n - gained + lost) * difference - gained - lost
        c = -lost * difference * (1 - difference)
        falls = (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
        variance = n * (2 * falls + difference * (1 - difference))
        off = gained - lost - n * difference
        return off / math.sqrt(variance) if variance > 1e-12 else math.copysign(math.inf, off) if off else 0.0

    return _crossing(score, -1.0, seen, _Z), _crossing(score, seen, 1.0, -_Z)


def _crossing(score: Callable[[float], float], low: float, high: float, level: float) -> float:
    """Where the falling score passes the level, by halving: to 1e-12."""
    for _ in range(42):
        middle = (low + high) / 2
        if score(middle) > level:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _plain(x: Ints, y: Ints) -> tuple[float, float]:
    return tango(int((y > x).sum()), int((x > y).sum()), len(x))


def _of_samples(difference: Floats, m: Ints, k: Ints) -> tuple[float, float]:
    """Two artificial tasks are added, one that rose and one that fell by 1/√(samples): with one sample, those of
    Bonett and Price. Without them, tasks that all agree by chance would leave an interval of no width."""
    n = len(difference)
    weight = 2 / float((1 / m + 1 / k).mean())
    mean = float(difference.sum()) / (n + 2)
    variance = (float((difference**2).sum()) + 2 / weight) / (n + 2) - mean**2
    half = _Z * math.sqrt(variance / (n + 2))
    seen = float(difference.mean())
    return max(-1.0, min(mean - half, seen)), min(1.0, max(mean + half, seen))


def _geometric(logs: Floats) -> Estimate:
    n, mean = len(logs), float(logs.mean())
    spread = float(logs.std(ddof=1)) if n > 1 else 0.0
    if spread <= 1e-12 * max(1.0, abs(mean)):
        return Estimate(_exp(mean), None)
    half = t_quantile(n - 1) * spread / math.sqrt(n)
    return Estimate(_exp(mean), (_exp(mean - half), _exp(mean + half)))


def _exp(value: float) -> float:
    """Beyond what a float holds it stays at the largest."""
    return math.exp(min(max(value, -700.0), 700.0))


def sign_flip(differences: npt.ArrayLike) -> float:
    """p, two-sided, of a sum at least as far from 0 if each difference had either sign with probability 1/2.

    Exact up to 16 differences that are not zero; beyond by Lugannani and Rice's saddlepoint approximation, and never
    less than all the same sign would have, 2^(1 − n).
    """
    weights = np.asarray(differences, np.float64)
    weights = weights[weights != 0]
    n = len(weights)
    if not n:
        return 1.0
    weights = weights / np.abs(weights).max()
    total, sizes = abs(float(weights.sum())), np.abs(weights)
    if n <= _COUNTED:
        sums = sizes[:1]
        for size in sizes[1:]:
            sums = np.concatenate([sums + size, sums - size])
        return float((np.abs(sums) >= total - 1e-9 * n).mean())
    return min(1.0, max(2 * _tail(sizes, total), math.ldexp(1.0, max(1 - n, -1000))))


def _tail(sizes: Floats, total: float) -> float:
    """P(sum of randomly signed sizes >= total)."""
    most = float(sizes.sum())
    if total >= most * (1 - 1e-9):
        return 0.0
    spread = math.sqrt(float((sizes**2).sum()))
    if total < 1e-3 * spread:  # where the formula is 0/0
        return 0.5
    low, high = 0.0, 1.0
    while float((sizes * np.tanh(high * sizes)).sum()) < total:
        low, high = high, 2 * high
        if high > 1e6:
            return 0.0
    at = (low + high) / 2
    for _ in range(60):
        bent = np.tanh(at * sizes)
        off = float((sizes * bent).sum()) - total
        low, high = (at, high) if off < 0 else (low, at)
        curved = float((sizes**2 * (1 - bent**2)).sum())
        step = at - off / curved if curved > 0 else low
        at = step if low < step < high else (low + high) / 2
        if abs(off) < 1e-10 * most:
            break
    curved = float((sizes**2 * (1 - np.tanh(at * sizes) ** 2)).sum())
    # log cosh, without overflow
    cumulants = float((np.abs(at * sizes) + np.log1p(np.exp(-2 * np.abs(at * sizes))) - math.log(2)).sum())
    w = math.sqrt(max(0.0, 2 * (at * total - cumulants)))
    u = at * math.sqrt(curved)
    if w < 1e-6 or u <= 0:
        return 0.5 if w < 1e-6 else 0.0
    normal = float(scipy.special.ndtr(-w)) + math.exp(-w * w / 2) / math.sqrt(2 * math.pi) * (1 / u - 1 / w)
    return min(0.5, max(0.0, normal))


def _sign_flip_whole(differences: Ints) -> float:
    """As `sign_flip`, exact however many there are: the sum's distribution is that of a few binomials, one a size."""
    sizes, counts = np.unique(np.abs(differences[differences != 0]), return_counts=True)
    if not len(sizes):
        return 1.0
    step = int(np.gcd.reduce(sizes))
    sizes = sizes // step
    if int((sizes * counts).sum()) * 2 + 1 > _LATTICE:
        return sign_flip(differences)
    # From the smallest sum up, in steps of 2: signs change a sum by twice their size.
    chances = np.ones(1)
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        heads = np.zeros(size * count + 1)
        heads[::size] = np.exp(_log_binomial(count))
        chances = np.convolve(chances, heads)
    most = int((sizes * counts).sum())
    sums = 2 * np.arange(most + 1) - most
    seen = abs(int(differences.sum())) // step
    return min(1.0, float(chances[np.abs(sums) >= seen].sum()))


def _log_binomial(n: int) -> Floats:
    heads = np.arange(n + 1)
    logs: Floats = (
        scipy.special.gammaln(n + 1) - scipy.special.gammaln(heads + 1) - scipy.special.gammaln(n - heads + 1)
    )
    return logs - n * math.log(2)


def holm(p: Sequence[float | None], least: Sequence[float] | None = None, *, alpha: float = 0.05) -> list[float | None]:
    """Each p corrected for all of them: what is at most alpha is sure, and the chance that any of those sure is false
    is at most alpha, however the tests depend on each other. None, a test that was not made, stays None and counts for
    nothing.

    `least` is what each p could be at the least, as `Paired.least` says. Tests that could not have become sure even so
    are not counted and are corrected to 1: which those are follows from how many tasks moved, not from where to.

    Tarone, R. E. (1990). A modified Bonferroni method for discrete data. Biometrics 46, 515-522.
    """
    places = [place for place, value in enumerate(p) if value is not None]
    floor = {place: least[place] if least is not None else 0.0 for place in places}
    counted = len(places)
    for divisor in range(1, len(places) + 1):
        if sum(floor[place] <= alpha / divisor for place in places) <= divisor:
            counted = divisor
            break
    corrected: list[float | None] = [None if value is None else 1.0 for value in p]
    able = sorted((value, n) for n, value in enumerate(p) if value is not None and floor[n] <= alpha / counted)
    highest = 0.0
    for rank, (value, place) in enumerate(able):
        highest = max(highest, min(1.0, (len(able) - rank) * value))
        corrected[place] = highest
    return corrected
