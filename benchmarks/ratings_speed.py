"""How fast votes become ratings: `python -m benchmarks.ratings_speed`, beside evalica in the same process.

Ours gives ratings with ties, a prior and 95% intervals; evalica gives Bradley-Terry scores without intervals. Where
there is a peer the two take turns, and the ratio is the median over the turns: whatever else the machine does meanwhile
slows both.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as arena.settings does

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import evalica
import numpy as np
import pandas as pd
from evalica import _brzo

from evals.ratings import Prior, Tallies, compute, count_pairs, fit_davidson
from evals.ratings.graph import components_of
from evals.ratings.tallies import CountTable
from evals.ratings.variance import pairwise_variance, reviewer_variance


class Row(NamedTuple):
    work: str
    ours_ms: float
    peer: str
    ratio: float | None


class Votes(NamedTuple):
    """One an element, contenders and reviewers by number; outcome 0: first wins, 1: second wins, 2: tie."""

    first: np.ndarray
    second: np.ndarray
    outcome: np.ndarray
    reviewer: np.ndarray


def draw(n: int, K: int, reviewers: int = 1) -> Votes:
    """Uniform pairs of contenders with known strengths."""
    rng = np.random.default_rng(K)
    theta = rng.normal(0, 0.6, K)
    first = rng.integers(K, size=n)
    second = (first + 1 + rng.integers(K - 1, size=n)) % K
    odds = np.exp((theta[first] - theta[second]) / 2)
    chance = rng.random(n) * (odds + 1 / odds + 0.5)
    outcome = np.where(chance < odds, 0, np.where(chance < odds + 1 / odds, 1, 2))
    return Votes(first, second, outcome, rng.integers(reviewers, size=n))


def took(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def alone(work: Callable[[], object], turns: int) -> float:
    work()
    return statistics.median(took(work) for _ in range(turns))


def beside(work: Callable[[], object], peer: Callable[[], object], turns: int) -> tuple[float, float]:
    """Median of ours in ms, and of how many times longer the peer took in the same turn."""
    work(), peer()
    pairs = [(took(work), took(peer)) for _ in range(turns)]
    return statistics.median(ours for ours, _ in pairs), statistics.median(theirs / ours for ours, theirs in pairs)


def warm_fit(K: int, n: int) -> float:
    """A vote came in: the count tables changed by one, the last result is at hand."""
    votes = draw(n, K)
    wins, ties = count_pairs(votes.first, votes.second, votes.outcome, K)
    before = fit_davidson(wins, ties)
    start = np.append(before.theta, before.ln_ties)
    wins[0, 1] += 1

    def fit() -> object:
        return pairwise_variance(fit_davidson(wins, ties, start=start).covariance[:K, :K])

    return alone(fit, 100)


def reviewers(K: int, n: int, R: int) -> float:
    """The spread between reviewers, from their count tables and a fit."""
    votes = draw(n, K, R)
    turned = votes.first > votes.second
    lo, hi = np.where(turned, votes.second, votes.first), np.where(turned, votes.first, votes.second)
    outcome = np.where(turned & (votes.outcome < 2), 1 - votes.outcome, votes.outcome)
    cells, which = np.unique((votes.reviewer * K + lo) * K + hi, return_inverse=True)
    counts = np.bincount(which * 4 + outcome, minlength=len(cells) * 4).reshape(-1, 4)
    table = CountTable(tuple(range(R)), cells // (K * K), cells // K % K, cells % K, counts)
    none = cells[:0]
    tallies = Tallies(tuple(range(K)), table, CountTable((), none, none, none, counts[:0]))
    fit = fit_davidson(tallies.wins, tallies.ties)
    components = components_of(tallies.wins + tallies.wins.T + tallies.ties)
    return alone(lambda: reviewer_variance(tallies, fit, components), 20)


def whole_chore(K: int, n: int, R: int) -> float:
    """Everything a leaderboard holds: spread, task factor, ranks, digest, refits without each reviewer."""
    votes = draw(n, K, R)
    names = ["lo", "hi", "tie"]
    tallies = Tallies.from_votes(
        (int(r), int(i) % 200, int(a), int(b), names[o]) for i, (a, b, o, r) in enumerate(zip(*votes, strict=True))
    )
    last = compute(tallies)
    return alone(lambda: compute(Tallies(tallies.contenders, tallies.by_reviewer, tallies.by_task), warm=last), 10)


def from_arrays(n: int, K: int, turns: int) -> tuple[float, float]:
    """A whole log of integers, against evalica's compiled function called on the same integers."""
    votes = draw(n, K)
    xs, ys = votes.first.tolist(), votes.second.tolist()
    kinds = (evalica.Winner.X, evalica.Winner.Y, evalica.Winner.Draw)
    winners = [kinds[outcome] for outcome in votes.outcome.tolist()]
    weights = [1.0] * n

    def ours() -> object:
        return fit_davidson(*count_pairs(votes.first, votes.second, votes.outcome, K), Prior())

    def theirs() -> object:
        return _brzo.bradley_terry(
            xs=xs,
            ys=ys,
            winners=winners,
            weights=weights,
            total=K,
            win_weight=1.0,
            tie_weight=0.5,
            tolerance=1e-6,
            limit=100,
        )

    return beside(ours, theirs, turns)


def from_strings(n: int, K: int, turns: int) -> tuple[float, float]:
    """A log as pandas reads it from a file, against evalica's public function."""
    votes = draw(n, K)
    names = np.array([f"contender-{k}" for k in range(K)])
    first, second = pd.Series(names[votes.first]), pd.Series(names[votes.second])
    labels = pd.Series(np.array(["model_a", "model_b", "tie"])[votes.outcome])
    known = {"model_a": evalica.Winner.X, "model_b": evalica.Winner.Y, "tie": evalica.Winner.Draw}

    def ours() -> object:
        places, index = pd.factorize(pd.concat([first, second], ignore_index=True))
        verdicts, kinds = pd.factorize(labels)
        outcome = np.array([["model_a", "model_b", "tie"].index(kind) for kind in kinds])[verdicts]
        return fit_davidson(*count_pairs(places[:n], places[n:], outcome, len(index)))

    def theirs() -> object:
        return evalica.bradley_terry(first, second, labels.map(known))

    return beside(ours, theirs, turns)


def measure() -> list[Row]:
    rows = [
        Row(f"one vote more: ratings and base intervals, K={K}", warm_fit(K, n), "", None)
        for K, n in ((20, 20_000), (100, 200_000), (300, 1_000_000))
    ]
    rows += [
        Row(f"spread between 50 reviewers, K={K}", reviewers(K, n, 50), "", None)
        for K, n in ((20, 20_000), (100, 200_000), (300, 1_000_000))
    ]
    rows.append(Row("a whole leaderboard: 5,000 votes, 14 reviewers, K=8", whole_chore(8, 5_000, 14), "", None))
    rows.append(Row("a whole leaderboard: 20,000 votes, 50 reviewers, K=20", whole_chore(20, 20_000, 50), "", None))
    rows.append(Row("1M votes, integer arrays, K=100", *_peer(from_arrays(10**6, 100, 9), "evalica, compiled call")))
    rows.append(Row("1M votes, pandas strings, K=100", *_peer(from_strings(10**6, 100, 5), "evalica")))
    rows.append(Row("10M votes, integer arrays, K=300", *_peer(from_arrays(10**7, 300, 3), "evalica, compiled call")))
    return rows


def _peer(figures: tuple[float, float], name: str) -> tuple[float, str, float]:
    return figures[0], name, figures[1]


def main() -> None:
    print(f"{'work':<58} {'ours':>10}  peer")
    for row in measure():
        peer = "" if row.ratio is None else f"{row.peer}: {row.ratio:.1f} times as long, without intervals"
        print(f"{row.work:<58} {row.ours_ms:>7.2f} ms  {peer}")


if __name__ == "__main__":
    main()
