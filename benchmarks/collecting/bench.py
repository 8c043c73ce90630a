"""What the benchmarks of collection share: a double of providers, runs on a database of their own, and workers."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.years.databases import Environment

__all__ = ["ROOT", "Double", "Worker", "double", "free_port", "listening", "python", "until", "workers"]

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Double:
    port: int

    def counts(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/counts", timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def calls(self) -> int:
        return int(self.counts()["asked"]["calls"])


@contextlib.contextmanager
def double(seconds: float, share: float = 0.0) -> Iterator[Double]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.collecting.provider", str(port), str(seconds), str(share)]
    provider = subprocess.Popen(command, cwd=ROOT)
    try:
        listening(port)
        yield Double(port)
    finally:
        provider.terminate()
        provider.wait()


@dataclass(frozen=True)
class Worker:
    process: subprocess.Popen[str]

    def wake(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def rss_mb(self) -> float:
        """With the process that makes its calls."""
        statuses = [Path(f"/proc/{pid}/status").read_text() for pid in self._pids()]
        return sum(int(status.partition("VmRSS:")[2].split()[0]) for status in statuses) / 1024

    def cpu_s(self) -> float:
        stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self._pids()]
        return sum(int(fields[11]) + int(fields[12]) for fields in stats) / 100

    def _pids(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [self.process.pid, *(int(pid) for path in children for pid in path.read_text().split())]


@contextlib.contextmanager
def workers(count: int, environment: Environment) -> Iterator[list[Worker]]:
    """Started, and looking for work."""
    command = [sys.executable, "-m", "benchmarks.collecting.worker"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    started = [Worker(subprocess.Popen(command, cwd=ROOT, env=environment, **pipes)) for _ in range(count)]
    try:
        for worker in started:
            assert worker.process.stdout is not None
            if worker.process.stdout.readline() != "ready\n":
                raise RuntimeError("a worker did not start")
        yield started
    finally:
        for worker in started:
            assert worker.process.stdin is not None
            worker.process.stdin.close()
        for worker in started:
            worker.process.wait(timeout=60)


def python(script: str, environment: Environment) -> str:
    """What a script prints that runs with Django set up."""
    command = [sys.executable, "-c", f"import django; django.setup()\n{script}"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout


def until(condition: Callable[[], bool], what: str, *, seconds: float, every_s: float = 0.1) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"waited {seconds:g} s in vain until {what}")
        time.sleep(every_s)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def listening(port: int) -> None:
    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    until(listens, f"port {port} listens", seconds=20, every_s=0.05)
