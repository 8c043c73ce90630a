"""The suite's databases: migrated once a run and copied for each worker, emptied after a transactional test, and
the choice of which tests run on which engine.

`make test` runs the suite on SQLite and, beside it, a part of it on PostgreSQL, and tells each session which it is
(`ARENA_TEST_SESSION`). A test runs on SQLite, unless it or its module is marked:

- `@pytest.mark.on_both(because=…)`: on PostgreSQL too, for locks and races, triggers and constraints, SQL that the
  engines read differently (aggregates, JSON, order, text), and so that each function that asks the database does so on
  PostgreSQL at least once. The last is checked (`tests/query_sites.py`).
- `@pytest.mark.runs_once(on=…, because=…)`: on that engine alone, for a test whose fault would show only there, or one
  of a module of the former kind that has nothing to find on PostgreSQL.

pytest called directly runs everything.
"""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from arena import triggers

ENGINES = ("sqlite", "postgresql")
SESSION = os.environ.get("ARENA_TEST_SESSION", "")


# Which tests run on which engine


def reaches_a_database(item: pytest.Item) -> bool:
    """pytest-django refuses every query of a test that has neither of these."""
    fixtures = set(getattr(item, "fixturenames", ()))
    opening = {"django_db_setup", "db", "transactional_db", "live_server"}
    return item.get_closest_marker("django_db") is not None or not opening.isdisjoint(fixtures)


def engines(item: pytest.Item) -> tuple[str, ...]:
    """The sessions of `make test` that run this test: one of them, or both. The mark that is nearest to it decides."""
    mark = next((mark for mark in item.iter_markers() if mark.name in ("on_both", "runs_once")), None)
    if mark is None:
        return ("sqlite",)
    assert mark.kwargs["because"], f"{item.nodeid}: {mark.name} says why"
    if mark.name == "on_both":
        return ENGINES if reaches_a_database(item) else ("sqlite",)
    engine: str = mark.kwargs["on"]
    assert engine in ENGINES, f"{item.nodeid}: runs_once(on={engine!r}) names neither of {ENGINES}"
    return (engine,)


def slow_first(items: list[pytest.Item]) -> list[pytest.Item]:
    """Tests that start processes or a browser before all others: they wait, and would be waited for at the end. Those
    that wait for the other session come last."""

    def waits(item: pytest.Item) -> bool:
        marked = any(map(item.get_closest_marker, ("crash", "browser")))
        return marked or "processes" in getattr(item, "fixturenames", ()) or "benchmarks" in item.path.parts

    return sorted(items, key=lambda item: (item.path.name == "test_steps.py", not waits(item)))


def choose(items: list[pytest.Item]) -> tuple[list[pytest.Item], list[pytest.Item], Counter[str]]:
    """What this session runs, what it leaves to the other one, and how many tests run where."""
    where = [engines(item) for item in items]
    counts = Counter(" and ".join(names) for names in where)
    if not SESSION:
        return items, [], counts
    chosen = [item for item, names in zip(items, where, strict=True) if SESSION in names]
    left = [item for item, names in zip(items, where, strict=True) if SESSION not in names]
    return chosen, left, counts


def files_left_to_sqlite(items: list[pytest.Item]) -> list[str]:
    """The paths of those test files of which nothing runs on PostgreSQL."""
    needed = {item.path for item in items if "postgresql" in engines(item)}
    return sorted({str(item.path) for item in items} - {str(path) for path in needed})


# A database for each worker


@contextmanager
def copied_for(worker: str, shared: Path) -> Iterator[str]:
    """Points the settings at this worker's copy of a database that the first worker to arrive has migrated, whose name
    this yields: nothing is stored in it, and nobody is connected to it.

    `shared` is a folder that all workers of this run have in common.
    """
    creation, names, test = connection.creation, connection.settings_dict, connection.settings_dict["TEST"]
    original = names["NAME"]
    if connection.vendor == "sqlite":
        test["NAME"] = str(shared / "test.sqlite3")
    template = creation._get_test_db_name()  # type: ignore[attr-defined]  # Django keeps it to itself
    migrated = shared / "migrated"
    with _alone(shared):
        first = not migrated.exists()
        if first:
            creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
            migrated.touch()
        names["NAME"] = template
        connection.close()  # PostgreSQL copies no database that somebody is connected to
        creation.clone_test_db(suffix=worker, verbosity=0, autoclobber=True)
        copy = creation.get_test_db_clone_settings(worker)["NAME"]
    names["NAME"] = settings.DATABASES["default"]["NAME"] = original
    test["NAME"] = copy
    try:
        yield template
    finally:
        connection.close()
        names["NAME"] = original
        with _alone(shared):
            _drop(copy)
            if first:
                migrated.unlink()
                _drop(template)


@contextmanager
def _alone(shared: Path) -> Iterator[None]:
    """One worker at a time."""
    with (shared / "databases.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _drop(name: str) -> None:
    if connection.vendor == "sqlite":
        for suffix in ("", "-wal", "-shm"):
            Path(name + suffix).unlink(missing_ok=True)
    else:
        with connection._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


# Rows that the tests of a module share


@contextmanager
def stored_for_a_module(blocker: DjangoDbBlocker, fill: Callable[[], None]) -> Iterator[None]:
    """What `fill` stores is there for every test of a module, each of which begins with it untouched: their
    transactions are savepoints of this one. Not for transactional tests, whose processes and threads would not see it.
    """
    with ExitStack() as stack:
        with blocker.unblock():
            stack.enter_context(transaction.atomic())
            fill()
        yield
        with blocker.unblock():
            transaction.set_rollback(True)
            stack.close()


# Emptying the tables after a transactional test


Rows = list[tuple[Any, ...]]


class Flush:
    """Brings every table back to what `migrate` left in it, in one transaction that touches only those that changed.

    The append-only triggers are lifted for those tables within that transaction, and nowhere else.
    """

    def __init__(self) -> None:
        """Right after `migrate`."""
        tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        self._which_have_rows = " UNION ALL ".join(
            f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM \"{table}\")" for table in sorted(tables)
        )
        with connection.cursor() as cursor:
            self._initial: dict[str, Rows] = {table: _rows(cursor, table) for table in self._filled(cursor)}

    def __call__(self) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            changed = [table for table in self._filled(cursor) if table not in self._initial]
            changed += [table for table, rows in self._initial.items() if _rows(cursor, table) != rows]
            with _lifted(cursor, changed):
                for table in changed:
                    cursor.execute(f'DELETE FROM "{table}"')
                for table in changed:
                    for row in self._initial.get(table, []):
                        cursor.execute(f'INSERT INTO "{table}" VALUES ({", ".join(["%s"] * len(row))})', row)

    def _filled(self, cursor: Any) -> list[str]:
        cursor.execute(self._which_have_rows)
        return [row[0] for row in cursor.fetchall()]


def _rows(cursor: Any, table: str) -> Rows:
    cursor.execute(f'SELECT * FROM "{table}" ORDER BY 1')
    return list(cursor.fetchall())


@contextmanager
def _lifted(cursor: Any, tables: list[str]) -> Iterator[None]:
    guards = [trigger for trigger in triggers.declared() if trigger.table in tables]
    if connection.vendor == "sqlite":  # which cannot disable a trigger
        for trigger in guards:
            cursor.execute(trigger.drop("sqlite"))
        yield
        triggers.install(guards)
        return
    guarded = sorted({trigger.table for trigger in guards})
    for table in guarded:
        cursor.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER USER')
    yield
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with deferred checks pending cannot be altered
    for table in guarded:
        cursor.execute(f'ALTER TABLE "{table}" ENABLE TRIGGER USER')
