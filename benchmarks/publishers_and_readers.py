"""Twenty publishers at once beside 100,000 reads of `manage.py serve_tables`: are versions gapless, is any answer torn,
and how far behind a publication does any worker serve the version before?

    python -m benchmarks.publishers_and_readers [--quick]

Each publisher edits the policy for a category of its own and publishes, again and again. Readers hold every answer
against its ETag, its signature and the versions before it, and go on until the last publication. How old an answer is
counts from when a newer version's publisher knew of it to when the read was sent. `--quick` only shows that it works.
"""

from __future__ import annotations

import bisect
import json
import os
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arena.settings")
django.setup()

from benchmarks.lane.publisher import Made  # noqa: E402
from benchmarks.lane.reader import Read  # noqa: E402
from benchmarks.lane.servers import servers, tables  # noqa: E402
from benchmarks.lane.world import World  # noqa: E402
from routing.models import RoutingTable  # noqa: E402
from routing.publishing import signing  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
# What docs/evidence.md claims.
BEHIND_S = 1.0


@dataclass(frozen=True)
class Plan:
    """`publishers` and `readers` are spread over so many processes each."""

    publishers: int
    processes: int
    times: int
    reads: int
    readers: int
    connections: int


FULL = Plan(publishers=20, processes=4, times=10, reads=100_000, readers=2, connections=8)
QUICK = Plan(publishers=4, processes=2, times=2, reads=400, readers=1, connections=4)


class Part:
    """A process that says when it is ready, and does something with each line it is sent."""

    def __init__(self, module: str, *arguments: object) -> None:
        self._module = module
        command = [sys.executable, "-m", f"benchmarks.lane.{module}", *map(str, arguments)]
        self._running = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    def ready(self) -> None:
        assert self._running.stdout is not None
        if self._running.stdout.readline() != "ready\n":
            raise SystemExit(f"A {self._module} did not come up.")

    def go_on(self, line: str = "") -> None:
        assert self._running.stdin is not None
        self._running.stdin.write(f"{line}\n")
        self._running.stdin.flush()

    def result(self) -> list[tuple[int, float]] | list[tuple[float, int]]:
        told, _ = self._running.communicate()
        if self._running.returncode:
            raise SystemExit(f"A {self._module} ended with {self._running.returncode}.")
        return [tuple(one) for one in json.loads(told)]


def behind(made: Iterable[Made], reads: Iterable[Read]) -> list[float]:
    """For each read, for how many seconds somebody had known of a newer version than it got; 0 where nobody had."""
    versions, moments = zip(*sorted(made), strict=True)
    known = list(moments)
    for n in range(len(known) - 2, -1, -1):  # whoever knows of a version knows that those before it are old
        known[n] = min(known[n], known[n + 1])
    found = []
    for sent, version in reads:
        newer = bisect.bisect_right(versions, version)
        found.append(max(0.0, sent - known[newer]) if newer < len(known) else 0.0)
    return found


def main() -> int:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    plan = QUICK if parser.parse_args().quick else FULL
    world = World()
    first = RoutingTable.objects.latest("version").version
    with tempfile.TemporaryDirectory(prefix="arena-crowd-") as folder:
        server = tables("serve_tables", Path(folder), workers=2, ARENA_ROUTING_READ="public")
        with servers(server, authorization=world.authorization):
            began = time.monotonic()
            made, reads = _crowd(plan, server.url)
            took = time.monotonic() - began
    versions = list(RoutingTable.objects.order_by("version").values_list("version", flat=True))
    gaps = versions != list(range(1, len(versions) + 1))
    lost = sorted(set(versions) - set(range(1, first + 1)) - {version for version, _ in made})
    ages = sorted(behind(made, reads))
    most = ages[-1]
    print(
        f"  {plan.publishers} publishers, {plan.publishers * plan.times} publications asked for, {len(made)} versions "
        f"made ({len(made) / took:.1f} a second), {'WITH GAPS' if gaps else 'without gaps'}\n"
        f"  {len(reads):,} reads ({len(reads) / took:,.0f} a second), each whole and signed, saw "
        f"{len({version for _, version in reads})} versions\n"
        f"  a read behind a publication: {sum(age > 0 for age in ages) / len(ages):.1%}; by median "
        f"{_share([age for age in ages if age], 0.5):.2f} s, 99% of them at most "
        f"{_share([age for age in ages if age], 0.99):.2f} s, most {most:.2f} s\n"
        f"  load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    missed = [f"versions nobody made: {lost}"] * bool(lost) + ["versions have gaps"] * gaps
    missed += [f"{most:.2f} s behind"] * (most > BEHIND_S and plan is FULL)
    print(f"  not as claimed: {'; '.join(missed) or 'nothing'}")
    return int(bool(missed))


def _crowd(plan: Plan, url: str) -> tuple[list[Made], list[Read]]:
    each = plan.publishers // plan.processes
    publishers = [Part("publisher", n * each, each, plan.times) for n in range(plan.processes)]
    keys = json.dumps(signing.jwk_set())
    share = plan.reads // plan.readers
    readers = [Part("reader", url, share, plan.connections, keys) for _ in range(plan.readers)]
    parts = publishers + readers
    for part in parts:
        part.ready()
    for part in parts:
        part.go_on()
    made = [(int(version), float(moment)) for part in publishers for version, moment in part.result()]
    for part in readers:
        part.go_on(str(max(version for version, _ in made)))
    reads = [(float(sent), int(version)) for part in readers for sent, version in part.result()]
    return made, reads


def _share(ages: Sequence[float], share: float) -> float:
    """A quantile of sorted values; 0 of none."""
    return ages[min(int(len(ages) * share), len(ages) - 1)] if ages else 0.0


if __name__ == "__main__":
    sys.exit(main())
