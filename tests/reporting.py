"""What a session tells beside its results: which tests run on which engine, and what `make test` ran beside it."""

from __future__ import annotations

import os
from collections import Counter
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
