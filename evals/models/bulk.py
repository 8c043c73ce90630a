"""Inserts many rows at once, without the costs of the ORM."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any, cast

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import DateTimeField, DecimalField, Field, JSONField, Model

__all__ = ["insert", "update"]

_PREPARED = (DateTimeField, DecimalField, JSONField)


def insert(
    model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]], *, ignore_conflicts: bool = False
) -> None:
    """Rows of `columns`, named as on the model (`task_id` of a relation); every other column must be nullable.

    `bulk_create` takes ten times as long to compose its statements, and SQLite allows no other writer meanwhile: with
    100,000 votes reviewers would get "database is locked". Defaults of the model are not applied. The iterator of
    `rows` must not query the database. `ignore_conflicts`: rows that violate a unique constraint are left out.
    """
    by_name = {field.attname: field for field in model._meta.concrete_fields}
    fields = [by_name[name] for name in columns]
    names = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    table = f"{connection.ops.quote_name(model._meta.db_table)} ({names})"
    # For all other fields the value itself is what the database stores.
    database = connections[DEFAULT_DB_ALIAS]
    special = [(at, _preparing(field, database)) for at, field in enumerate(fields) if isinstance(field, _PREPARED)]

    def prepared() -> Iterator[list[Any]]:
        for row in rows:
            values = list(row)
            for at, prepare in special:
                values[at] = prepare(values[at])
            yield values

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql" and not ignore_conflicts:
            # One statement for all rows: parsed, planned and executed one by one, they take ten times as long.
            with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                for row in prepared():
                    copy.write_row(row)
            return
        marks = ", ".join(["%s"] * len(fields))
        conflicts = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
        cursor.executemany(f"INSERT INTO {table} VALUES ({marks}){conflicts}", cast(Any, prepared()))  # noqa: S608


def update(model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Each row: its primary key, then the values of `columns`, named as on the model.

    The caller holds the rows' locks: nothing here asks whether they are still as they were. `bulk_update` composes one
    statement in which every value of every row is a condition.
    """
    by_name = {field.attname: field for field in model._meta.concrete_fields}
    fields = [by_name[name] for name in columns]
    quote, database = connection.ops.quote_name, connections[DEFAULT_DB_ALIAS]
    prepare = [partial(field.get_db_prep_save, connection=database) for field in fields]
    sets = ", ".join(f"{quote(str(field.column))} = %s" for field in fields)
    table, key = quote(model._meta.db_table), quote(str(model._meta.pk.column))
    values = [[*(make(value) for make, value in zip(prepare, row[1:], strict=True)), row[0]] for row in rows]
    if values:
        with connection.cursor() as cursor:
            cursor.executemany(f"UPDATE {table} SET {sets} WHERE {key} = %s", values)  # noqa: S608


def _preparing(field: Field[Any, Any], database: BaseDatabaseWrapper) -> Callable[[Any], Any]:
    prepare = partial(field.get_db_prep_save, connection=database)
    # All rows of an import often have the same time.
    return lru_cache(maxsize=256)(prepare) if isinstance(field, DateTimeField) else prepare
