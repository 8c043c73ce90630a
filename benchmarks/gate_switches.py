"""How often the gate switches falsely, looked at for ever: `python -m benchmarks.gate_switches`.

Categories are played vote by vote with known strengths, the pairs drawn by the application's own draw, and every switch
is confirmed by `evals.ratings` from the votes (`benchmarks.simulation`). Nothing is better than the incumbent in these
worlds, so any switch is false; a panel's numbers speak for its own tastes, so there a switch is false unless the
challenger leads in the fit of what these reviewers' votes are expected to be. The dwell time and the rule that no
single reviewer may flip the lead are left out: both only make the application switch later.

`--replicates N` categories a cell (default 200); `--part grid|cases|exact|right|cheaper` for one. Runs on every core.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as arena.settings does

import argparse
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np

from benchmarks.simulation.cheaper import votes_until_not_worse
from benchmarks.simulation.gates import Gate, GateResult, fixed_sample, play_gates
from benchmarks.simulation.world import World, all_equal, best_leads, tied_at_the_top
from evals.ratings import from_points

VOTES = 3_000
LIMIT = 0.05
CONTENDERS = (2, 5, 8, 20)


class Cell(NamedTuple):
    name: str
    world: World
    gates: tuple[Gate, ...]
    votes: int
    chain: bool = False

    @property
    def every(self) -> int:
        return 1 if self.world.contenders == 2 else 5


class Outcome(NamedTuple):
    """By gate: share of false switches with its binomial error, and the share and median votes of first switches."""

    cell: Cell
    results: dict[Gate, GateResult]


def grid() -> Iterator[Cell]:
    gates: tuple[Gate, ...] = ("panel", "people", "naive")
    truths = {"all equal": all_equal, "two tied at the top": tied_at_the_top}
    for K, R, tastes, sitting, (said, strengths) in product(
        CONTENDERS, (2, 5, 20), (0.0, 0.3, 0.6), (1, 40), truths.items()
    ):
        if K == 2 and said != "all equal":
            continue  # two equal contenders are tied at the top already
        how = "interleaved" if sitting == 1 else f"sittings of {sitting}"
        name = f"K={K} R={R} tastes {tastes} {how}, {said}"
        yield Cell(name, World(strengths(K), reviewers=R, tastes=tastes, sitting=sitting), gates, VOTES)


def cases() -> Iterator[Cell]:
    """What nobody had tried: each against five reviewers with tastes of .3 where it does not say otherwise."""
    gates: tuple[Gate, ...] = ("panel", "people", "naive")
    for K in (5, 8):
        plain = World(all_equal(K), reviewers=5, tastes=0.3)
        yield Cell(
            f"K={K} 30 tasks used again, tastes of tasks .5", replace(plain, tasks=30, task_tastes=0.5), gates, VOTES
        )
        yield Cell(
            f"K={K} 200 tasks used again, tastes of tasks .5", replace(plain, tasks=200, task_tastes=0.5), gates, VOTES
        )
        yield Cell(f"K={K} tastes that drift", replace(plain, drift=True), gates, VOTES)
        yield Cell(f"K={K} a fifth of the pairs for the least shown", replace(plain, newcomer_share=0.2), gates, VOTES)
        joins = {K - 2: 300, K - 1: 1_000}
        yield Cell(
            f"K={K} two contenders join at 300 and 1,000", replace(plain, joins=joins, newcomer_share=0.2), gates, VOTES
        )
        uneven = replace(plain, tastes=0.6, diligence=(0.85, 0.06, 0.04, 0.03, 0.02))
        yield Cell(f"K={K} one reviewer casts 85%, tastes .6", uneven, gates, VOTES)
        yield Cell(
            f"K={K} one reviewer casts 85%, tastes .6, sittings of 40", replace(uneven, sitting=40), gates, VOTES
        )
        better = (0.0, *(0.8,) * (K - 1))
        several = World(better, reviewers=5)
        yield Cell(f"K={K} a right switch, then {K - 1} tied: a further one", several, gates, VOTES, chain=True)
        ladder = (0.0, 0.6, *(1.2,) * (K - 2))
        yield Cell(f"K={K} two right switches, then {K - 2} tied", World(ladder, reviewers=5), gates, VOTES, chain=True)


def exact() -> Iterator[Cell]:
    """One reviewer alone, whose own scale it is."""
    for K, (said, strengths) in product(CONTENDERS, {"all equal": all_equal, "two tied": tied_at_the_top}.items()):
        if K > 2 or said == "all equal":
            world = World(strengths(K), reviewers=1)
            yield Cell(f"K={K} R=1, {said}", world, ("exact", "panel", "naive"), VOTES)


def right() -> Iterator[Cell]:
    """The best leads everybody by so many points: votes until the switch to it."""
    gates: tuple[Gate, ...] = ("panel", "people", "naive")
    for K, points in product(CONTENDERS, (87, 139)):
        yield Cell(f"K={K} lead {points}", World(best_leads(K, points), reviewers=5), gates, 6_000)
    yield Cell("K=8 lead 87, tastes .3", World(best_leads(8, 87), reviewers=5, tastes=0.3), gates, 6_000)
    yield Cell("K=8 lead 87, tastes .3, 20 reviewers", World(best_leads(8, 87), reviewers=20, tastes=0.3), gates, 6_000)


def cheaper(replicates: int) -> Iterator[tuple[str, np.ndarray]]:
    """Five contenders, a margin of 50 points, one candidate tried: a cheaper one just as far behind the best as is not
    allowed, one equal to all, one 25 points better."""
    for points_behind, R in product((50.0, 0.0, -25.0), (1, 5)):
        strengths = (-from_points(points_behind), 0.0, 0.0, 0.0, 0.0)
        found = votes_until_not_worse(
            World(strengths, reviewers=R), points=50, tried=1, size=replicates, votes=6_000, every=10, seed=R
        )
        where = (
            f"{abs(points_behind):.0f} {'behind' if points_behind > 0 else 'better' if points_behind else ': equal'}"
        )
        yield f"K=5 R={R}, {where}", found


PARTS = {"grid": grid, "cases": cases, "exact": exact, "right": right}


@dataclass(frozen=True)
class Play:
    """One cell at so many replicates, for a process of its own."""

    replicates: int

    def __call__(self, cell: Cell) -> Outcome:
        # Not `hash`: it differs from process to process.
        seed = sum(ord(letter) * (place + 1) for place, letter in enumerate(cell.name))
        play = play_gates(
            cell.world, gates=cell.gates, size=self.replicates, votes=cell.votes, every=cell.every, seed=seed,
            chain=cell.chain,
        )  # fmt: skip
        return Outcome(cell, play)


def played(cells: Iterable[Cell], replicates: int) -> Iterator[Outcome]:
    with ProcessPoolExecutor() as pool:
        yield from pool.map(Play(replicates), cells)


def share(result: GateResult) -> str:
    return f"{100 * result.false:5.1f} ± {100 * result.error:.1f}"


def print_false(part: str, replicates: int) -> bool:
    """Whether no share of false switches of Arena's gates is surely, by two standard errors, above the limit."""
    cells = list(PARTS[part]())
    width = max(len(cell.name) for cell in cells)
    ours = [gate for gate in cells[0].gates if gate != "naive"]
    print(f"\nFalse switches, % of {replicates} categories with any up to {VOTES:,} votes (limit {LIMIT:.0%})")
    print(f"{'':<{width}}  {'  '.join(f'{gate:>11}' for gate in cells[0].gates)}")
    shares: list[float] = []
    over = False
    for outcome in played(cells, replicates):
        figures = "  ".join(f"{share(result):>11}" for result in outcome.results.values())
        print(f"{outcome.cell.name:<{width}}  {figures}", flush=True)
        counted = ours if outcome.cell.world.reviewers > 1 else ["exact"]
        held = [outcome.results[gate] for gate in counted]
        shares += [result.false for result in held]
        over |= any(result.false - 2 * result.error > LIMIT for result in held)
        difference = max(result.difference for result in outcome.results.values())
        assert difference < 0.02, f"the batch's standard error is off by {difference:.1%}"
    print(f"mean {np.mean(shares):.1%}, largest {max(shares):.1%}")
    return not over


def print_right(replicates: int) -> None:
    print("\nMedian votes until a right switch (share of categories that switched), beside rules that do not hold")
    print(f"{'':<38} {'panel':>13} {'people':>13} {'naive, 95% at every look':>25}  fixed sample, power 50% / 80%")
    for outcome in played(right(), replicates):
        cell = outcome.cell
        half, most = fixed_sample(cell.world, size=replicates, votes=cell.votes, every=50, seed=1)
        row = "  ".join(
            f"{_median(result.votes):>6} ({np.isfinite(result.votes).mean():4.0%})"
            for result in outcome.results.values()
        )
        print(f"{cell.name:<38} {row}   {half:,.0f} / {most:,.0f}", flush=True)


def print_cheaper(replicates: int) -> None:
    print("\nA cheaper contender let through as less than 50 points worse than anybody: share, and median votes until")
    for name, found in cheaper(replicates):
        print(f"{name:<24} {np.isfinite(found).mean():6.1%}  {_median(found)}", flush=True)


def _median(votes: np.ndarray) -> str:
    median = float(np.median(votes))
    return f"{median:,.0f}" if np.isfinite(median) else "never"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--part", choices=[*PARTS, "cheaper"], action="append")
    chosen = parser.parse_args()
    holds = True
    for part in chosen.part or [*PARTS, "cheaper"]:
        if part == "right":
            print_right(chosen.replicates)
        elif part == "cheaper":
            print_cheaper(chosen.replicates)
        else:
            holds &= print_false(part, chosen.replicates)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
