"""Plays categories vote by vote, looking every few votes, and asks the real code before it believes a switch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from benchmarks.simulation.batch import Batch
from benchmarks.simulation.world import TIES, Truth, World
from evals.ratings import Params, Prior, Standings, Tallies, compute, fit_davidson
from evals.ratings.tallies import CountTable

__all__ = ["Log", "Look", "as_voted", "looks", "standings_of", "tallies_of"]


@dataclass(eq=False)
class Log:
    """Every vote, (votes, size) each: who, on which task, first and second contender, outcome, and what the true lead
    of the first was to this reviewer."""

    who: np.ndarray
    task: np.ndarray
    first: np.ndarray
    second: np.ndarray
    outcome: np.ndarray
    leads: np.ndarray

    @classmethod
    def of(cls, votes: int, size: int) -> Log:
        who, task, first, second, outcome = np.zeros((5, votes, size), np.int16)
        return cls(who, task, first, second, outcome, np.zeros((votes, size), np.float32))


class Look(NamedTuple):
    """The state after `votes` votes: the batch is fitted; `present` (K,) says who has joined."""

    votes: int
    batch: Batch
    log: Log
    truth: Truth
    present: np.ndarray


def looks(
    world: World,
    size: int,
    rng: np.random.Generator,
    *,
    votes: int,
    every: int,
    at: Callable[[int], bool] = lambda _: True,
) -> Iterator[Look]:
    """Votes `every` at a time, the pairs drawn by the standings of the last look, as the application's are by the
    newest leaderboard. `at` restricts the looks that are yielded, not the fits that drawing needs."""
    K = world.contenders
    batch, truth = Batch(size, K, world.reviewers), Truth(world, size, rng)
    log = Log.of(votes, size)
    batch.fit()
    for n in range(votes):
        present = np.array([world.joins.get(k, 0) <= n for k in range(K)])
        first, second = batch.draw(rng, present, uniform=world.draw == "uniform", newcomer_share=world.newcomer_share)
        who, task = truth.reviewers(n), truth.tasks(n)
        leads = truth.leads(who, first, second)
        outcome = truth.outcomes(leads, task, first, second)
        batch.add(who, first, second, outcome)
        log.who[n], log.task[n], log.first[n], log.second[n] = who, task, first, second
        log.outcome[n], log.leads[n] = outcome, leads
        if (n + 1) % every == 0:
            wanted = at(n + 1)
            if wanted or world.draw != "uniform":
                batch.fit()
            if wanted:
                yield Look(n + 1, batch, log, truth, present)


def tallies_of(look: Look, replicate: int, tasks: bool) -> Tallies:
    """What the application would have counted of one category."""
    n, K = look.votes, look.batch.K
    log = look.log
    columns = (part[:n, replicate].astype(np.int64) for part in (log.who, log.task, log.first, log.second, log.outcome))
    who, task, first, second, outcome = columns
    turned = first > second
    lo, hi = np.where(turned, second, first), np.where(turned, first, second)
    outcome = np.where(turned & (outcome < 2), 1 - outcome, outcome)

    def table(group: np.ndarray) -> CountTable:
        groups, place = np.unique(group, return_inverse=True)
        cells, which = np.unique((place * K + lo) * K + hi, return_inverse=True)
        counts = np.zeros((len(cells), 4), np.int64)
        np.add.at(counts, (which, outcome), 1)
        return CountTable(tuple(groups.tolist()), cells // (K * K), cells // K % K, cells % K, counts)

    none = CountTable((), *(np.empty(0, np.int64),) * 3, np.empty((0, 4), np.int64))
    return Tallies(tuple(range(K)), table(who), table(task) if tasks else none)


def standings_of(look: Look, replicate: int, *, people: bool, absent: tuple[int, ...] = ()) -> Standings:
    """What the application would have published of one category. Whoever has not joined counts as retired, so that
    they are no rival: in the application they would not be in the tallies."""
    tallies = tallies_of(look, replicate, tasks=bool(look.truth.world.tasks))
    params = Params(speaks_for="people" if people else "panel", draws=2)
    return compute(tallies, params, retired=absent)


def as_voted(look: Look, replicate: int) -> np.ndarray:
    """(K,) the strengths that these reviewers' votes estimate: the fit of the votes one would expect of them, each on
    the pairs they were shown. That is what a panel's numbers speak for."""
    n, K = look.votes, look.batch.K
    first, second = look.log.first[:n, replicate], look.log.second[:n, replicate]
    odds = np.exp(look.log.leads[:n, replicate].astype(np.float64) / 2)
    total = odds + 1 / odds + TIES
    wins, ties = np.zeros((K, K)), np.zeros((K, K))
    np.add.at(wins, (first, second), odds / total)
    np.add.at(wins, (second, first), 1 / odds / total)
    np.add.at(ties, (first, second), TIES / total)
    return fit_davidson(wins, ties + ties.T, Prior()).theta
