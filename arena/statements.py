"""Queries that are asked many times a second, with SQL that is composed once.

Django composes the SQL of a query each time it is asked, which takes several times as long as SQLite takes to answer
it. A statement keeps the SQL and only puts the values in:

    _BY_TOKEN = Statement(lambda token: Ballot.objects.filter(token=token).order_by())
    _CLOSE = Update(lambda pk: Ballot.objects.filter(pk=pk, state="open"), "state", "closed_at")
    _DRAWN = Insert(Battle, same=("task_id", "lo_id", "hi_id"))

    ballots = _BY_TOKEN.rows(token="…")
    closed = _CLOSE.run(pk=7, state="voted", closed_at=now)
    pk = _DRAWN.run(Battle(task=task, lo=lo, hi=hi))

What the function is called with stands for values and may be used wherever a query takes an expression: `task=…`,
`task__pk__in=…` (for a list given to `rows`; a relation's own `__in` wants plain values). A condition on None has other
SQL, so None is no value for one. Everything else of the query is fixed when it is first asked.

On PostgreSQL, which takes longer to plan such a query than to answer it, a connection prepares each statement after its
first few uses (`ARENA_PREPARED_STATEMENTS`), and its plan is kept with it.

For what is asked with every request, vote and collected answer: elsewhere the ORM's own time does not matter.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar, cast
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, Model, QuerySet
from django.db.models.sql import UpdateQuery
from django.db.models.sql.compiler import SQLCompiler

__all__ = ["Insert", "Statement", "Update"]

Row = TypeVar("Row")
Kept = TypeVar("Kept")


class _Place(Expression):
    """Where a value goes; `at` is its index in a list."""

    def __init__(self, name: str, at: int | None = None) -> None:
        super().__init__()
        self.name, self.at = name, at

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:  # type: ignore[override]
        return "%s", [_Value(self.name, self.at)]


class _Value(NamedTuple):
    name: str
    at: int | None

    def of(self, given: dict[str, Any], connection: BaseDatabaseWrapper) -> Any:
        value = given[self.name]
        if self.at is not None:
            # The last one fills a list up.
            value = value[min(self.at, len(value) - 1)]
        if isinstance(value, datetime):
            return connection.ops.adapt_datetimefield_value(value)
        if isinstance(value, UUID):
            return value if connection.features.has_native_uuid_field else value.hex
        if isinstance(value, list | dict):
            return connection.ops.adapt_json_value(value, None)
        return value


def _bound(parameters: Sequence[Any], given: dict[str, Any], connection: BaseDatabaseWrapper) -> tuple[Any, ...]:
    return tuple(one.of(given, connection) if isinstance(one, _Value) else one for one in parameters)


class _Preparing:
    """A connection whose cursors prepare what they execute, where the connection may do so."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        # Loaded here, since an installation on SQLite has no use for psycopg.
        self._cursors = importlib.import_module("django.db.backends.postgresql.base")
        self._numbers = importlib.import_module("psycopg.types.numeric")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def cursor(self) -> Any:
        cursor: Any = self._connection.cursor()
        link = self._connection.connection
        if getattr(link, "prepare_threshold", None) is not None:
            # The usual cursor puts the values into the SQL, so that no two statements are the same.
            cursor.cursor.close()
            cursor.cursor = self._cursors.ServerBindingCursor(link)
            execute, whole = cursor.execute, self._numbers.Int8

            # An integer has the type of its size otherwise, and each combination of types is another statement.
            def run(sql: str, values: Sequence[Any]) -> Any:
                return execute(sql, [whole(one) if type(one) is int else one for one in values])

            cursor.execute = run
        return cursor


def _preparing(connection: BaseDatabaseWrapper) -> Any:
    return _Preparing(connection) if connection.vendor == "postgresql" else connection


class _PerConnection(Generic[Kept]):
    """What was composed for a connection is kept with it: threads have their own, and one asks one thing at a time."""

    def _on(self, connection: BaseDatabaseWrapper, lengths: tuple[int, ...], compose: Callable[[], Kept]) -> Kept:
        kept: dict[Any, Kept] = connection.__dict__.setdefault("arena_statements", {})
        key = (self, lengths)
        found = kept.get(key)
        if found is None:
            found = kept[key] = compose()
        return found


class _Places:
    """The parameters of a query's function. Lists are as long as the next power of two, so that few are composed."""

    def __init__(self, query: Callable[..., Any], lists: Sequence[str]) -> None:
        self._names = [name for name in inspect.signature(query).parameters if name not in lists]
        self._lists = lists

    def lengths(self, values: dict[str, Any]) -> tuple[int, ...]:
        return tuple(1 << (len(values[name]) - 1).bit_length() for name in self._lists)

    def of(self, lengths: tuple[int, ...]) -> dict[str, Any]:
        places: dict[str, Any] = {name: _Place(name) for name in self._names}
        for name, length in zip(self._lists, lengths, strict=True):
            places[name] = [_Place(name, at) for at in range(length)]
        return places


class Statement(_PerConnection["_Composed[Row]"], Generic[Row]):
    """A query for rows. `lists` names the parameters that are lists."""

    def __init__(self, query: Callable[..., QuerySet[Any, Row]], *, lists: Sequence[str] = ()) -> None:
        self._query, self._places = query, _Places(query, lists)

    def rows(self, **values: Any) -> list[Row]:
        """What the query returns for these values. A list must not be empty: it would need no query."""
        connection = connections[DEFAULT_DB_ALIAS]
        lengths = self._places.lengths(values)
        composed = self._on(connection, lengths, lambda: _Composed(self._query(**self._places.of(lengths)), connection))
        return composed.rows(values)


class _Composed(Generic[Row]):
    """A query whose compiler returns the SQL that it composed the first time."""

    def __init__(self, queryset: QuerySet[Any, Row], connection: BaseDatabaseWrapper) -> None:
        self._queryset, self._connection = queryset, connection
        compiler = queryset.query.get_compiler(connection=connection)
        self._sql, self._parameters = compiler.as_sql()
        converters = compiler.get_converters([column for column, *_ in compiler.select[: compiler.col_count]])
        self._values: dict[str, Any] = {}
        compiler.connection = _preparing(connection)
        # On the instances, which are this statement's own: the ORM goes on making rows of what it reads.
        compiler.as_sql = self._as_sql
        compiler.get_converters = lambda expressions: converters
        queryset.query.get_compiler = lambda *args, **kwargs: compiler  # type: ignore[method-assign]

    def rows(self, values: dict[str, Any]) -> list[Row]:
        self._values = values
        # Past the query set's own memory of what it once returned.
        queryset: Any = self._queryset
        return list(queryset._iterable_class(queryset))

    def _as_sql(self, *args: Any, **kwargs: Any) -> tuple[str, tuple[Any, ...]]:
        return self._sql, _bound(self._parameters, self._values, self._connection)


class Update(_PerConnection[tuple[str, Sequence[Any]]]):
    """An UPDATE of `columns`, named as on the model, in the rows of a query. `lists` names the parameters of the query
    that are lists."""

    def __init__(self, query: Callable[..., QuerySet[Any, Any]], *columns: str, lists: Sequence[str] = ()) -> None:
        self._places, self._columns = _Places(query, lists), columns
        self._query = query

    def run(self, **values: Any) -> int:
        """How many rows were changed."""
        connection = connections[DEFAULT_DB_ALIAS]
        lengths = self._places.lengths(values)
        sql, parameters = self._on(connection, lengths, lambda: self._compose(connection, lengths))
        with closing(_preparing(connection).cursor()) as cursor:
            cursor.execute(sql, _bound(parameters, values, connection))
            return int(cursor.rowcount)

    def _compose(self, connection: BaseDatabaseWrapper, lengths: tuple[int, ...]) -> tuple[str, Sequence[Any]]:
        rows = self._query(**self._places.of(lengths))
        query: Any = rows.query.chain(UpdateQuery)
        query.add_update_values({name: _Place(name) for name in self._columns})
        sql, parameters = query.get_compiler(connection=connection).as_sql()
        return sql, parameters


class Insert(_PerConnection[str]):
    """An INSERT of one instance with its own values: neither `save` nor signals are called.

    Where a unique constraint has such a row already, nothing is inserted; `same` names the columns of one constraint
    whose row is then taken for this one.
    """

    def __init__(self, model: type[Model], *, same: Sequence[str] = ()) -> None:
        self._model, self._same = model, same
        self._fields = [field for field in model._meta.concrete_fields if not field.primary_key]

    def run(self, instance: Model) -> int | None:
        """The row's primary key; None if there is another row in its place."""
        connection = connections[DEFAULT_DB_ALIAS]
        sql = self._on(connection, (), lambda: self._compose(connection))
        values = [field.get_db_prep_save(getattr(instance, field.attname), connection) for field in self._fields]
        with closing(_preparing(connection).cursor()) as cursor:
            cursor.execute(sql, values)
            row = cursor.fetchone()
        return None if row is None else cast(int, row[0])

    def _compose(self, connection: BaseDatabaseWrapper) -> str:
        def quoted(names: Sequence[str | None]) -> str:
            return ", ".join(connection.ops.quote_name(str(name)) for name in names)

        table, key = quoted([self._model._meta.db_table]), quoted([self._model._meta.pk.column])
        columns = quoted([field.column for field in self._fields])
        marks = ", ".join(["%s"] * len(self._fields))
        sql = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608
        if not self._same:
            return f"{sql} ON CONFLICT DO NOTHING RETURNING {key}"
        # The update changes nothing: it makes the statement return the row that is there.
        one = quoted(self._same[:1])
        return f"{sql} ON CONFLICT ({quoted(self._same)}) DO UPDATE SET {one} = EXCLUDED.{one} RETURNING {key}"
