"""Whether comparisons of two runs are honest: `python -m benchmarks.compare_runs`, `--small` for a quick look.

Four tables. How often the interval of a difference in success contains the truth: with one sample exactly, over every
outcome, beside Wald's interval; with several by simulation, beside Wald's on all answers as if each were a task. The
same for ratios of times, which have a heavy tail, beside the ratio of plain means. How often a page on which nothing
changed says that something did, beside each test at 5% of its own. And how often a planted regression is found.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as arena.settings does

import argparse
import math
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import stats

from evals.ratings.paired import Estimate, Paired, compare_levels, compare_rates, holm, tango

SIZES = (5, 10, 20, 40, 100)
Z = 1.959963984540054


# Success, one sample


@cache
def interval(b: int, c: int, n: int) -> tuple[float, float]:
    return tango(b, c, n)


def wald(b: int, c: int, n: int) -> tuple[float, float]:
    d = (b - c) / n
    half = Z * math.sqrt(max(0.0, (b + c) / n - d * d) / n)
    return d - half, d + half


# Chances before and after, and how far a task that is hard before is hard after (1: as far as can be).
PLAIN = tuple(
    (before, after, alike)
    for before, after in (
        (0.5, 0.5),
        (0.7, 0.9),
        (0.9, 0.9),
        (0.95, 0.95),
        (1.0, 0.9),
        (1.0, 0.7),
        (0.3, 0.8),
        (1.0, 1.0),
    )
    for alike in (0.0, 0.5)
)


def plain_coverage(n: int) -> list[tuple[float, float]]:
    """Of each of PLAIN: the chance that Tango's interval, and Wald's, contains the difference. No random numbers."""
    found = []
    for before, after, alike in PLAIN:
        both = before * after + alike * (min(before, after) - before * after)
        rise, fall = after - both, before - both
        stay = max(0.0, 1 - rise - fall)
        own = plain = 0.0
        for b in range(n + 1):
            for c in range(n + 1 - b):
                chance = float(stats.multinomial.pmf([b, c, n - b - c], n, [rise, fall, stay]))
                if chance < 1e-12:
                    continue
                for which, (low, high) in enumerate((interval(b, c, n), wald(b, c, n))):
                    inside = low - 1e-9 <= rise - fall <= high + 1e-9
                    own += chance * inside * (which == 0)
                    plain += chance * inside * (which == 1)
        found.append((own, plain))
    return found


# Success, several samples


def tasks_of(kind: str, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Each task's chances before and after."""
    if kind == "alike":
        return np.full(n, 0.8), np.full(n, 0.8)
    if kind == "easy":
        chance = rng.beta(9, 1, n)
        return chance, chance
    if kind == "hard or easy":
        chance = rng.beta(0.3, 0.15, n)
        return chance, chance
    chance = rng.beta(6, 2, n)
    return chance, 0.8 * chance


KINDS = ("alike", "easy", "hard or easy", "a fifth worse")
TRUTH = {"a fifth worse": -0.2 * 0.75}


def sampled_coverage(kind: str, n: int, samples: int, times: int, rng: np.random.Generator) -> tuple[float, float]:
    truth, own, plain = TRUTH.get(kind, 0.0), 0, 0
    sizes = np.full(n, samples)
    for _ in range(times):
        before, after = tasks_of(kind, rng, n)
        x, y = rng.binomial(samples, before), rng.binomial(samples, after)
        low, high = _ci95(compare_rates(x, sizes, y, sizes).change)
        own += low <= truth <= high
        p, q, answers = x.sum() / n / samples, y.sum() / n / samples, n * samples
        half = Z * math.sqrt((p * (1 - p) + q * (1 - q)) / answers)
        plain += abs(q - p - truth) <= half
    return own / times, plain / times


def _ci95(change: Estimate | None) -> tuple[float, float]:
    assert change is not None
    assert change.ci95 is not None
    return change.ci95


# Times


def latencies(rng: np.random.Generator, task: np.ndarray, factor: float = 1.0, steady: float = 0.15) -> np.ndarray:
    """Milliseconds as those of the demo's model on a shared machine: a task's own length, a little noise, and one
    answer of twenty that waits two to ten times as long."""
    waits = np.where(rng.random(len(task)) < 0.05, rng.uniform(2, 10, len(task)), 1.0)
    return factor * np.exp(task + rng.normal(0, steady, len(task))) * waits


def times_coverage(n: int, factor: float, times: int, rng: np.random.Generator) -> tuple[float, float]:
    own = plain = 0
    for _ in range(times):
        task = rng.normal(7.0, 0.7, n)
        x, y = latencies(rng, task), latencies(rng, task, factor)
        low, high = _ci95(compare_levels(np.log(x), np.log(y)).change)
        own += low <= factor <= high
        # Fieller's method would be better than this and is not what tools do.
        ratio = y.mean() / x.mean()
        half = Z * (y - ratio * x).std(ddof=1) / math.sqrt(n) / x.mean()
        plain += abs(ratio - factor) <= half
    return own / times, plain / times


# Pages


class Page(NamedTuple):
    """`sure`, and what tests at 5% of their own find: whether any is, and whether the planted one is."""

    any_sure: bool
    any_alone: bool
    planted_sure: bool
    others_sure: bool


class Planted(NamedTuple):
    """In one category of one contender: success falls by this much, or times grow by this factor."""

    fall: float = 0.0
    factor: float = 1.0


CATEGORIES = 4


def page(rng: np.random.Generator, contenders: int, n: int, samples: int, planted: Planted | None = None) -> Page:
    """Of each contender four categories of n tasks and all together: success, time, first token, tokens and cost."""
    p: list[Paired] = []
    hit: set[int] = set()
    touched: set[int] = set()
    for contender in range(contenders):
        whole: list[list[np.ndarray]] = [[] for _ in range(5)]
        for category in range(CATEGORIES):
            plan = planted if planted and contender == category == 0 else None
            chance = rng.beta(6, 1, n)
            worse = chance - (plan.fall if plan else 0.0)
            sizes = np.full(n, samples)
            x, y = rng.binomial(samples, chance), rng.binomial(samples, worse.clip(0, 1))
            task = rng.normal(7.0, 0.7, n)
            factor = plan.factor if plan else 1.0
            log = [np.log(latencies(rng, task, f)) for f in (1.0, factor)]
            first = [one - 2 + rng.normal(0, 0.2, n) for one in log]
            tokens = [np.log(np.maximum(1, np.exp(task - 3 + rng.normal(0, 0.2, n)).round())) for _ in range(2)]
            cost = [one + rng.normal(0, 0.02, n) for one in tokens]
            pairs = [log, first, tokens, cost]
            results = [compare_rates(x, sizes, y, sizes), *(compare_levels(*pair) for pair in pairs)]
            if plan:
                hit |= {len(p) + (0 if plan.fall else 1)}
                touched |= {len(p), len(p) + 1, len(p) + 2}
            p += results
            for place, pair in enumerate([[x / samples, y / samples], *pairs]):
                whole[place].append(np.stack(pair))
        sums = [np.concatenate(one, axis=1) for one in whole]
        sizes = np.full(n * CATEGORIES, samples)
        counts = (sums[0] * samples).round().astype(np.int64)
        if planted and contender == 0:
            touched |= {len(p), len(p) + 1, len(p) + 2}
        p += [compare_rates(counts[0], sizes, counts[1], sizes), *(compare_levels(*one) for one in sums[1:])]
    corrected = holm([one.p for one in p], [one.least for one in p])
    sure = {place for place, value in enumerate(corrected) if value is not None and value <= 0.05}
    alone = any(one.p is not None and one.p <= 0.05 for one in p)
    return Page(bool(sure), alone, bool(sure & hit), bool(sure - touched))


def share(pages: list[Page], name: str) -> str:
    values = [getattr(one, name) for one in pages]
    rate = float(np.mean(values))
    return f"{rate:.1%} ± {math.sqrt(rate * (1 - rate) / len(values)):.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="few repetitions, for the tests")
    small = parser.parse_args().small
    rng = np.random.default_rng(1)

    print("Difference in success, one sample a task: chance that the interval contains the truth (exact)")
    print(f"  {'tasks':>6} {'mean':>7} {'least':>7} {'most':>7}   Wald's mean, least")
    for n in SIZES[:3] if small else SIZES:
        own, plain = map(np.array, zip(*plain_coverage(n), strict=True))
        print(
            f"  {n:>6} {own.mean():>7.1%} {own.min():>7.1%} {own.max():>7.1%}   {plain.mean():.1%}, {plain.min():.1%}"
        )

    times = 40 if small else 2000
    print(f"\nDifference in success, several samples a task ({times} runs each)")
    print(f"  {'samples':>7} {'tasks':>6} {'mean':>7} {'least':>7} {'most':>7}   answers as tasks: mean, least")
    for samples in (2, 5):
        for n in SIZES[1:3] if small else SIZES:
            found = [sampled_coverage(kind, n, samples, times, rng) for kind in KINDS]
            own, plain = map(np.array, zip(*found, strict=True))
            print(
                f"  {samples:>7} {n:>6} {own.mean():>7.1%} {own.min():>7.1%} {own.max():>7.1%}"
                f"   {plain.mean():.1%}, {plain.min():.1%}"
            )

    print(f"\nRatio of times ({times} runs each)")
    print(f"  {'tasks':>6} {'nothing changed':>16} {'half as long again':>19}   ratio of plain means")
    for n in SIZES[1:3] if small else SIZES:
        same, slower = times_coverage(n, 1.0, times, rng), times_coverage(n, 1.5, times, rng)
        print(f"  {n:>6} {same[0]:>16.1%} {slower[0]:>19.1%}   {same[1]:.1%}, {slower[1]:.1%}")

    times = 10 if small else 1000
    print(f"\nPages on which nothing changed ({times} each): something is said to be sure; at 5% each it would be")
    for contenders, n, samples in ((1, 10, 1), (3, 10, 1), (3, 25, 1), (3, 10, 3)):
        pages = [page(rng, contenders, n, samples) for _ in range(times)]
        tests = contenders * (CATEGORIES + 1) * 5
        print(
            f"  {tests:>3} tests, {n} tasks a category, {samples} samples: {share(pages, 'any_sure')}"
            f" against {share(pages, 'any_alone')}"
        )

    times = 10 if small else 300
    print(
        f"\nPlanted in one of 12 categories of contenders, {times} pages each: found, and anything that was not planted"
    )
    for words, n, samples, planted in (
        ("success falls by 20 points", 25, 1, Planted(fall=0.2)),
        ("success falls by 20 points", 100, 1, Planted(fall=0.2)),
        ("success falls by 40 points", 25, 1, Planted(fall=0.4)),
        ("success falls by 20 points", 25, 5, Planted(fall=0.2)),
        ("times grow by a half", 25, 1, Planted(factor=1.5)),
        ("times grow by a half", 100, 1, Planted(factor=1.5)),
        ("times double", 25, 1, Planted(factor=2.0)),
    ):
        pages = [page(rng, 3, n, samples, planted) for _ in range(times)]
        print(f"  {words}, {n} tasks, {samples} samples: {share(pages, 'planted_sure')}; {share(pages, 'others_sure')}")


if __name__ == "__main__":
    main()
