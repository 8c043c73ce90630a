"""From a file of votes to ratings with intervals, by the commands that users run: `python -m
benchmarks.import_and_rank`.

`manage.py import_votes FILE` and `manage.py rank` on a new SQLite database: whole processes, with their start, by the
clock and by the processor time they used. Beside them, in the same turn and on the same file, whole processes of the
peers, called as their own documentation does: evalica (ratings without intervals, nothing stored) and arena-rank
(ratings with sandwich intervals, nothing stored), each after pandas has read the file. Medians over the turns; a ratio
is the median over the turns of our processor time to the peer's. Arena stores every vote and counts it by reviewer and
by task, which is what most of its time goes to; `rank` alone is what is done again when votes come in.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.production import production
from benchmarks.speed.environment import PeersMissingError, peers_python
from benchmarks.speed.logs import draw, write_csv

ROOT = Path(__file__).resolve().parent.parent
PEERS = Path(__file__).parent / "speed"
ROW = "{:<44} {:>10} {:>10}   {}"


class Sizes(NamedTuple):
    """How much is measured: the tests run a little of everything."""

    votes: tuple[int, ...] = (100_000, 1_000_000)
    contenders: int = 100
    reviewers: int = 50
    tasks: int = 2_000
    turns: int = 3


class Command(NamedTuple):
    """Seconds of a whole process, by the clock and of the processor, and what it printed."""

    wall: float
    cpu: float
    printed: str


class Row(NamedTuple):
    """`times` is our processor time over this peer's, for import and rank, and for rank alone."""

    work: str
    wall: float
    cpu: float
    times: tuple[float, float] | None = None

    def __str__(self) -> str:
        ratio = f"import and rank: {self.times[0]:.1f}×, rank: {self.times[1]:.1f}×" if self.times else ""
        return ROW.format(self.work, f"{self.wall:.1f} s", f"{self.cpu:.1f} s", ratio).rstrip()


def run(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Command:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{done.stderr[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Command(wall, cpu, done.stdout)


def manage(var: Path, *arguments: str | Path) -> Command:
    return run([sys.executable, "manage.py", *arguments], production(var, ""))


def peers(arena_rank: Path | None) -> dict[str, list[str | Path]]:
    """The commands, each of which prints the rating of every contender as one JSON object."""
    found: dict[str, list[str | Path]] = {"evalica, no intervals": [sys.executable, "-P", PEERS / "evalica_user.py"]}
    if arena_rank is not None:
        found["arena-rank"] = [arena_rank, "-P", PEERS / "arena_rank_user.py"]
    return found


def check_same_votes(ratings: Mapping[str, float], theirs: Mapping[str, float]) -> None:
    """Raises unless the peer rated the same votes: methods differ by little, other votes by much."""
    names = sorted(ratings)
    likeness = np.corrcoef([ratings[name] for name in names], [theirs[name] for name in names])[0, 1]
    if likeness < 0.99:
        raise RuntimeError(f"the peer's ratings correlate with ours by {likeness:.3f} only: not the same votes")


def measure(sizes: Sizes, folder: Path, arena_rank: Path | None) -> Iterator[Row]:
    """Each turn begins with a copy of `empty` in `folder`: an installation without data, made unless it is there."""
    empty = folder / "empty"
    if not empty.exists():
        manage(empty, "migrate", "--verbosity", "0")
    for n in sizes.votes:
        file = folder / f"votes-{n}.csv"
        write_csv(draw(n, sizes.contenders), sizes, file)
        yield from _from_file(file, n, sizes, empty, arena_rank)


def _from_file(file: Path, n: int, sizes: Sizes, empty: Path, arena_rank: Path | None) -> Iterator[Row]:
    commands = peers(arena_rank)
    imports, ranks = [], []
    theirs: dict[str, list[Command]] = {name: [] for name in commands}
    for _ in range(sizes.turns):
        var = file.with_suffix(".var")
        shutil.copytree(empty, var)
        imports.append(manage(var, "import_votes", file, "--task-set", "votes", "--category", "chat"))
        ranks.append(manage(var, "rank", "--json"))
        shutil.rmtree(var)
        (board,) = json.loads(ranks[-1].printed)["leaderboards"]
        assert board["votes"] == n, board["votes"]
        for name, command in commands.items():
            theirs[name].append(run([*command, file]))
            ratings = {one["contender"]: one["rating"] for one in board["ratings"]}
            check_same_votes(ratings, json.loads(theirs[name][-1].printed))
    work = f"{n:,} votes, {sizes.contenders} contenders"
    yield _row(f"{work}: import_votes", imports)
    yield _row(f"{work}: rank", ranks)
    for name, taken in theirs.items():
        both = statistics.median((a.cpu + b.cpu) / c.cpu for a, b, c in zip(imports, ranks, taken, strict=True))
        rank = statistics.median(b.cpu / c.cpu for b, c in zip(ranks, taken, strict=True))
        yield _row(f"{work}: {name}", taken, (both, rank))


def _row(work: str, taken: Sequence[Command], times: tuple[float, float] | None = None) -> Row:
    wall, cpu = (statistics.median(getattr(one, name) for one in taken) for name in ("wall", "cpu"))
    return Row(work, wall, cpu, times)


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def main(arguments: Sequence[str] = ()) -> int:
    """Numbers of votes may be given instead of the default ones."""
    sizes = Sizes(votes=tuple(map(int, arguments))) if arguments else Sizes()
    try:
        arena_rank = peers_python()
    except PeersMissingError as error:
        print(f"Without arena-rank: {error}", file=sys.stderr)
        arena_rank = None
    print(f"{load()} at the start", flush=True)
    print(ROW.format("whole commands", "clock", "processor", "our processor time to this peer's"), flush=True)
    with tempfile.TemporaryDirectory(prefix="arena-bench-") as folder:
        for row in measure(sizes, Path(folder), arena_rank):
            print(row, flush=True)
    print(f"{load()} at the end")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
