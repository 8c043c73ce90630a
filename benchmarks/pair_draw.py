"""What drawing pairs well is worth: `python -m benchmarks.pair_draw`, beside drawing them uniformly.

Eight contenders, of which a newcomer leads the incumbent by 87 or 139 points; the others trail the incumbent by 25 to
200 points, or are all just as good as it, which is the hardest field to be quick in. Counted: votes until the gate
switches to the newcomer, and how often it is named best after 500 votes. `--replicates N` (default 400).
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as arena.settings does

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from benchmarks.simulation.gates import play_gates
from benchmarks.simulation.play import looks
from benchmarks.simulation.world import World, best_leads
from evals.ratings import from_points

K, VOTES, NAMED_AT = 8, 6_000, 500


class Figures(NamedTuple):
    """`votes`: median until the switch to the best; `wrong`: share that switched to another; `named` after 500."""

    votes: float
    wrong: float
    named: float


def figures(world: World, replicates: int, seed: int = 1) -> Figures:
    result = play_gates(world, gates=("panel",), size=replicates, votes=VOTES, every=5, seed=seed)["panel"]
    best = world.contenders - 1
    wrong = np.mean([bool(switches) and switches[0].to != best for switches in result.switches])
    stream = looks(world, replicates, np.random.default_rng(seed), votes=NAMED_AT, every=5, at=lambda n: n == NAMED_AT)
    named = float(np.mean([(look.batch.theta.argmax(1) == best).mean() for look in stream]))
    return Figures(float(np.median(result.votes)), float(wrong), named)


def fields() -> dict[str, World]:
    trailing = tuple(-from_points(points) for points in np.linspace(25, 200, K - 2).tolist())
    return {
        f"{said}, lead {points}": World(strengths, reviewers=5)
        for points in (87, 139)
        for said, strengths in (
            ("others trail", (0.0, *trailing, from_points(points))),
            ("others tie with it", best_leads(K, points)),
        )
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=400)
    replicates = parser.parse_args().replicates
    worlds = [world for one in fields().values() for world in (one, replace(one, draw="uniform"))]
    with ProcessPoolExecutor() as pool:
        measured = list(pool.map(figures, worlds, [replicates] * len(worlds)))
    print(f"{'K=8':<28} {'votes until the right switch':>30}   {'best named after 500 votes':>27}   wrong switch")
    for said, arena, uniform in zip(fields(), measured[::2], measured[1::2], strict=True):
        fewer = 1 - arena.votes / uniform.votes
        print(
            f"{said:<28} {arena.votes:>7,.0f} against {uniform.votes:>6,.0f}: {fewer:4.0%} fewer"
            f"   {arena.named:>12.1%} against {uniform.named:>6.1%}   {arena.wrong:.1%} against {uniform.wrong:.1%}"
        )


if __name__ == "__main__":
    main()
