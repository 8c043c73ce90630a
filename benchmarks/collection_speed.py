"""How fast a worker collects: `python -m benchmarks.collection_speed [CALLS] [AT_ONCE]`.

A provider on loopback answers every call after 200 ms. `manage.py collect --here AT_ONCE` asks it for CALLS answers on
a new SQLite database: from the first call until the last answer is stored. Beside it, in the same turn, a bare asyncio
loop on sockets asks as often, as many at a time, and stores nothing. Medians over three turns; a ratio is the median
over the turns of its seconds to ours.
"""

from __future__ import annotations

import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ANSWER_S, TURNS = 0.2, 3

SETUP = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
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
# The run's own times, to the microsecond: the command's start is not what is measured.
TOOK = """
import django; django.setup()
from django.db.models import Max, Min
from evals.models import Attempt
found = Attempt.objects.aggregate(first=Min("started_at"), last=Max("generation__finished_at"))
print((found["last"] - found["first"]).total_seconds())
"""


def main(calls: int = 2_000, at_once: int = 100) -> None:
    port = _free_port()
    double = [sys.executable, "-m", "benchmarks.collecting.provider", str(port), str(ANSWER_S)]
    provider = subprocess.Popen(double, cwd=ROOT)
    try:
        _listening(port)
        turns = [_turn(port, calls, at_once) for _ in range(TURNS)]
    finally:
        provider.terminate()
        provider.wait()
    bare, ours, cpu = (statistics.median(turn[n] for turn in turns) for n in range(3))
    ratio = statistics.median(turn[0] / turn[1] for turn in turns)
    print(
        f"  {calls:,} calls of {ANSWER_S * 1000:.0f} ms, {at_once} at once; at best {calls * ANSWER_S / at_once:.1f} s"
    )
    print(f"  {'a bare asyncio loop, nothing stored':<40}{bare:>8.1f} s")
    print(f"  {'collect --here ' + str(at_once):<40}{ours:>8.1f} s{cpu:>8.1f} s of processor time, ratio {ratio:.2f}")


def _turn(port: int, calls: int, at_once: int) -> tuple[float, float, float]:
    """Seconds of the bare loop and of the run, and the command's processor time."""
    bare = float(_python("-m", "benchmarks.collecting.bare", str(port), str(calls), str(at_once)))
    with tempfile.TemporaryDirectory(prefix="arena-bench-") as var:
        environment = {
            "DJANGO_SETTINGS_MODULE": "arena.settings",
            "ARENA_VAR": var,
            "ARENA_OUTBOUND_ALLOW": f"127.0.0.1:{port}",
            "DATABASE_URL": "",
            "DEBUG": "1",
            "LOG_LEVEL": "ERROR",
        }
        _python("-c", SETUP.format(calls=calls, port=port, at_once=at_once), **environment)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        _python("manage.py", "collect", "--task-set", "speed", "--here", str(at_once), **environment)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        ours = float(_python("-c", TOOK, **environment))
    return bare, ours, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _python(*arguments: str, **environment: str) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _listening(port: int) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("the provider does not listen")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
