"""`GET routing/latest`: a call without a network, the lane in the web process and in `serve_tables` beside the smallest
possible application under the same granian options and beside a REST framework view, while pages are slow, and how
far behind a publication.

    python -m benchmarks.table_lane [--quick]

What is compared runs in turn within seconds of each other, again and again; ratios are medians over such rounds.
Processor time a request says what a busy machine hides. `--quick` only shows that everything works.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arena.settings")
django.setup()

from benchmarks.lane.busy import SLOW_PAGE, behind_s, meanwhile, refused_after_s, slow_pages  # noqa: E402
from benchmarks.lane.calls import BATCHES, calls  # noqa: E402
from benchmarks.lane.clients import Asked, has_wrk, own_client, wrk_client  # noqa: E402
from benchmarks.lane.servers import Server, like_tables, servers, tables, web  # noqa: E402
from benchmarks.lane.world import World  # noqa: E402
from routing.publishing.queries import served  # noqa: E402

# What docs/evidence.md claims.
CALL_US, RATIO, RATIO_TOKEN, P99_MS = 5.0, 0.8, 0.7, 5.0
BESIDE_SLOW_MS, BEHIND_S, REVOKED_S = 1.0, 1.0, 5.0
_TRIES = 3


@dataclass(frozen=True)
class Plan:
    client: Callable[..., Asked]
    seconds: float
    rounds: int
    connections: Sequence[int]
    publications: int
    batches: int
    slow_clients: int


class Run(NamedTuple):
    asked: Asked
    cpu_us: float

    @property
    def rate(self) -> float:
        return self.asked.requests / self.asked.seconds


@dataclass
class Subject:
    """A server, and the smallest application under its options, which runs just before or after it."""

    server: Server
    peer: Subject | None = None
    token: bool = False
    # Whether docs/evidence.md has a figure for it.
    claimed: bool = True
    runs: list[Run] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """The median of what each round came to; 1 for the smallest application itself."""
        peer = self.peer or self
        return statistics.median(mine.rate / its.rate for mine, its in zip(self.runs, peer.runs, strict=True))

    def line(self, connections: int) -> str:
        rate, cpu = (statistics.median(getattr(run, name) for run in self.runs) for name in ("rate", "cpu_us"))
        asked = [run.asked for run in self.runs]
        p50, p99 = _median(asked, "p50_ms"), _median(asked, "p99_ms")
        name = self.server.name
        return f"  {name:<40}{connections:>9}{rate:>9,.0f}{self.ratio:>9.2f}{p50:>9.2f}{p99:>9.2f}{cpu:>9.1f}"

    def missed(self, connections: int) -> list[str]:
        if self.peer is None or not self.claimed:
            return []
        found, who = [], f"{self.server.name}, {connections} clients"
        if self.ratio < (RATIO_TOKEN if self.token else RATIO):
            found.append(f"{who}: {self.ratio:.2f} of the smallest")
        p99, least = (_median([run.asked for run in one.runs], "p99_ms") for one in (self, self.peer))
        # Where even the smallest cannot keep it, somebody else has the machine, and no more is to be learned.
        if p99 > (P99_MS if least <= P99_MS else 2 * least):
            found.append(f"{who}: p99 {p99:.1f} ms (the smallest's {least:.1f})")
        return found


def main() -> int:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    if quick := parser.parse_args().quick:
        plan = Plan(own_client, 0.05, 1, (1, 2), publications=1, batches=3, slow_clients=2)
    else:
        plan = Plan(wrk_client if has_wrk() else own_client, 1, 7, (1, 8, 64), 7, BATCHES, slow_clients=16)
    world = World()
    client = (
        "wrk" if plan.client is wrk_client else "our own in Python, which flatters ratios (Debian: apt install wrk)"
    )
    print(f"  a table of {len(world.body) / 1000:.1f} KB; client: {client}; {_load()}")
    print(f"\n  {'a call without a network':<40}{'µs':>9}")
    in_process = calls(world.authorization, batches=plan.batches)
    for name, microseconds in in_process.items():
        print(f"  {name:<40}{microseconds:>9.2f}")
    missed = [f"a call ({name}): {took:.1f} µs" for name, took in in_process.items() if took > CALL_US]
    with tempfile.TemporaryDirectory(prefix="arena-lane-") as folder:
        missed += _served(world, plan, Path(folder))
    print(f"  {_load()}; not as claimed: {'; '.join(missed) or 'nothing'}")
    return int(bool(missed) and not quick)


def _served(world: World, plan: Plan, folder: Path) -> list[str]:
    """Measures over the network; returns what was slower than claimed."""
    answer = folder / "answer.json"
    table = served(public=True)
    assert table is not None
    answer.write_text(json.dumps({"headers": table.plain.whole.headers, "body": world.body.decode()}))
    smallest: dict[str, str] = {"application": "benchmarks.lane.smallest:application", "BENCH_ANSWER": str(answer)}
    public, token = {"ARENA_ROUTING_READ": "public"}, {"ARENA_ROUTING_READ": "token"}
    in_web = Subject(web("smallest, web's options", folder, **smallest))
    alone = Subject(like_tables("smallest, serve_tables' options", folder, **smallest))
    subjects = [
        Subject(web("lane in web", folder, **public), in_web),
        in_web,
        Subject(web("lane in web, with token", folder, **token), in_web, token=True),
        Subject(web("REST framework view", folder, "benchmarks.lane.plain_view:application"), in_web, claimed=False),
        Subject(tables("serve_tables", folder, workers=1, **public), alone),
        alone,
        Subject(tables("serve_tables, with token", folder, workers=1, **token), alone, token=True),
    ]
    lane, own = subjects[0].server, subjects[4].server
    two = tables("serve_tables, two workers", folder, workers=2, **public)
    with servers(*(subject.server for subject in subjects), two, authorization=world.authorization):
        missed = [line for n in plan.connections for line in _beside_each_other(subjects, n, plan, world)]
        missed += _while_pages_are_slow(lane, own, plan)
        missed += _publications(two, plan, world)
        missed += _revocations(subjects[-1].server, plan)
    return missed


def _beside_each_other(subjects: list[Subject], connections: int, plan: Plan, world: World) -> list[str]:
    for subject in subjects:
        subject.runs.clear()
    for _ in range(plan.rounds):
        for subject in subjects:
            subject.runs.append(_run(subject, connections, plan, world))
    head = "".join(f"{title:>9}" for title in ("clients", "req/s", "ratio", "p50 ms", "p99 ms", "CPU µs"))
    print(f"\n  {'':<40}{head}")
    for subject in subjects:
        print(subject.line(connections), flush=True)
    if max(_median([run.asked for run in one.runs], "p99_ms") for one in subjects if one.peer is None) > P99_MS:
        print(f"  (busy machine: the smallest itself is above {P99_MS:.0f} ms at p99; twice its p99 is allowed)")
    return [line for subject in subjects for line in subject.missed(connections)]


def _run(subject: Subject, connections: int, plan: Plan, world: World) -> Run:
    authorization = world.authorization if subject.token else ""
    for _ in range(_TRIES):
        before, url = subject.server.cpu_s(), subject.server.url
        asked = plan.client(url, connections=connections, seconds=plan.seconds, authorization=authorization)
        # A second in which the host gave this machine nothing is none of the server's.
        if asked.requests:
            return Run(asked, (subject.server.cpu_s() - before) / asked.requests * 1e6)
    raise RuntimeError(f"{subject.server.name} answered nothing in {_TRIES} runs.")


def _while_pages_are_slow(lane: Server, own: Server, plan: Plan) -> list[str]:
    """One client asks while others keep all of web's threads busy. Ours: wrk counts nothing that outlasts its run."""
    with slow_pages(lane, plan.slow_clients) as took:
        found = {
            server.name: [own_client(server.url, connections=1, seconds=3 * plan.seconds) for _ in range(3)]
            for server in (lane, own)
        }
    page_ms = statistics.median(took) * 1000
    print(f"\n  while {plan.slow_clients} clients hold {SLOW_PAGE} open in web ({page_ms:,.0f} ms each)")
    for name, runs in found.items():
        print(f"  {name:<40}{1:>9}{'':>18}{_median(runs, 'p50_ms'):>9.2f}{_median(runs, 'p99_ms'):>9.2f}")
    p50 = _median(found[own.name], "p50_ms")
    return [f"serve_tables beside slow pages: p50 {p50:.2f} ms"] if p50 > BESIDE_SLOW_MS else []


def _publications(two: Server, plan: Plan, world: World) -> list[str]:
    """With load on both workers."""
    with meanwhile(lambda: plan.client(two.url, connections=8, seconds=plan.seconds, authorization="")):
        behind = behind_s(two, world.publish, plan.publications)
    told = f"median {statistics.median(behind):.2f} s, most {max(behind):.2f} s"
    print(f"\n  two workers under load behind {len(behind)} publications: {told}")
    return [f"behind a publication by {max(behind):.2f} s"] if max(behind) > BEHIND_S else []


def _revocations(own: Server, plan: Plan) -> list[str]:
    after = [refused_after_s(own) for _ in range(plan.publications)]
    told = f"median {statistics.median(after):.2f} s, most {max(after):.2f} s"
    print(f"  {len(after)} revoked tokens were let in for: {told}")
    return [f"a revoked token let in for {max(after):.2f} s"] if max(after) > REVOKED_S else []


def _median(runs: Sequence[Asked], name: str) -> float:
    return statistics.median(getattr(run, name) for run in runs)


def _load() -> str:
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


if __name__ == "__main__":
    sys.exit(main())
