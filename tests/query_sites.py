"""Which of Arena's functions ask the database, in each session of `make test`: what asks SQLite has to ask PostgreSQL
too, which runs only a part of the tests (`tests/databases.py`).

A function is named `routing/audit.py:entries`, and is the innermost one of Arena's own on the stack of a query. Each
worker adds a name to a file of its own when it first meets it. What migrations and other processes do is not seen.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

ROOT = Path(__file__).resolve().parent.parent
OURS = tuple(f"{ROOT / app}{os.sep}" for app in ("arena", "evals", "routing"))
TESTS = (f"{ROOT / 'tests'}{os.sep}", f"{ROOT / 'benchmarks'}{os.sep}")
STATEMENTS = str(ROOT / "arena" / "statements.py")
# Set by `make test` when it runs the whole suite on both engines.
FOLLOWED = os.environ.get("ARENA_TEST_QUERIES") == "1"


class QuerySites:
    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note
        self._known: dict[CodeType, str | None] = {}  # None: not ours
        self._seen: set[str] = set()

    def follow(self, connection: BaseDatabaseWrapper, **_: Any) -> None:
        """Whenever a connection opens: the object may have been open before."""
        if self not in connection.execute_wrappers:
            connection.execute_wrappers.append(self)

    def __call__(self, execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        frame = sys._getframe(1)
        while frame is not None:
            code = frame.f_code
            site = self._known[code] if code in self._known else self._known.setdefault(code, _site(code))
            if site is not None:
                if site and site not in self._seen:
                    self._seen.add(site)
                    self._note(site)
                break
            frame = frame.f_back
        return execute(sql, params, many, context)


def _site(code: CodeType) -> str | None:
    """Empty for a test, which asks for itself."""
    if code.co_filename == __file__:
        return None  # two of these, one around the other
    if code.co_filename == STATEMENTS:
        return None  # it asks for others
    if code.co_filename.startswith(TESTS):
        return ""
    if not code.co_filename.startswith(OURS) or f"{os.sep}migrations{os.sep}" in code.co_filename:
        return None
    function = code.co_qualname.partition(".<locals>")[0]
    return f"{Path(code.co_filename).relative_to(ROOT).as_posix()}:{function}"


def follow(session: str, worker: str, folder: Path) -> None:
    """From here on, in this process."""
    path = folder / f"queries-{session}-{worker}"

    def note(site: str) -> None:
        with path.open("a") as file:
            file.write(f"{site}\n")

    sites = QuerySites(note)
    sites.follow(connection)
    connection_created.connect(sites.follow, weak=False)


def seen(session: str, folder: Path) -> set[str]:
    """What all workers of that session have met so far."""
    return {site for path in folder.glob(f"queries-{session}-*") for site in path.read_text().splitlines()}
