"""How fast workers collect: `python -m benchmarks.collection_speed [one] [four] [memory]`.

A provider on loopback answers every call after 200 ms. Workers' pumps, each in a process of its own, ask it for answers
on a new database: from the first call until the last answer is stored. Beside it, in the same turn, a bare asyncio loop
on sockets asks as often, as many at a time, and stores nothing. Medians over the turns; a ratio is the median over the
turns of the bare loop's seconds to ours.

`one`: one worker, 2,000 calls, 100 at once. `four`: four workers, 8,000 calls, 400 at once together. `memory`: what one
worker holds (RSS) after 2,000, 10,000 and 20,000 generations. On SQLite and PostgreSQL, memory on SQLite.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.collecting.bench import ROOT, Double, double, python, until, workers
from benchmarks.years.databases import Environment, Fresh, on_postgresql, on_sqlite

ANSWER_S, TURNS = 0.2, 3
WATCHED = (2_000, 10_000, 20_000)

SETUP = """
from evals.catalog.services.task_sets import TaskRow, save_version
from evals.models import Contender, Provider
asked = [[{{"role": "user", "content": f"Say something short, {{n}}."}}] for n in range({calls})]
rows = [TaskRow(str(n), "Code", messages) for n, messages in enumerate(asked)]
save_version(task_set_slug="speed", rows=rows, source="benchmark")
provider = Provider.objects.create(
    slug="double", name="Double", base_url="http://127.0.0.1:{port}/v1", locality="local", max_concurrency={at_once}
)
Contender.objects.create(slug="one", family="one", provider=provider, model_name="m")
"""
START = """
from evals.collection.services import start_run
from evals.models import Contender, TaskSetVersion
start_run(version=TaskSetVersion.objects.get(), contenders=Contender.objects.all())
"""
LEFT = """
from evals.models import Generation
print(Generation.objects.exclude(state="done").count())
"""
# The run's own times, to the microsecond: the start of processes is not what is measured.
TOOK = """
from django.db.models import Max, Min
from evals.models import Attempt, Generation
assert set(Generation.objects.values_list("state", flat=True)) == {"done"}
found = Attempt.objects.aggregate(first=Min("started_at"), last=Max("generation__finished_at"))
print((found["last"] - found["first"]).total_seconds())
"""


def main(parts: Sequence[str]) -> None:
    print(f"  load average {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="arena-bench-") as folder, double(ANSWER_S) as asked:
        with on_sqlite(Path(folder)) as fresh:
            _measured("SQLite", fresh, asked, parts)
            if "memory" in parts:
                _memory(fresh("memory"), asked)
        if {"one", "four"} & set(parts):
            with on_postgresql(Path(folder)) as fresh_there:
                if fresh_there is not None:
                    _measured("PostgreSQL", fresh_there, asked, parts)


def _measured(engine: str, fresh: Fresh, asked: Double, parts: Sequence[str]) -> None:
    for part, count, calls, at_once in (("one", 1, 2_000, 100), ("four", 4, 8_000, 400)):
        if part not in parts:
            continue
        turns = [_turn(fresh(f"{part}-{turn}"), asked, count, calls, at_once) for turn in range(TURNS)]
        bare, ours, cpu = (statistics.median(turn[n] for turn in turns) for n in range(3))
        ratios = sorted(turn[0] / turn[1] for turn in turns)
        print(
            f"  {engine:<11}{count} worker{'s' if count > 1 else ' '} {calls:>6,} calls, {at_once} at once; at best "
            f"{calls * ANSWER_S / at_once:.1f} s; bare loop {bare:.1f} s; Arena {ours:.1f} s, {cpu:.1f} s of processor "
            f"time; ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
            flush=True,
        )


def _turn(environment: Environment, asked: Double, count: int, calls: int, at_once: int) -> tuple[float, float, float]:
    """Seconds of the bare loop and of the run, and the workers' processor time during the run."""
    command = [sys.executable, "-m", "benchmarks.collecting.bare", str(asked.port), str(calls), str(at_once)]
    bare = float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    environment |= _allowed(asked)
    python(SETUP.format(calls=calls, port=asked.port, at_once=at_once), environment)
    with workers(count, environment) as started:
        before, calls_before = sum(worker.cpu_s() for worker in started), asked.calls()
        python(START, environment)
        for worker in started:
            worker.wake()
        # Starting Django takes a core for a second: not before the last call.
        until(lambda: asked.calls() - calls_before >= calls, "everything is asked", seconds=300, every_s=0.5)
        until(lambda: python(LEFT, environment) == "0\n", "everything is collected", seconds=60)
        cpu = sum(worker.cpu_s() for worker in started) - before
    return bare, float(python(TOOK, environment)), cpu


def _memory(environment: Environment, asked: Double) -> None:
    environment |= _allowed(asked)
    python(SETUP.format(calls=WATCHED[-1], port=asked.port, at_once=100), environment)
    before = asked.calls()
    with workers(1, environment) as [worker]:
        python(START, environment)
        worker.wake()
        held = []
        for calls in WATCHED:
            until(lambda calls=calls: asked.calls() - before >= calls, f"{calls} calls", seconds=600)  # type: ignore[misc]
            held.append(f"{worker.rss_mb():.0f} MB after {calls:,}")
    print(f"  One worker holds {', '.join(held)} generations", flush=True)


def _allowed(asked: Double) -> Environment:
    return {"ARENA_OUTBOUND_ALLOW": f"127.0.0.1:{asked.port}", "DJANGO_SETTINGS_MODULE": "arena.settings"}


if __name__ == "__main__":
    main(sys.argv[1:] or ["one", "four", "memory"])
