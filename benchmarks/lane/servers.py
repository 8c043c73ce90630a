"""Applications under granian on loopback, each in a process of its own, with the options of the part it stands for."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from arena.machine import parts
from arena.management.commands import serve_tables
from routing.publishing.serving import LATEST_PATH
from tests.processes import free_port

__all__ = ["Server", "like_tables", "servers", "tables", "web"]

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE_S = 120.0


@dataclass
class Server:
    name: str
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{LATEST_PATH}"

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def cpu_s(self) -> float:
        """What its workers have computed so far."""
        times = [worker.cpu_times() for worker in psutil.Process(self.process.pid).children()]
        return float(sum(time.user + time.system for time in times))

    def wait(self, authorization: str) -> None:
        """Until it answers with a table."""
        request = urllib.request.Request(self.url, headers={"Authorization": authorization})
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=10):
                return
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"{self.name} does not serve:\n{self.log.read_text()}")
            time.sleep(0.1)


def web(name: str, folder: Path, application: str = "arena.wsgi:application", **environment: str) -> Server:
    """The web process as `manage.py up` starts it, or another application under its options."""
    port = free_port()
    return _start(name, [*parts.web("127.0.0.1", port).command[:-1], application], port, folder, environment)


def like_tables(name: str, folder: Path, application: str, **environment: str) -> Server:
    """Another application under the options of `manage.py serve_tables`."""
    port = free_port()
    return _start(name, [*serve_tables.granian("127.0.0.1", port, 1)[:-1], application], port, folder, environment)


def tables(name: str, folder: Path, *, workers: int = 1, **environment: str) -> Server:
    port = free_port()
    command = [sys.executable, "manage.py", "serve_tables", "--port", str(port), "--workers", str(workers)]
    return _start(name, command, port, folder, environment)


def _start(name: str, command: list[str], port: int, folder: Path, environment: Mapping[str, str]) -> Server:
    log = folder / f"{name.replace(' ', '-')}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Server(name, process, port, log)


@contextlib.contextmanager
def servers(*started: Server, authorization: str) -> Iterator[None]:
    """All of them ready, and stopped at the end."""
    try:
        for server in started:
            server.wait(authorization)
        yield
    finally:
        for server in started:
            server.process.terminate()
        for server in started:
            server.process.wait(timeout=PATIENCE_S)
