"""What a session tells beside its results: which tests run on which engine, and what `make test` ran beside it. And how
it collects them: which files it reads, and which worker does so first."""

from __future__ import annotations

import fcntl
import gc
import os
from collections import Counter
from collections.abc import Generator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from tests import databases, steps

_COUNTS = pytest.StashKey[Counter[str]]()
# In the folder that the sessions of `make test` share. The one on SQLite writes there the names of the test files of
# which the one on PostgreSQL runs nothing, and need not read.
LEFT_TO_SQLITE = "left-to-sqlite"
_FOLDER = os.environ.get("ARENA_TEST_FOLDER", "")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_COUNTS] = Counter()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection(session: pytest.Session) -> Generator[None, Any, Any]:
    """On a fresh clone the first worker compiles every test, with its assertions taken apart; the others wait for that
    rather than do the same beside it."""
    if hasattr(session.config, "workerinput") and _FOLDER and databases.SESSION == "sqlite":
        with (Path(_FOLDER) / "collecting").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                fcntl.flock(file, fcntl.LOCK_SH)
            collected = yield
    else:
        collected = yield
    gc.freeze()  # Thousands of tests stay until the end: no need to look through them again and again.
    return collected


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    return True if databases.SESSION == "postgresql" and str(collection_path) in _left() else None


@lru_cache(maxsize=1)
def _left() -> frozenset[str]:
    left = Path(_FOLDER) / LEFT_TO_SQLITE
    return frozenset(left.read_text().splitlines()) if _FOLDER and left.exists() else frozenset()


def _write_left(files: list[str]) -> None:
    """Whole or not at all: every worker writes it, and the other session waits for it."""
    mine = Path(_FOLDER) / f"{LEFT_TO_SQLITE}-{os.getpid()}"
    mine.write_text("\n".join(files))
    mine.replace(Path(_FOLDER) / LEFT_TO_SQLITE)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    chosen, left, config.stash[_COUNTS] = databases.choose(items)
    if _FOLDER and databases.SESSION == "sqlite":
        _write_left(databases.files_left_to_sqlite(items))
    if left:
        config.hook.pytest_deselected(items=left)
    items[:] = databases.slow_first(chosen) if databases.SESSION else chosen


def pytest_sessionfinish(session: pytest.Session) -> None:
    counts = session.config.stash[_COUNTS]
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["where"] = dict(counts)  # for the process that prints
    elif session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and counts:
        session.exitstatus = pytest.ExitCode.OK  # all there were are the other session's


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[_COUNTS] = Counter(getattr(node, "workeroutput", {}).get("where", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    counts = config.stash[_COUNTS]
    if databases.SESSION and counts:
        told = ", ".join(f"{number} on {where}" for where, number in counts.most_common())
        terminalreporter.write_line(f"This was the session on {databases.SESSION}. Tests collected: {told}.")
    if steps.NAMES:
        told = ", ".join(f"{name} {step.seconds:.0f} s" for name, step in steps.ended().items())
        terminalreporter.write_line(f"Beside this session: {told}.")
