"""How fast votes become ratings, and what memory that takes: `python -m benchmarks.ratings_speed`.

Every figure of ours ends with ratings and the base intervals of all pairs, in one thread. Beside it, turn by turn on
the same log: arena-rank in a process of its own environment, with its sandwich intervals and all cores; FastChat's
bootstrap, written anew from its description, of whose hundred rounds a few are run; evalica, which gives no intervals.
Medians; a ratio is the median over the turns of how many times as long the peer took. Every one starts with its own
kind of data in memory, and arena-rank has run once: the first time it compiles.

A busy machine makes short work wait: beside the time by the clock stands the time the processor spent, which is what
the clock would show on an idle one, and a limit that only the latter keeps is said to hold so.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as arena.settings does

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.speed import bootstrap, evalica_calls
from benchmarks.speed.arena_rank import ArenaRank
from benchmarks.speed.environment import PeersMissingError, peers_python
from benchmarks.speed.logs import draw, draw_tallies, names, read_arrays, write_arrays, write_strings
from benchmarks.speed.memory import peak_of
from benchmarks.speed.ours import OneVoteMore, from_arrays, from_strings
from benchmarks.speed.timing import Turn, alone, beside, took
from evals.ratings import Tallies, compute

MB = 1 << 20
BOOTSTRAP = "FastChat's bootstrap"
EVALICA = "evalica, no intervals"
WIDTHS = "{:<66} {:>10} {:>8} {:>7}  {:<24} {:>10} {:>8} {:>7}  {}"


class Row(NamedTuple):
    """Figures in ms or MB, as `unit` says; of a peer in ms. None: there is none, or none was asked for."""

    work: str
    ours: float
    cpu: float | None = None
    limit: float | None = None
    peer: str = ""
    theirs: float | None = None
    ratio: float | None = None
    least: float | None = None
    unit: str = "ms"

    @property
    def verdict(self) -> str:
        if self.least is not None and self.ratio is not None and self.ratio < self.least:
            return "MISSED"
        if self.limit is not None and self.ours > self.limit:
            return "holds by cpu" if self.cpu is not None and self.cpu <= self.limit else "MISSED"
        return "" if self.limit is None and self.least is None else "holds"

    def __str__(self) -> str:
        def told(value: float | None, form: str) -> str:
            return "" if value is None else form.format(value)

        return WIDTHS.format(
            self.work,
            f"{self.ours:,.2f} {self.unit}",
            told(self.cpu, "{:,.2f}"),
            told(self.limit, "{:g} " + self.unit),
            self.peer,
            told(self.theirs, "{:,.0f} ms"),
            told(self.ratio, "{:,.1f}×"),
            told(self.least, ">= {:g}×"),
            self.verdict,
        ).rstrip()


class Sizes(NamedTuple):
    """How much is measured: the tests run a little of everything."""

    logs: tuple[int, ...] = (100_000, 10_000_000)
    contenders: tuple[int, ...] = (20, 100, 300)
    reviewers: int = 50
    repeats: int = 41
    leaderboards: tuple[tuple[int, int, int], ...] = ((5_000, 8, 14), (20_000, 20, 50))  # votes, contenders, reviewers
    strings: tuple[int, int] = (1_000_000, 100)  # votes, contenders
    integers: tuple[int, int] = (1_000_000, 100)
    many_integers: tuple[int, int] = (10_000_000, 300)
    turns: int = 3
    bootstrap_rounds: int = 3


LIMITS = {20: (0.5, 6), 100: (2.5, 12), 300: (20, 450)}  # K: ms for base intervals, ms with reviewers


def one_vote_more(sizes: Sizes) -> Iterator[Row]:
    for K in sizes.contenders:
        base, spread = LIMITS.get(K, (None, None))
        for n in sizes.logs:
            last = OneVoteMore(draw_tallies(n, K, 1))
            yield Row(f"one vote after {n:,}: base intervals, K={K}", *alone(last.base, sizes.repeats), base)
        for n in sizes.logs:
            last = OneVoteMore(draw_tallies(n, K, sizes.reviewers))
            work = f"one vote after {n:,}: and the spread of {sizes.reviewers} reviewers, K={K}"
            yield Row(work, *alone(last.with_reviewers, sizes.repeats), spread)


def from_log(
    work: str,
    ours: Callable[[], object],
    peers: Mapping[str, Turn],
    turns: int,
    *,
    limit: float | None = None,
    wanted: Mapping[str, float] = MappingProxyType({}),
) -> Iterator[Row]:
    measured = beside(ours, peers, turns)
    for peer, (theirs, ratio) in measured.peers.items():
        yield Row(work, *measured.ours, limit, peer, theirs, ratio, wanted.get(peer))


def strings(sizes: Sizes, folder: Path, peers: Path | None) -> Iterator[Row]:
    n, K = sizes.strings
    file = folder / "votes.csv"
    write_strings(draw(n, K), K, file)
    log = pd.read_csv(file)
    wanted = {BOOTSTRAP: 100.0, ArenaRank.name: 30.0}
    turns: dict[str, Turn] = {
        BOOTSTRAP: partial(bootstrap.seconds_of, log, sizes.bootstrap_rounds, lean=False),
        "the same with lean sums": partial(bootstrap.seconds_of, log, sizes.bootstrap_rounds, lean=True),
        EVALICA: partial(took, partial(evalica_calls.from_strings, log)),
    }
    ours = partial(from_strings, log)
    work = f"{n:,} votes, pandas strings of a file, K={K}"
    with ExitStack() as stack:
        if peers:
            arena_rank = stack.enter_context(ArenaRank(peers, "strings", file))
            turns[ArenaRank.name] = arena_rank.turn
        yield from from_log(work, ours, turns, sizes.turns, wanted=wanted)
        if peers:
            check_same_log(ours().theta, arena_rank.ratings, names(K))
    own = log.map(lambda name: name.encode().decode()).astype(object)
    yield Row(f"{n:,} votes, each string an object of its own", *alone(partial(from_strings, own), 3 * sizes.turns))
    work = f"memory above the log: {n:,} votes, pandas strings"
    yield Row(work, peak_of("strings", file) / MB, limit=60, unit="MB")


def integers(
    n: int, K: int, sizes: Sizes, folder: Path, *, limit: float | None = None, peers: Path | None = None
) -> Iterator[Row]:
    file = folder / f"votes-{n}.npz"
    write_arrays(draw(n, K), K, file)
    columns, _ = read_arrays(file)
    ours = partial(from_arrays, columns, K)
    work = f"{n:,} votes, integer arrays, K={K}"
    typed: dict[str, Turn] = {EVALICA: partial(took, evalica_calls.Typed(columns, K).scores)}
    yield from from_log(work, ours, typed, 3 * sizes.turns, limit=limit)
    if peers:
        with ArenaRank(peers, "integers", file) as arena_rank:
            yield from from_log(work, ours, {ArenaRank.name: arena_rank.turn}, 1, limit=limit)
            check_same_log(ours().theta, arena_rank.ratings, [str(place) for place in range(K)])
    work = f"memory above the log: {n:,} votes, integer arrays"
    yield Row(work, peak_of("integers", file) / MB, limit=60, unit="MB")


def check_same_log(theta: np.ndarray, ratings: Mapping[str, float], order: Sequence[str]) -> None:
    """Raises unless the peer rated the same votes: methods differ by little, other votes by much."""
    likeness = np.corrcoef(theta, [ratings[name] for name in order])[0, 1]
    if likeness < 0.99:
        raise RuntimeError(f"the peer's ratings correlate with ours by {likeness:.3f} only: not the same log")


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
    return Row(work, *alone(lambda: compute(again.unread(), warm=last), 10))


def measure(sizes: Sizes, folder: Path, peers: Path | None) -> Iterator[Row]:
    yield from one_vote_more(sizes)
    yield from (whole_leaderboard(*size) for size in sizes.leaderboards)
    yield from strings(sizes, folder, peers)
    yield from integers(*sizes.integers, sizes, folder)
    yield from integers(*sizes.many_integers, sizes, folder, limit=250, peers=peers)


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def main() -> int:
    try:
        peers = peers_python()
    except PeersMissingError as error:
        print(f"Without arena-rank: {error}", file=sys.stderr)
        peers = None
    print(f"{load()} at the start", flush=True)
    print(WIDTHS.format("work", "ours", "cpu", "limit", "peer", "takes", "ratio", "wanted", "").rstrip(), flush=True)
    with tempfile.TemporaryDirectory(prefix="arena-bench-") as folder:
        for row in measure(Sizes(), Path(folder), peers):
            print(row, flush=True)
    print(f"{load()} at the end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
