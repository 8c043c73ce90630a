"""Why the ratings are computed as they are: `python -m benchmarks.method_choices`. Each row is a choice beside what
else one might do, on simulated categories with known strengths (`benchmarks.simulation`), in the same run.

`--replicates N` categories a row (default 200).
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as arena.settings does

import argparse
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from benchmarks.interval_coverage import spread
from benchmarks.simulation.play import Look, looks, standings_of, tallies_of
from benchmarks.simulation.world import World, all_equal, best_leads
from evals.ratings import ALPHA, DavidsonFit, Prior, fit_davidson, sequence_bound, votes_to_go
from evals.ratings.variance import pairwise_variance

Z = float(ndtri(0.975))
BOOTSTRAPS = 60


class Row(NamedTuple):
    """`better`: whether what Arena does came out ahead of what else one might do."""

    question: str
    ours: str
    others: str
    better: bool


def at(world: World, size: int, votes: int, seed: int) -> Look:
    """The state of `size` categories after so many votes."""
    stream = looks(world, size, np.random.default_rng(seed), votes=votes, every=5, at=lambda n: n == votes)
    return next(stream)


def differences(theta: np.ndarray) -> np.ndarray:
    """(pairs,) of all pairs, once each."""
    return (theta[:, None] - theta[None, :])[np.triu_indices(len(theta), 1)]


def covers(theta: np.ndarray, variance: np.ndarray, truth: np.ndarray) -> float:
    half = Z * np.sqrt(variance[np.triu_indices(len(theta), 1)])
    return float((np.abs(differences(theta) - differences(truth)) <= half).mean())


def prior(size: int) -> Row:
    """Root mean square error of differences after 30 votes among eight."""
    truth = np.array(spread(8)) * 2
    look = at(World(tuple(truth), reviewers=1, draw="uniform"), size, 30, 1)
    found: dict[float, float] = {}
    for sd in (2.0, 1.0, 100.0):
        errors = [differences(fit.theta) - differences(truth) for fit in fits(look, Prior(sd=sd))]
        found[sd] = float(np.sqrt(np.mean(np.square(errors))))
    return Row(
        "error of a difference, 30 votes, K=8, strengths that differ widely (SD 1.2)",
        f"prior SD 2: {found[2.0]:.2f}",
        f"SD 1: {found[1.0]:.2f}; none: {found[100.0]:.2f}",
        found[2.0] < found[100.0],
    )


def fits(look: Look, prior: Prior) -> Iterator[DavidsonFit]:
    for replicate in range(look.batch.size):
        tallies = tallies_of(look, replicate, tasks=False)
        yield fit_davidson(tallies.wins, tallies.ties, prior)


def both_bad(size: int) -> Row:
    """Coverage when 'both bad' stays out of the fit, and when it counts as a tie. The weaker a pair, the likelier."""
    truth = np.array(spread(5)) * 1.5
    rng = np.random.default_rng(2)
    apart: list[float] = []
    tied: list[float] = []
    for _ in range(size):
        wins, ties, bad = np.zeros((5, 5)), np.zeros((5, 5)), np.zeros((5, 5))
        for _ in range(1_000):
            i, j = rng.choice(5, 2, replace=False)
            if rng.random() < 1 / (1 + np.exp(1 + 2 * (truth[i] + truth[j]))):
                bad[i, j] += 1
                continue
            odds = np.exp((truth[i] - truth[j]) / 2)
            total = odds + 1 / odds + 0.5
            drawn = rng.random() * total
            if drawn < odds:
                wins[i, j] += 1
            elif drawn < odds + 1 / odds:
                wins[j, i] += 1
            else:
                ties[i, j] += 1
        for counted, found in ((ties, apart), (ties + bad, tied)):
            fit = fit_davidson(wins, counted + counted.T)
            found.append(covers(fit.theta, pairwise_variance(fit.covariance[:5, :5]), truth))
    return Row(
        "coverage of 95% intervals where weak pairs are often both bad, K=5, 1,000 votes",
        f"apart: {np.mean(apart):.3f}",
        f"as ties: {np.mean(tied):.3f}",
        bool(np.mean(apart) > np.mean(tied)),
    )


def intervals(votes: int, size: int) -> Row:
    """Coverage of the model's own covariance, of the sandwich and of the bootstrap."""
    K = 8
    truth = np.array(spread(K))
    look = at(World(tuple(truth), reviewers=1, draw="uniform"), size, votes, 3)
    rng = np.random.default_rng(3)
    base, sandwich, bootstrap = [], [], []
    weak = Prior(sd=100.0)  # what other tools fit has no prior
    for replicate in range(size):
        log = look.log
        votes_of = np.stack([part[:votes, replicate] for part in (log.first, log.second, log.outcome)])
        wins, ties = counted(votes_of, K)
        fit = fit_davidson(wins, ties)
        base.append(covers(fit.theta, pairwise_variance(fit.covariance[:K, :K]), truth))
        fit = fit_davidson(wins, ties, weak)
        sandwich.append(covers(fit.theta, pairwise_variance(robust(votes_of, fit, K)), truth))
        drawn = [votes_of[:, rng.integers(votes, size=votes)] for _ in range(BOOTSTRAPS)]
        thetas = np.array([fit_davidson(*counted(one, K), weak).theta for one in drawn])
        spreads = thetas[:, :, None] - thetas[:, None, :]
        low, high = np.percentile(spreads, (2.5, 97.5), axis=0)
        true = truth[:, None] - truth[None, :]
        inside = (low <= true) & (true <= high)
        bootstrap.append(float(inside[np.triu_indices(K, 1)].mean()))
    return Row(
        f"coverage of 95% intervals, {votes} votes, K=8",
        f"inverse Hessian with the prior: {np.mean(base):.3f}",
        f"sandwich: {np.mean(sandwich):.3f}; bootstrap: {np.mean(bootstrap):.3f}",
        bool(np.mean(base) > np.mean(bootstrap)),
    )


def counted(votes: np.ndarray, K: int) -> tuple[np.ndarray, np.ndarray]:
    """(K, K) wins and symmetric ties of (3, n) first, second, outcome."""
    first, second, outcome = votes
    wins, ties = np.zeros((K, K)), np.zeros((K, K))
    np.add.at(wins, (first[outcome == 0], second[outcome == 0]), 1)
    np.add.at(wins, (second[outcome == 1], first[outcome == 1]), 1)
    np.add.at(ties, (first[outcome == 2], second[outcome == 2]), 1)
    return wins, ties + ties.T


def robust(votes: np.ndarray, fit: DavidsonFit, K: int) -> np.ndarray:
    """(K, K) H⁻¹(Σgg')H⁻¹ over single votes."""
    first, second, outcome = votes
    d = fit.theta[first] - fit.theta[second]
    odds, nu = np.exp(d / 2), np.exp(fit.ln_ties)
    total = odds + 1 / odds + nu
    lean = np.select([outcome == 0, outcome == 1], [1.0, 0.0], 0.5) - (odds + nu / 2) / total
    g = np.zeros((len(first), K + 1))
    at_vote = np.arange(len(first))
    g[at_vote, first] += lean
    g[at_vote, second] -= lean
    g[:, K] = (outcome == 2) - nu / total
    covariance: np.ndarray = (fit.covariance @ (g.T @ g) @ fit.covariance)[:K, :K]
    return covariance


def tastes(sd: float, size: int) -> Row:
    """Coverage of what people like the five reviewers prefer, 500 votes."""
    world = World(spread(5), reviewers=5, tastes=sd)
    look = at(world, size, 500, 4)
    truth = np.array(world.strengths)
    with_tastes, without = [], []
    for replicate in range(size):
        standings = standings_of(look, replicate, people=True)
        variance = pairwise_variance(standings.covariance)
        q = standings.lead(0, 1).q
        added = standings.tastes[:, None] + standings.tastes[None, :]
        with_tastes.append(covers(standings.theta, q**2 * (variance + added), truth))
        without.append(covers(standings.theta, variance, truth))
    return Row(
        f"coverage for people like five reviewers, tastes {sd}, K=5, 500 votes",
        f"with tastes: {np.mean(with_tastes):.3f}",
        f"without: {np.mean(without):.3f}",
        bool(np.mean(with_tastes) > np.mean(without)),
    )


def often(rule: Callable[[np.ndarray, np.ndarray], np.ndarray], K: int, size: int) -> float:
    """Share of categories of equals in which a rule on (leads, standard errors) passes at some look up to 2,000."""
    passed = np.zeros(size, bool)
    every = 1 if K == 2 else 5
    stream = looks(World(all_equal(K), reviewers=1), size, np.random.default_rng(5), votes=2_000, every=every)
    for look in stream:
        if look.votes < 30:
            continue
        rows, best = look.batch.rows, look.batch.theta.argmax(1)
        V = look.batch.covariance
        variance = V[rows, best, best] + V[:, 0, 0] - 2 * V[rows, best, 0]
        lead = look.batch.theta[rows, best] - look.batch.theta[:, 0]
        passed |= (best != 0) & rule(lead, np.sqrt(np.maximum(variance, 1e-12)))
    return float(passed.mean())


def looking(K: int, size: int) -> Row:
    naive = often(lambda lead, se: lead > Z * se, K, size)
    likely = often(lambda lead, se: lead > float(ndtri(0.95)) * se, K, size)
    return Row(
        f"false switches between equals, looked at for 2,000 votes, K={K}",
        "Arena's gate: benchmarks.gate_switches",
        f"95% interval: {naive:.0%}; P(better) > 95%: {likely:.0%}",
        min(naive, likely) > ALPHA,
    )


def votes_left(size: int) -> Row:
    """How far 'about 160 more votes' is off: estimates every 50 votes against when the gate really switched."""
    world = World(best_leads(5, 110), reviewers=5)
    best = world.contenders - 1
    guesses: list[list[tuple[int, int]]] = [[] for _ in range(size)]
    switched = np.full(size, np.inf)
    for look in looks(world, size, np.random.default_rng(6), votes=4_000, every=10, at=lambda n: n >= 100):
        V = look.batch.covariance
        lead = look.batch.theta[:, best] - look.batch.theta[:, 0]
        se = np.sqrt(V[:, best, best] + V[:, 0, 0] - 2 * V[:, best, 0])
        for replicate in np.flatnonzero(np.isinf(switched)).tolist():
            d, s = float(lead[replicate]), float(se[replicate])
            if sequence_bound(d, s, rivals=world.contenders - 1).exceeds(0):
                switched[replicate] = look.votes
            elif look.votes % 50 == 0:
                go = votes_to_go(gap=d, se=s, votes=look.votes, rivals=world.contenders - 1)
                if go is not None:
                    guesses[replicate].append((look.votes, go.more))
        if np.isfinite(switched).all():
            break
    ratios = [
        more / (end - now)
        for told, end in zip(guesses, switched.tolist(), strict=True)
        for now, more in told
        if np.isfinite(end)
    ]
    within = np.mean([1 / 3 <= ratio <= 3 for ratio in ratios])
    return Row(
        "votes to go, told every 50 votes, against what it took",
        f"within a factor of 3: {within:.0%}",
        f"median of told over true: {np.median(ratios):.2f}; {np.isinf(switched).mean():.0%} never came to it",
        bool(within > 0.5),
    )


def measure(replicates: int) -> Iterator[Row]:
    yield prior(replicates)
    yield both_bad(max(5, replicates // 4))
    for votes in (60, 200):
        yield intervals(votes, max(5, replicates // 2))
    for sd in (0.3, 0.6):
        yield tastes(sd, replicates)
    for K in (2, 8):
        yield looking(K, replicates)
    yield votes_left(replicates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=200)
    for row in measure(parser.parse_args().replicates):
        print(f"{row.question}\n    {row.ours:<44} {row.others}", flush=True)


if __name__ == "__main__":
    main()
