"""Gates before simulated categories: who switches, when, and was it right?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import ndtri

from benchmarks.simulation.batch import half_width
from benchmarks.simulation.play import Look, as_voted, looks, standings_of
from benchmarks.simulation.world import World
from evals.ratings import Lead, head_to_head, sequence_bound

__all__ = ["Gate", "GateResult", "Switch", "fixed_sample", "play_gates"]

Gate = Literal["panel", "panel, q of people", "people", "exact", "naive"]
MIN_VOTES, MIN_REVIEWERS = 30, 2
# The batch proposes a little early, so that the real bound is asked about every switch it would make.
_SLACK = 0.97
# After a refusal by the real code (which also weighs re-used tasks) it is asked again this many votes later.
_AGAIN = 25


@dataclass(frozen=True)
class Switch:
    """`alone`: without some one reviewer the challenger would not lead, so that the application waits."""

    votes: int
    to: int
    false: bool
    alone: bool


@dataclass(eq=False)
class GateResult:
    """`switches` (size,) in order, by category. `difference`: the largest relative one seen between the batch's
    standard error and that of `evals.ratings.compute`."""

    switches: list[list[Switch]]
    difference: float = 0.0

    @property
    def false(self) -> float:
        """Share of the categories with a false switch."""
        return float(np.mean([any(switch.false for switch in switches) for switches in self.switches]))

    @property
    def error(self) -> float:
        """The binomial standard error of `false`."""
        return float(np.sqrt(self.false * (1 - self.false) / len(self.switches)))

    @property
    def votes(self) -> np.ndarray:
        """(size,) until the first switch, infinite where there was none."""
        return np.array([switches[0].votes if switches else np.inf for switches in self.switches])


class _Facts(NamedTuple):
    """(size,) each: what every gate asks of a look."""

    best: np.ndarray
    lead: np.ndarray
    variance: np.ndarray
    rivals: int


@dataclass(eq=False)
class _Gate:
    name: Gate
    size: int
    chain: bool
    result: GateResult = field(init=False)

    def __post_init__(self) -> None:
        self.result = GateResult([[] for _ in range(self.size)])
        self.incumbent = np.zeros(self.size, np.int64)
        self.open = np.ones(self.size, bool)
        self.again = np.zeros(self.size, np.int64)

    def look(self, look: Look, enough: np.ndarray) -> None:
        facts = _facts(look, self.incumbent)
        ready = enough & self.open & (self.again <= look.votes) & (facts.best != self.incumbent)
        for replicate in self._proposes(look, facts, np.flatnonzero(ready)).tolist():
            switch = self._confirmed(look, replicate, facts)
            if switch is None:
                self.again[replicate] = look.votes + _AGAIN
                continue
            self.result.switches[replicate].append(switch)
            self.incumbent[replicate] = switch.to
            self.open[replicate] = self.chain

    def _proposes(self, look: Look, facts: _Facts, rows: np.ndarray) -> np.ndarray:
        """Those of `rows` that may pass."""
        lead, variance, best, now = facts.lead[rows], facts.variance[rows], facts.best[rows], self.incumbent[rows]
        if self.name == "naive":
            return rows[lead > float(ndtri(0.975)) * np.sqrt(variance)]
        if self.name == "exact":
            wins, losses = look.batch.head_wins[rows, best, now], look.batch.head_wins[rows, now, best]
            # No e-value of M/α is reached below a z of 2.
            return rows[wins - losses > 2 * np.sqrt(wins + losses)]
        # Tastes only widen the bound, and they are costly to weigh.
        near = lead > _SLACK * half_width(variance, facts.rivals)
        rows, lead, variance = rows[near], lead[near], variance[near]
        if self.name == "panel" or not len(rows):
            return rows
        tastes, q = look.batch.spread(rows)
        if self.name == "people":
            at = np.arange(len(rows))
            variance = variance + tastes[at, facts.best[rows]] + tastes[at, self.incumbent[rows]]
        return rows[lead > _SLACK * q * half_width(variance, facts.rivals)]

    def _confirmed(self, look: Look, replicate: int, facts: _Facts) -> Switch | None:
        """By `evals.ratings` itself, from the votes."""
        to, now = int(facts.best[replicate]), int(self.incumbent[replicate])
        if self.name == "naive":
            return Switch(look.votes, to, self._is_false(look, replicate, to, now), alone=False)
        absent = tuple(np.flatnonzero(~look.present).tolist())
        standings = standings_of(look, replicate, people=self.name == "people", absent=absent)
        lead = standings.lead(to, now)
        if not standings.task_factor > 1:
            ours = float(facts.variance[replicate]) ** 0.5
            self.result.difference = max(self.result.difference, abs(ours / lead.se_panel - 1))
        if not lead.connected or not self._passes(lead):
            return None
        alone = lead.weakest is not None and lead.weakest <= 0
        return Switch(look.votes, to, self._is_false(look, replicate, to, now), alone)

    def _passes(self, lead: Lead) -> bool:
        if self.name == "exact":
            return head_to_head(lead.record.wins, lead.record.losses, rivals=lead.rivals).passed and lead.lead > 0
        q = lead.q_people if self.name == "panel, q of people" else lead.q
        return sequence_bound(lead.lead, lead.se, rivals=lead.rivals, q=q).exceeds(0.0)

    def _is_false(self, look: Look, replicate: int, to: int, now: int) -> bool:
        """People: others like them, so the strengths before tastes. A panel: these, as they voted."""
        personal = self.name != "people" and look.truth.world.tastes > 0
        worth = as_voted(look, replicate) if personal else look.truth.strengths
        return bool(worth[to] - worth[now] <= 1e-9)


def _facts(look: Look, incumbent: np.ndarray) -> _Facts:
    batch, rows = look.batch, look.batch.rows
    best = np.where(look.present, batch.theta, -np.inf).argmax(1)
    lead = batch.theta[rows, best] - batch.theta[rows, incumbent]
    return _Facts(best, lead, _variance(look, best, incumbent), int(look.present.sum()) - 1)


def _variance(look: Look, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    V, rows = look.batch.covariance, look.batch.rows
    return V[rows, a, a] + V[rows, b, b] - 2 * V[rows, a, b]


def play_gates(
    world: World,
    *,
    gates: Sequence[Gate],
    size: int,
    votes: int,
    every: int,
    seed: int,
    chain: bool = False,
) -> dict[Gate, GateResult]:
    """One stream of votes a category, and every gate looks at the same ones. The incumbent is contender 0; with `chain`
    whoever is switched to is the next incumbent, else the first switch ends it. Stops early once all have switched."""
    playing = [_Gate(name, size, chain) for name in gates]
    stream = looks(world, size, np.random.default_rng(seed), votes=votes, every=every, at=lambda n: n >= MIN_VOTES)
    for look in stream:
        enough = (look.batch.cast > 0).sum(1) >= min(MIN_REVIEWERS, world.reviewers)
        for gate in playing:
            gate.look(look, enough)
        if not any(gate.open.any() for gate in playing):
            break
    return {gate.name: gate.result for gate in playing}


def fixed_sample(
    world: World, *, size: int, votes: int, every: int, seed: int, power: Sequence[float] = (0.5, 0.8)
) -> list[float]:
    """How many votes a test that is looked at once needs, by its power to name the last contender over the incumbent:
    two-sided 5% shared among the rivals. Whoever plans such a test has to know the lead beforehand."""
    z = float(-ndtri(0.025 / (world.contenders - 1)))
    passed = []
    for look in looks(world, size, np.random.default_rng(seed), votes=votes, every=every):
        last, first = np.full(size, world.contenders - 1), np.zeros(size, np.int64)
        theta, rows = look.batch.theta, look.batch.rows
        lead = theta[rows, last] - theta[rows, first]
        passed.append((look.votes, float((lead > z * np.sqrt(_variance(look, last, first))).mean())))
    return [next((float(n) for n, share in passed if share >= wanted), np.inf) for wanted in power]
