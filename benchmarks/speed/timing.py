"""Medians of short work, by the clock and by the processor."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Medians(NamedTuple):
    """In ms: by the clock, and the processor time of this thread."""

    wall: float
    cpu: float


def medians(work: Callable[[], object], times: int) -> Medians:
    """The first run is not counted."""
    work()
    walls, cpus = [], []
    for _ in range(times):
        wall, cpu = time.perf_counter(), time.thread_time()
        work()
        cpus.append(1e3 * (time.thread_time() - cpu))
        walls.append(1e3 * (time.perf_counter() - wall))
    return Medians(statistics.median(walls), statistics.median(cpus))
