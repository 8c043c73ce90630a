"""Medians by turns: ours and the peers one after the other, so that whatever else the machine does slows them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

# Gives the seconds that it took, by its own clock: a peer in another process leaves out what lies between the two.
Turn = Callable[[], float]


class Medians(NamedTuple):
    """In ms: by the clock, and what this thread had of the processor."""

    wall: float
    cpu: float


class Beside(NamedTuple):
    """Medians over the turns: ours, and each peer's ms and how many times ours that was in its turn."""

    ours: Medians
    peers: dict[str, tuple[float, float]]


def took(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def alone(work: Callable[[], object], times: int) -> Medians:
    work()
    taken = []
    for _ in range(times):
        start = time.thread_time()
        wall = took(work)
        taken.append((1e3 * wall, 1e3 * (time.thread_time() - start)))
    return Medians(*_each(taken))


def beside(ours: Callable[[], object], peers: Mapping[str, Turn], turns: int, each: int = 5) -> Beside:
    """`each`: ours, the quicker by far, is its own median in every turn."""
    mine: list[Medians] = []
    theirs: dict[str, list[tuple[float, float]]] = {name: [] for name in peers}
    for _ in range(turns):
        mine.append(alone(ours, each))
        for name, peer in peers.items():
            ms = 1e3 * peer()
            theirs[name].append((ms, ms / mine[-1].wall))
    return Beside(Medians(*_each(mine)), {name: _each(taken) for name, taken in theirs.items()})


def _each(taken: Sequence[tuple[float, float]]) -> tuple[float, float]:
    first, second = zip(*taken, strict=True)
    return statistics.median(first), statistics.median(second)
