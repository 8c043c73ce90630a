"""Do 95% intervals hold the truth 95 times in a hundred? `python -m benchmarks.interval_coverage`.

Categories with known strengths are played vote by vote (`benchmarks.simulation`), pairs drawn uniformly or by the
application's own draw, and ranked by `evals.ratings.compute` after 30, 200 and 1,000 votes. Counted: the intervals of
all differences between two contenders that votes relate. A panel's hold what these reviewers' votes are expected to
say; people's, who others like them would prefer; with one reviewer the numbers are that reviewer's own.

`--replicates N` categories a cell (default 300). Cells run on every core.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as arena.settings does

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import ndtri

from benchmarks.simulation.play import Look, as_voted, looks, standings_of
from benchmarks.simulation.world import World, all_equal
from evals.ratings.variance import pairwise_variance, t_quantile

LOOKS = (30, 200, 1_000)
CONTENDERS = (2, 5, 8, 20)
LIMITS = {"uniform": 0.94, "arena": 0.92}
Whose = Literal["panel", "people", "own scale"]


class Cell(NamedTuple):
    whose: Whose
    world: World


class Covered(NamedTuple):
    """(looks,) each: share of the intervals that hold the truth, averaged within a category first, and the standard
    error of that mean over categories."""

    share: np.ndarray
    error: np.ndarray


def spread(contenders: int) -> tuple[float, ...]:
    """Strengths as of a normal distribution with standard deviation .6, about 100 points."""
    return tuple((0.6 * ndtri((np.arange(contenders) + 0.5) / contenders)).tolist())


def cells() -> Iterator[tuple[str, Cell]]:
    kinds: list[tuple[Whose, int, float]] = [
        ("panel", 5, 0.0),
        ("panel", 5, 0.6),
        ("people", 5, 0.3),
        ("people", 5, 0.6),
        ("people", 20, 0.3),
        ("people", 20, 0.6),
        ("own scale", 1, 0.6),
    ]
    draws: tuple[Literal["uniform", "arena"], ...] = ("uniform", "arena")
    fields = (("equal", all_equal), ("spread", spread))
    for (whose, R, tastes), (said, strengths), draw, K in product(kinds, fields, draws, CONTENDERS):
        name = f"{whose}, R={R}, tastes {tastes}, {said}, {draw} draw, K={K}"
        yield name, Cell(whose, World(strengths(K), reviewers=R, tastes=tastes, draw=draw))


def covered(look: Look, replicate: int, whose: Whose) -> float:
    """Share of the related pairs whose interval holds the truth; NaN if no two are related."""
    standings = standings_of(look, replicate, people=whose == "people")
    personal = whose != "people" and look.truth.world.tastes > 0
    truth = as_voted(look, replicate) if personal else look.truth.strengths
    variance = pairwise_variance(standings.covariance)
    if whose == "people":
        tastes = standings.tastes[:, None] + standings.tastes[None, :]
        half = t_quantile(standings.df) * np.sqrt(variance + tastes)
    else:
        half = t_quantile(None) * np.sqrt(variance)
    missed = np.abs(_differences(standings.theta) - _differences(truth)) > half
    related = np.triu(standings.components[:, None] == standings.components[None, :], 1)
    return 1 - float(missed[related].mean()) if related.any() else float("nan")


def _differences(values: np.ndarray) -> np.ndarray:
    return values[:, None] - values[None, :]


@dataclass(frozen=True)
class Play:
    """One cell at so many replicates, for a process of its own."""

    replicates: int

    def __call__(self, named: tuple[str, Cell]) -> tuple[str, Cell, Covered]:
        name, cell = named
        seed = sum(ord(letter) * (place + 1) for place, letter in enumerate(name))
        stream = looks(
            cell.world, self.replicates, np.random.default_rng(seed), votes=LOOKS[-1], every=5, at=LOOKS.__contains__
        )
        shares = [[covered(look, one, cell.whose) for one in range(self.replicates)] for look in stream]
        table = np.array(shares)
        return name, cell, Covered(np.nanmean(table, 1), np.nanstd(table, 1) / np.sqrt(self.replicates))


def measure(replicates: int, wanted: list[tuple[str, Cell]] | None = None) -> Iterator[tuple[str, Cell, Covered]]:
    with ProcessPoolExecutor() as pool:
        yield from pool.map(Play(replicates), wanted or list(cells()))


def main() -> int:
    """0 unless some share is surely, by two standard errors, below its limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=300)
    chosen = parser.parse_args()
    found: dict[str, list[tuple[float, str]]] = {draw: [] for draw in LIMITS}
    holds = True
    print(f"Share of nominal 95% intervals that hold the truth, {chosen.replicates} categories a row; after")
    print(f"{'':<56} {'  '.join(f'{n:>5} votes' for n in LOOKS)}")
    for name, cell, result in measure(chosen.replicates):
        figures = "  ".join(
            f"{share:5.3f}±{error:.3f}" for share, error in zip(result.share, result.error, strict=True)
        )
        print(f"{name:<56} {figures}", flush=True)
        found[cell.world.draw] += [(share, name) for share in result.share.tolist()]
        holds &= bool((result.share + 2 * result.error >= LIMITS[cell.world.draw]).all())
    for draw, shares in found.items():
        share, name = min(shares)
        mean = np.mean([share for share, _ in shares])
        print(f"under the {draw} draw: mean {mean:.3f}, least {share:.3f} (limit {LIMITS[draw]}), {name}")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
