"""How fast the maths of a new leaderboard is when one more vote has come in: `python -m benchmarks.ratings_speed`.

The work that `rank` does after every vote, without the database: from tallies at hand to ratings and the base intervals
of all pairs, to the spread between reviewers, and to a whole leaderboard. In one thread.

A busy machine makes short work wait: beside the time by the clock stands the processor time, which is what the clock
would show on an idle one, and a limit that only the latter keeps is said to hold so.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as arena.settings does

import sys
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks.speed.logs import draw, draw_tallies
from benchmarks.speed.ours import OneVoteMore
from benchmarks.speed.timing import medians
from evals.ratings import Tallies, compute

WIDTHS = "{:<66} {:>12} {:>12} {:>8}  {}"


class Row(NamedTuple):
    """In ms. `limit` is None where none was set."""

    work: str
    wall: float
    cpu: float
    limit: float | None = None

    @property
    def result(self) -> str:
        if self.limit is None:
            return ""
        if self.wall > self.limit:
            return "holds by cpu" if self.cpu <= self.limit else "MISSED"
        return "holds"

    def __str__(self) -> str:
        limit = "" if self.limit is None else f"{self.limit:g} ms"
        return WIDTHS.format(self.work, f"{self.wall:,.2f} ms", f"{self.cpu:,.2f} ms", limit, self.result).rstrip()


class Sizes(NamedTuple):
    """How much is measured: the tests run a little of everything."""

    logs: tuple[int, ...] = (100_000, 10_000_000)
    contenders: tuple[int, ...] = (20, 100, 300)
    reviewers: int = 50
    repeats: int = 41
    leaderboards: tuple[tuple[int, int, int], ...] = ((5_000, 8, 14), (20_000, 20, 50))  # votes, contenders, reviewers


LIMITS = {20: (0.5, 6), 100: (2.5, 12), 300: (20, 450)}  # K: ms for base intervals, ms with reviewers


def one_vote_more(sizes: Sizes) -> Iterator[Row]:
    for K in sizes.contenders:
        base, spread = LIMITS.get(K, (None, None))
        for n in sizes.logs:
            last = OneVoteMore(draw_tallies(n, K, 1))
            yield Row(f"one vote after {n:,}: base intervals, K={K}", *medians(last.base, sizes.repeats), base)
        for n in sizes.logs:
            last = OneVoteMore(draw_tallies(n, K, sizes.reviewers))
            work = f"one vote after {n:,}: and the spread of {sizes.reviewers} reviewers, K={K}"
            yield Row(work, *medians(last.with_reviewers, sizes.repeats), spread)


def whole_leaderboard(n: int, K: int, R: int) -> Row:
    """All that a leaderboard holds: tastes, task factor, ranks, digest, refits without each reviewer."""
    columns = draw(n, K)
    of = np.random.default_rng(1).integers((R, 200), size=(n, 2)).tolist()
    outcomes = ["lo", "hi", "tie"]
    votes = zip(of, *(column.tolist() for column in columns), strict=True)
    tallies = Tallies.from_votes((*who, first, second, outcomes[outcome]) for who, first, second, outcome in votes)
    last = compute(tallies)
    again = OneVoteMore(tallies)
    work = f"a whole leaderboard: {n:,} votes, {R} reviewers, K={K}"
    return Row(work, *medians(lambda: compute(again.unread(), warm=last), 10))


def measure(sizes: Sizes) -> Iterator[Row]:
    yield from one_vote_more(sizes)
    yield from (whole_leaderboard(*size) for size in sizes.leaderboards)


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def main() -> int:
    print(f"{load()} at the start", flush=True)
    print(WIDTHS.format("work", "clock", "processor", "limit", "").rstrip(), flush=True)
    for row in measure(Sizes()):
        print(row, flush=True)
    print(f"{load()} at the end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
