"""Rules the database itself keeps, on both engines: append-only tables and frozen columns.

Django's SQLite schema editor rebuilds a table by copying it, which drops its triggers silently; so they are
installed after every `migrate` rather than in a migration, and `missing()` lets a check say so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.apps import AppConfig, apps
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper


@dataclass(frozen=True)
class Trigger:
    """Refuses `event` (UPDATE, DELETE or TRUNCATE) on rows of `table` for which `when` holds.

    `when` is SQL over OLD and NEW that both engines understand; empty means always. SQLite has no TRUNCATE.
    """

    table: str
    event: str
    message: str
    when: str = ""
    suffix: str = ""

    @property
    def name(self) -> str:
        return f"{self.table}_no_{self.event.lower()}{self.suffix}"

    def create(self, vendor: str) -> list[str]:
        if vendor == "sqlite":
            if self.event == "TRUNCATE":
                return []
            condition = f"WHEN {self.when} " if self.when else ""
            return [
                f'CREATE TRIGGER "{self.name}" BEFORE {self.event} ON "{self.table}" {condition}'
                f"BEGIN SELECT RAISE(ABORT, '{self.message}'); END"
            ]
        level = "STATEMENT" if self.event == "TRUNCATE" else "ROW"
        condition = f"WHEN ({self.when}) " if self.when else ""
        return [
            f'CREATE OR REPLACE FUNCTION "{self.name}"() RETURNS trigger LANGUAGE plpgsql AS '
            f"$$ BEGIN RAISE EXCEPTION '{self.message}' USING ERRCODE = 'integrity_constraint_violation'; END $$",
            f'CREATE TRIGGER "{self.name}" BEFORE {self.event} ON "{self.table}" '
            f'FOR EACH {level} {condition}EXECUTE FUNCTION "{self.name}"()',
        ]

    def drop(self, vendor: str) -> str:
        if vendor == "sqlite":
            return f'DROP TRIGGER IF EXISTS "{self.name}"'
        return f'DROP TRIGGER IF EXISTS "{self.name}" ON "{self.table}"'


@dataclass(frozen=True)
class Follower:
    """Keeps rows of another table in step with `table`, in the statement that moves them.

    `needs`: the tables it writes. SQLite renames no table while a trigger names one that is not there, as when Django
    rebuilds it, so followers are lifted there before anything is migrated.

    `on_sqlite`: from AFTER to END, for each row. `on_postgresql`: from AFTER to the word EXECUTE, and `body` the
    function's statements. There a function appends rows and changes none: two transactions that changed the same rows
    in different orders would deadlock.
    """

    table: str
    name: str
    needs: tuple[str, ...]
    on_sqlite: str
    on_postgresql: str
    body: str

    def create(self, vendor: str) -> list[str]:
        if vendor == "sqlite":
            return [f'CREATE TRIGGER "{self.name}" {self.on_sqlite}']
        return [
            f'CREATE OR REPLACE FUNCTION "{self.name}"() RETURNS trigger LANGUAGE plpgsql AS '
            f"$$ BEGIN {self.body} RETURN NULL; END $$",
            f'CREATE TRIGGER "{self.name}" {self.on_postgresql} EXECUTE FUNCTION "{self.name}"()',
        ]

    def drop(self, vendor: str) -> str:
        if vendor == "sqlite":
            return f'DROP TRIGGER IF EXISTS "{self.name}"'
        return f'DROP TRIGGER IF EXISTS "{self.name}" ON "{self.table}"'


Rule = Trigger | Follower


def append_only(table: str, what: str) -> tuple[Trigger, ...]:
    message = f"{what} are append-only"
    return tuple(Trigger(table, event, message) for event in ("UPDATE", "DELETE", "TRUNCATE"))


def _vendor(connection: BaseDatabaseWrapper) -> str:
    if connection.vendor not in ("sqlite", "postgresql"):
        raise ImproperlyConfigured(f"DATABASE_URL: Arena runs on SQLite and PostgreSQL, not on {connection.vendor}.")
    return connection.vendor


def install(triggers: Iterable[Rule], *, using: str = "default") -> None:
    """Idempotent."""
    connection = connections[using]
    vendor = _vendor(connection)
    with transaction.atomic(using=using), connection.cursor() as cursor:
        for trigger in triggers:
            cursor.execute(trigger.drop(vendor))
            for statement in trigger.create(vendor):
                cursor.execute(statement)


def declared() -> list[Rule]:
    """Every trigger that some app's config declares as its `triggers`."""
    return [trigger for config in apps.get_app_configs() for trigger in getattr(config, "triggers", ())]


def missing(*, using: str = "default") -> list[Rule]:
    """Declared triggers the database does not have: a table was rebuilt outside `migrate`."""
    connection = connections[using]
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if _vendor(connection) == "sqlite"
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        present = {row[0] for row in cursor.fetchall()}
    return [trigger for trigger in declared() if trigger.create(connection.vendor) and trigger.name not in present]


def lift_before_migrate(sender: AppConfig, using: str, plan: object = None, **_: Any) -> None:
    """Receiver of `pre_migrate`: on SQLite, followers are away while tables are changed."""
    if plan and _vendor(connections[using]) == "sqlite":
        with connections[using].cursor() as cursor:
            for one in getattr(sender, "triggers", ()):
                if isinstance(one, Follower):
                    cursor.execute(one.drop("sqlite"))


def install_after_migrate(sender: AppConfig, using: str, **_: Any) -> None:
    """Receiver of `post_migrate`; connected by `arena.apps`, so that it hears of each app. After migrating backwards
    some tables are not there."""
    connection = connections[using]
    there = set(connection.introspection.table_names())
    rules = [one for one in getattr(sender, "triggers", ()) if one.table in there]
    lost = [one for one in rules if isinstance(one, Follower) and not there.issuperset(one.needs)]
    with connection.cursor() as cursor:
        for one in lost:
            cursor.execute(one.drop(_vendor(connection)))
    install((one for one in rules if one not in lost), using=using)
