"""What `benchmarks.import_beside_voters` measures, on the database that the environment names."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple, TypeVar

from django.conf import settings
from django.db import connection

from benchmarks.application.world import CATEGORY, build
from benchmarks.import_and_rank import ROOT
from benchmarks.importing.files import SMALL, TENTH, Sizes, write_answers, write_tasks
from benchmarks.speed.logs import draw, write_csv
from benchmarks.voters.__main__ import Voter, at_once, people, web
from evals.models import FileImport, Generation, Ledger, Vote

WAIT_S, MOST_MB = 2.0, 300
VOTES_S, ANSWERS_S = 60, 40
ALONE_S = 15.0

T = TypeVar("T")


class Import(NamedTuple):
    """Seconds by the clock and of the processor, and megabytes at most, of a whole process."""

    wall: float
    cpu: float
    memory: float

    def __str__(self) -> str:
        return f"{self.wall:.0f} s, {self.cpu:.0f} s of the processor, {self.memory:.0f} MB"


# A process is told to have had the memory of the one that started it, so this small one starts it.
_START = """
import json, os, sys
out = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0o600)]
pid = os.posix_spawn(sys.executable, [sys.executable, *sys.argv[1:]], os.environ, file_actions=out)
_, status, used = os.wait4(pid, 0)
print(json.dumps([status, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""


def imported(*arguments: str | Path) -> Import:
    began = time.perf_counter()
    command = [sys.executable, "-S", "-c", _START, "manage.py", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    status, cpu, memory = json.loads(done.stdout)
    if status:
        raise RuntimeError(f"manage.py {' '.join(map(str, arguments))} failed")
    return Import(time.perf_counter() - began, cpu, memory)


def nothing() -> None:
    """What voters wait anyway, who fill the machine by themselves."""
    time.sleep(ALONE_S)


def beside(voters: list[Voter], act: Callable[[], T]) -> tuple[T, str]:
    """What the act returns, and in words what those wait who vote meanwhile."""
    done: list[T] = []
    for voter in voters:
        voter.times_ms.clear()
        voter.hang_up()
    thread = threading.Thread(target=lambda: done.append(act()))
    thread.start()
    still = 0.0

    def watch() -> None:
        """Whoever stops this process for a while stops the voters and the web with it."""
        nonlocal still
        while thread.is_alive():
            began = time.perf_counter()
            time.sleep(0.1)
            still = max(still, time.perf_counter() - began - 0.1)

    def vote(voter: Voter) -> None:
        while thread.is_alive() and voter.ballots:
            voter.vote()

    at_once([watch, *(lambda voter=voter: vote(voter) for voter in voters)])  # type: ignore[misc]
    thread.join()
    times = sorted(ms / 1000 for voter in voters for ms in voter.times_ms)
    median, most, longest = times[len(times) // 2], times[len(times) * 99 // 100], times[-1]
    waits = f"waited {median:.2f} s (median), {most:.2f} s (99%), {longest:.2f} s at most (limit {WAIT_S:.0f} s)"
    return done[0], f"{len(voters)} people, who cast {len(times)} votes, {waits}; this script, {still:.2f} s"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.import_beside_voters")
    parser.add_argument("--small", action="store_true", help="some thousands of votes and some hundreds of answers")
    parser.add_argument("--tenth", action="store_true", help="100,000 votes and 10,000 answers")
    given = parser.parse_args()
    sizes = SMALL if given.small else TENTH if given.tenth else Sizes()
    os.chdir(ROOT)
    build(sizes.world, during_votes=nullcontext())
    write_tasks(sizes)
    files = {}
    for n, name in enumerate(("alone", "beside")):
        files[name] = settings.VAR_DIR / f"votes-{name}.csv", settings.VAR_DIR / f"answers-{name}.jsonl"
        # One row more makes it another file.
        write_csv(draw(sizes.votes + n, sizes.contenders), sizes, files[name][0])
        write_answers(files[name][1], sizes, seed=n)
    connection.close()

    def votes(name: str) -> Import:
        return imported("import_votes", files[name][0], "--task-set", "imported", "--category", CATEGORY)

    def answers(name: str) -> Import:
        return imported("import_generations", files[name][1], "--task-set", "answered")

    print(f"  {sizes.votes:,} votes: {votes('alone')} (limits {VOTES_S} s, {MOST_MB} MB)", flush=True)
    print(f"  {sizes.answers:,} answers: {answers('alone')} (limit {ANSWERS_S} s)", flush=True)
    with web() as port:
        voters = people(port)
        print(f"  {beside(voters, nothing)[1]}", flush=True)
        for what, act in (("votes", votes), ("answers", answers)):
            done, waited = beside(voters, lambda act=act: act("beside"))  # type: ignore[misc]
            print(f"  {what} beside {waited}: {done}", flush=True)
        errors = [error for voter in voters for error in voter.errors]
    print(f"  {len(errors)} errors {errors[:1] or ''}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    kept = Vote.objects.filter(vote_import__name__startswith="votes-").count()
    stored = Generation.objects.filter(contender__slug__startswith="answerer-").count()
    complete = (kept, stored) == (2 * sizes.votes + 1, 2 * sizes.answers) and not FileImport.objects.exists()
    seqs = all(Vote.objects.filter(category=one.category_id).count() == one.seq for one in Ledger.objects.all())
    print(f"  everything stored: {complete and seqs}", flush=True)
    return int(bool(errors) or not (complete and seqs))


if __name__ == "__main__":
    sys.exit(main())
