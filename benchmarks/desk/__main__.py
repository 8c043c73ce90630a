"""Asks every page and list, as an admin. Started by `benchmarks.pages`.

Each address is asked in a process of its own, which forks from one that has started and answered one small page, as
web does: so its first call is the first since a start, and no page finds what another one cached. Time is what Django
takes from the request to the last byte of the answer; no network or server is in it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.core.management import call_command
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from arena.models import Role, User
from benchmarks.desk.addresses import Address, addresses
from benchmarks.desk.world import SMALL, Shape, build

WARM = 20
GOAL_MS, GOAL_COLD_MS = 150, 500


@dataclass(frozen=True)
class Times:
    """Milliseconds. `cpu_ms`: processor time of a warm call, and of the first, since others use the machine too."""

    name: str
    path: str
    status: int
    cold_ms: float
    cold_cpu_ms: float
    median_ms: float
    p95_ms: float
    cpu_ms: float
    p95_cpu_ms: float
    queries: int
    bytes: int


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages")
    parser.add_argument("--small", action="store_true", help="10 contenders and 4,000 votes")
    parser.add_argument("--only", default="", help="addresses whose name contains this")
    parser.add_argument("--times", type=int, default=WARM, help="warm calls of each page")
    given = parser.parse_args()
    call_command("migrate", verbosity=0)
    admin = User.objects.filter(role=Role.ADMIN).first()
    if admin is None:
        admin = build(SMALL if given.small else Shape())
    asked = [one for one in addresses(admin) if given.only in one.name]
    Client().get("/healthz")
    connections.close_all()
    found = [_apart(one, admin.pk, given.times) for one in asked]
    return _print(found)


def _apart(address: Address, admin: int, times: int) -> Times:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            with os.fdopen(write, "w") as out:
                json.dump(asdict(_measure(address, admin, times)), out)
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    if not text:
        raise RuntimeError(f"{address.path} could not be asked: its process ended without an answer")
    return Times(**json.loads(text))


def _measure(address: Address, admin: int, times: int) -> Times:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.get(pk=admin))
    status, size, cold, cold_cpu = _ask(client, address.path)
    rows = [_ask(client, address.path)[2:] for _ in range(times)]
    with CaptureQueriesContext(connection) as queries:
        _ask(client, address.path)
    wall, cpu = ([row[i] for row in rows] for i in (0, 1))
    return Times(
        name=address.name,
        path=address.path,
        status=status,
        cold_ms=cold,
        cold_cpu_ms=cold_cpu,
        median_ms=statistics.median(wall),
        p95_ms=_p95(wall),
        cpu_ms=statistics.median(cpu),
        p95_cpu_ms=_p95(cpu),
        queries=len(queries),
        bytes=size,
    )


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[max(0, int(len(values) * 0.95) - 1)]


def _ask(client: Client, path: str) -> tuple[int, int, float, float]:
    """Status, bytes, and milliseconds by the clock and of this process's processor time."""
    used, began = _cpu(), time.perf_counter()
    response = client.get(path)
    size = sum(map(len, response.streaming_content)) if response.streaming else len(response.content)  # type: ignore[attr-defined]
    return response.status_code, size, (time.perf_counter() - began) * 1000, _cpu() - used


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1000


def _print(found: Sequence[Times]) -> int:
    """Worst first. Returns how many miss the goal."""
    load = f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    print(f"  {len(found)} addresses on {connection.vendor}, {load}; milliseconds, of processor time in brackets")
    print(f"  {'':<48}{'first':>15}{'median':>15}{'95%':>15}{'queries':>9}{'KB':>7}")
    for one in sorted(found, key=lambda one: -max(one.p95_ms / GOAL_MS, one.cold_ms / GOAL_COLD_MS)):
        said = "" if one.status == 200 else f" ({one.status})"
        print(
            f"  {(one.name + said):<48}"
            f"{f'{one.cold_ms:,.0f} ({one.cold_cpu_ms:,.0f})':>15}"
            f"{f'{one.median_ms:,.0f} ({one.cpu_ms:,.0f})':>15}"
            f"{f'{one.p95_ms:,.0f} ({one.p95_cpu_ms:,.0f})':>15}{one.queries:>9}{one.bytes / 1000:>7,.0f}"
        )
    slow = [one for one in found if one.p95_ms > GOAL_MS or one.cold_ms > GOAL_COLD_MS]
    by_processor = [one for one in found if one.p95_cpu_ms > GOAL_MS or one.cold_cpu_ms > GOAL_COLD_MS]
    print(
        f"  {len(slow)} slower than {GOAL_MS} ms (95%) or {GOAL_COLD_MS} ms (first call), "
        f"{len(by_processor)} by processor time",
        flush=True,
    )
    return len(by_processor)


if __name__ == "__main__":
    sys.exit(main())
