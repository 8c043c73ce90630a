"""`manage.py up`: all parts under one command, brought back when they die, gone when it ends, however it ends."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.processes import Process, Processes, all_gone, free_port, listens, wait_until

pytestmark = pytest.mark.crash

# What `up` runs, by a word of each command line.
PARTS = ("granian", "valkey-server", "celery", "qcluster")


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all of these: the later starts find a database and keep it."""
    return tmp_path_factory.mktemp("up") / "var"


@pytest.fixture
def machine(var: Path, tmp_path: Path) -> Iterator[Processes]:
    """A development machine of its own, without REDIS_URL, that has nothing in common with this test's process."""
    environment = {**os.environ, "ARENA_VAR": str(var), "DEBUG": "1", "PYTHONUNBUFFERED": "1"}
    for name in ("REDIS_URL", "DATABASE_URL", "ALLOWED_HOSTS"):
        environment.pop(name, None)
    started = Processes(environment, tmp_path)
    yield started
    started.stop_all()


def up(machine: Processes, *arguments: str) -> tuple[Process, int]:
    """Running, its links printed."""
    port = free_port()
    process = machine.manage("up", "--no-demo", "--port", str(port), *arguments)
    wait_until(lambda: "Ctrl-C stops everything" in process.output() or not process.running(), "up has started")
    assert process.running(), process.output()
    return process, port


def get(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def family(process: Process) -> list[int]:
    return [child.pid for child in psutil.Process(process.pid).children(recursive=True)]


def part(process: Process, word: str) -> psutil.Process | None:
    """The first process of that part: the one that `up` itself started."""
    for child in psutil.Process(process.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):  # a zombie is one of these, too
            if any(word in argument for argument in child.cmdline()):
                return child
    return None


def is_back(process: Process, word: str, before: psutil.Process) -> bool:
    return part(process, word) not in {None, before}


def test_it_answers_brings_back_what_dies_and_leaves_nothing_behind(machine: Processes) -> None:
    process, port = up(machine)
    assert get(port, "/healthz") == 200
    wait_until(lambda: get(port, "/readyz") == 200, "database, broker, workers and chores are there")
    assert get(port, "/accounts/sign-in/") == 200
    links = re.findall(rf"http://127.0.0.1:{port}(/accounts/link/\S+)", process.output())
    assert len(links) == 2
    assert {get(port, link) for link in links} == {200}

    for word in PARTS:
        before = part(process, word)
        assert before is not None, f"no {word} among the parts"
        orphans = [child.pid for child in before.children(recursive=True)]
        before.kill()
        wait_until(partial(is_back, process, word, before), f"{word} is back")
        wait_until(partial(all_gone, orphans), f"what {word} had started is gone")
    wait_until(lambda: get(port, "/readyz") == 200, "everything is ready again")

    everybody = family(process)
    process.signal(signal.SIGINT)
    process.popen.wait(timeout=60)
    assert process.popen.returncode == 0
    wait_until(lambda: all_gone(everybody), "every process has ended")
    assert not listens(port)


def test_killed_itself_it_leaves_nothing_behind(machine: Processes) -> None:
    process, _ = up(machine)
    everybody = family(process)
    assert len(everybody) > len(PARTS)
    process.signal(signal.SIGKILL)
    process.popen.wait()
    wait_until(lambda: all_gone(everybody), "every process has ended")


def test_a_second_one_on_the_same_folder_or_port_is_refused_with_the_fix(machine: Processes, tmp_path: Path) -> None:
    first, port = up(machine)
    second = machine.manage("up", "--no-demo", "--port", str(free_port()))
    assert second.popen.wait(timeout=60) == 1
    assert "Arena is already running" in second.output()
    assert f"process {first.pid}, http://127.0.0.1:{port}" in second.output()

    third = machine.manage("up", "--no-demo", "--port", str(port), ARENA_VAR=str(tmp_path / "other"))
    assert third.popen.wait(timeout=60) == 1
    assert f"Port {port} on 127.0.0.1 is in use" in third.output()
    assert "make run PORT=" in third.output()
    assert get(port, "/healthz") == 200
