"""How many years of votes between two equal contenders see a switch: `python -m benchmarks.simulated_years`.

Five reviewers of uneven diligence, each with tastes and a weakness for one side, cast some eight votes a day (Poisson);
each evening brings one look, and the first table, refreshes and switches come by the default policy's own rules. Votes
are counted, and `evals.ratings`, `routing.decisions` and `routing.publishing` decide. Beside it, on the same votes,
what two rules without a gate do. Some of the years, first of all those with a switch, are then voted through the
application itself on SQLite and on PostgreSQL: ballots, rankings, looks and tables must be the same each evening, to
the last bit.

Evenings on which nobody is ahead whom any rule could switch to are not looked at; every 20th year is looked at on each
evening, and must go the same way (`--in-full 1`: every year). `--years N` of the first scene (default 2,000) and a
quarter of them of each other; `--real N` on SQLite (default 20) and a quarter of them on PostgreSQL. Runs on every
core; took an hour on two that had other work as well.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as arena.settings does

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.years.course import Course, follow
from benchmarks.years.databases import ROOT, Fresh, on_postgresql, on_sqlite
from benchmarks.years.pure import evenings
from benchmarks.years.votes import DAYS, SCENES, Scene, Year
from evals.ratings import wilson
from routing.policy.parse import default_document, parse

LIMIT = 0.05
IN_FULL = 20


class Played(NamedTuple):
    scene: str
    courses: list[Course]


@dataclass(frozen=True)
class Follow:
    """One year, for a process of its own."""

    scene: Scene
    in_full: int

    def __call__(self, seed: int) -> Course:
        policy, year = parse(default_document()), Year(seed, self.scene)
        course = follow(year, policy)
        if seed % self.in_full == 0:
            full = follow(year, policy, in_full=True)
            assert full == course, f"looked at on each evening, it went otherwise: {full}, not {course}"
        return course


def followed(scene: Scene, years: int, in_full: int) -> list[Course]:
    with ProcessPoolExecutor() as pool:
        return list(pool.map(Follow(scene, in_full), range(years), chunksize=10))


def told(switched: Sequence[bool]) -> str:
    """A share of years with its standard error and Wilson's interval of 95%."""
    n, years = sum(switched), len(switched)
    share = n / years
    low, high = wilson(n, years) or (0.0, 1.0)
    return f"{share:6.2%} ± {(share * (1 - share) / years) ** 0.5:.2%} ({low:.1%} to {high:.1%})"


def holds(switched: Sequence[bool]) -> bool:
    """Whether the share is within the limit: as it was counted, whatever its error excuses."""
    return float(np.mean(switched)) <= LIMIT


def told_years(courses: Sequence[Course]) -> str:
    first = np.array([np.inf if one.first is None else one.first for one in courses])
    by_lead = np.array([one.by_lead for one in courses])
    columns = (
        told([one.switches > 0 for one in courses]),
        told([one.sure > 0 for one in courses]),
        f"{np.mean([one.by_interval > 0 for one in courses]):8.1%}",
        f"{np.mean(by_lead > 0):6.1%}, {by_lead.mean():4.1f} a year",
        f"{np.median(first):.0f} ({first.max():.0f})",
    )
    return "   ".join(columns)


class Compared(NamedTuple):
    """What the application's year had, and how it differs from the one by the rules alone: empty if it does not."""

    votes: int
    switched: bool
    difference: str


@dataclass(frozen=True)
class Compare:
    """One year, in a process and a database of its own, beside the same by the rules alone."""

    fresh: Fresh
    days: int

    def __call__(self, year: tuple[str, int]) -> Compared:
        scene, seed = year
        environment = self.fresh(f"year-{list(SCENES).index(scene)}-{seed}")
        command = [sys.executable, "-m", "benchmarks.years.real", scene, str(seed), str(self.days)]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            return Compared(0, False, f"{scene}, seed {seed}: failed\n{done.stderr[-2000:]}")
        real = [json.loads(line) for line in done.stdout.splitlines()]
        pure = [seen.told() for seen in evenings(Year(seed, SCENES[scene], self.days), parse(default_document()))]
        differs = difference(json.loads(json.dumps(pure)), real)
        switched = any(seen["cause"] == "switched" for seen in real)
        return Compared(real[-1]["votes"], switched, f"{scene}, seed {seed}: {differs}" if differs else "")


def difference(pure: list[dict[str, Any]], real: list[dict[str, Any]]) -> str:
    """The first evening that was not the same, in words; empty if all were."""
    nothing: dict[str, Any] = {}
    for mine, other in zip_longest(pure, real, fillvalue=nothing):
        fields = sorted(name for name in mine.keys() | other.keys() if mine.get(name) != other.get(name))
        if fields:
            said = "\n".join(f"  {name}: {mine.get(name)!r}, there {other.get(name)!r}" for name in fields)
            return f"day {mine.get('day', other.get('day'))} differs\n{said}"
    return ""


def chosen(played: Sequence[Played], wanted: int) -> list[tuple[str, int]]:
    """Years to play for real: up to half of them with a switch, of any scene; the rest without, of the first."""
    switched = [(scene, one.seed) for scene, courses in played for one in courses if one.switches]
    switched = switched[: (wanted + 1) // 2]
    scene, courses = played[0]
    others = [(scene, one.seed) for one in courses if not one.switches]
    return [*switched, *others[: wanted - len(switched)]]


def print_pure(years: int, in_full: int) -> tuple[bool, list[Played]]:
    width = max(map(len, SCENES))
    print(f"Years, %, in which the route is switched at all (limit {LIMIT:.0%}), and days to the first table")
    heads = f"years   {'Arena':<29}   {'its bound alone':<29}   {'interval':>8}   {'whoever leads':>20}   median (most)"
    print(f"{'':<{width}}   {heads}", flush=True)
    good = True
    played: list[Played] = []
    for name, scene in SCENES.items():
        courses = followed(scene, years if not played else max(1, years // 4), in_full)
        played.append(Played(name, courses))
        good &= holds([one.switches > 0 for one in courses])
        print(f"{name:<{width}}   {len(courses):>5,}   {told_years(courses)}", flush=True)
    return good, played


def print_real(years: Sequence[tuple[str, int]], days: int = DAYS) -> bool:
    good = True
    engines = (("SQLite", on_sqlite, years), ("PostgreSQL", on_postgresql, years[: max(1, len(years) // 4)]))
    with tempfile.TemporaryDirectory(prefix="arena-years-") as folder:
        for engine, databases, asked in engines:
            with databases(Path(folder) / engine) as fresh, ThreadPoolExecutor(os.cpu_count()) as pool:
                if fresh is None:
                    continue
                compared = list(pool.map(Compare(fresh, days), asked))
            differences = [one.difference for one in compared if one.difference]
            switched, votes = sum(one.switched for one in compared), sum(one.votes for one in compared)
            went = "each the same" if not differences else f"{len(differences)} YEARS DIFFER"
            played = f"{len(asked)} years in the application, {switched} of them with a switch, {votes:,} votes"
            print("\n".join([f"{engine}: {played}, {len(asked) * days:,} evenings: {went}", *differences]), flush=True)
            good &= not differences
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--years", type=int, default=2_000)
    parser.add_argument("--real", type=int, default=20)
    parser.add_argument("--in-full", type=int, default=IN_FULL)
    asked = parser.parse_args()
    good, played = print_pure(asked.years, asked.in_full)
    years = chosen(played, asked.real)
    if years:
        good &= print_real(years)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
