"""Inserts many rows at once, without the costs of the ORM."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import chain, islice
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import DateTimeField, DecimalField, Field, JSONField, Model, UUIDField

__all__ = ["insert", "update"]

# For all other fields the value itself is what the database stores.
_PREPARED = (DateTimeField, DecimalField, JSONField, UUIDField)
# Of one statement. PostgreSQL takes 65,535 parameters, and SQLite half as many.
_ROWS, _PARAMETERS = 500, 32_000


def insert(
    model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]], *, ignore_conflicts: bool = False
) -> None:
    """Rows of `columns`, named as on the model (`task_id` of a relation); every other column must be nullable.

    `bulk_create` takes ten times as long to compose its statements, and SQLite allows no other writer meanwhile: with
    100,000 votes reviewers would get "database is locked". Defaults of the model are not applied. The iterator of
    `rows` must not query the database. `ignore_conflicts`: rows that violate a unique constraint are left out.
    """
    fields = _fields(model, columns)
    names = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    table = f"{connection.ops.quote_name(model._meta.db_table)} ({names})"
    prepared = _prepared(fields, rows)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql" and not ignore_conflicts:
            # One statement for all rows: parsed, planned and executed one by one, they take ten times as long.
            with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                for row in prepared:
                    copy.write_row(row)
            return
        place = f"({', '.join(['%s'] * len(fields))})"
        conflicts = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
        # Where a trigger follows each row, SQLite keeps what it needs to undo a statement: for one of many rows, once.
        at_once = max(1, min(_ROWS, _PARAMETERS // len(fields)))
        while some := list(islice(prepared, at_once)):
            places = ", ".join([place] * len(some))
            cursor.execute(f"INSERT INTO {table} VALUES {places}{conflicts}", list(chain(*some)))  # noqa: S608


def update(model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Each row: its primary key, then the values of `columns`, named as on the model.

    The caller holds the rows' locks: nothing here asks whether they are still as they were. `bulk_update` composes one
    statement in which every value of every row is a condition.
    """
    fields = _fields(model, columns)
    quote = connection.ops.quote_name
    sets = ", ".join(f"{quote(str(field.column))} = %s" for field in fields)
    table, key = quote(model._meta.db_table), quote(str(model._meta.pk.column))
    values = list(_prepared(fields, ([*row[1:], row[0]] for row in rows)))
    if values:
        with connection.cursor() as cursor:
            cursor.executemany(f"UPDATE {table} SET {sets} WHERE {key} = %s", values)  # noqa: S608


def _fields(model: type[Model], columns: Sequence[str]) -> list[Field[Any, Any]]:
    by_name = {field.attname: field for field in model._meta.concrete_fields}
    return [by_name[name] for name in columns]


def _prepared(fields: Sequence[Field[Any, Any]], rows: Iterable[Sequence[Any]]) -> Iterator[list[Any]]:
    """The rows' values, the first of them of these fields, as the database stores them."""
    database = connections[DEFAULT_DB_ALIAS]
    special = [(at, _preparing(field, database)) for at, field in enumerate(fields) if isinstance(field, _PREPARED)]
    for row in rows:
        values = list(row)
        for at, prepare in special:
            values[at] = prepare(values[at])
        yield values


def _preparing(field: Field[Any, Any], database: BaseDatabaseWrapper) -> Callable[[Any], Any]:
    prepare = partial(field.get_db_prep_save, connection=database)
    if isinstance(field, JSONField):
        # Most are empty lists.
        nothing = prepare([])
        return lambda value: nothing if value == [] else prepare(value)
    # All rows of an import often have the same time.
    return lru_cache(maxsize=256)(prepare) if isinstance(field, DateTimeField) else prepare
