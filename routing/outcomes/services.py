"""Outcomes written down once each, and counted with it.

How exactly: an outcome counts if its row came in by this very statement, so of two copies of a batch that arrive at
once each row counts for one of them. That holds for as long as the row is there to be met; hence `window`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Field
from django.utils import timezone

from routing.models import OutcomeTally, ReportedOutcome
from routing.outcomes.batch import Outcome, Window
from routing.outcomes.histogram import Histogram

__all__ = ["Stored", "store", "sweep", "window"]

# How far a reporter's clock may be ahead: an hour given in the wrong zone passes, a year does not.
_AHEAD = timedelta(days=1)
# Rows outlive the window by this much, lest one is swept between a batch's reading and its writing.
_LEEWAY = timedelta(days=1)
_CHUNK = 5_000
# A million a sweep, of which there is one an hour: well within the minute a chore may take.
_CHUNKS = 200

_COLUMNS = (
    "id",
    "table_version",
    "route_id",
    "category",
    "model",
    "ok",
    "error",
    "latency_ms",
    "ttft_ms",
    "tokens",
    "cost_usd",
    "at",
    "reported_by",
    "received_at",
)
_FIELDS = {field.name: field for field in ReportedOutcome._meta.concrete_fields}
_TIMES = ("latency", "ttft")
_FIGURES = ("requests", "succeeded", "tokens", "tokens_told", "cost_usd", "cost_told", "cost_unknown")
_TALLY_FIELDS = {field.name: field for field in OutcomeTally._meta.concrete_fields}


class Stored(NamedTuple):
    """How many were new, and how many were known or came twice in one batch."""

    stored: int
    repeated: int


class _Key(NamedTuple):
    route_id: str
    model: str
    day: date


def window(now: datetime) -> Window:
    """What may be reported. The sweep goes by `at` as well: whatever still passes here is still remembered, so that
    no outcome can be counted again after its row has gone."""
    return Window(now - timedelta(days=settings.ARENA_OUTCOMES_DAYS), now + _AHEAD)


@transaction.atomic
def store(*, outcomes: Iterable[Outcome], reported_by: str) -> Stored:
    """Nothing, or all of it: rows, and the tallies moved by those that are new.

    A model that neither a table nor Arena knows is counted like any other. Whether it is a mistake or a contender that
    a restored database has lost cannot be told here, and refusing it would cost its service the whole batch. Such
    names take a row a day and route each; how many of them are read is bounded where that is done."""
    given = list(outcomes)
    # The first of those with one id; sorted, so that batches with ids in common wait for each other in one order.
    once = {one.id: one for one in reversed(given)}
    rows = [once[key] for key in sorted(once)]
    new = _inserted(rows, reported_by) if rows else set()
    _count([one for one in rows if one.id in new])
    return Stored(len(new), len(given) - len(new))


def _inserted(outcomes: Sequence[Outcome], reported_by: str) -> set[UUID]:
    """Writes them; returns the ids of those that were not there."""
    # The rest is what the database takes as it is.
    key, moment = (_FIELDS[name].get_db_prep_save for name in ("id", "at"))
    received_at = moment(timezone.now(), connection)
    rows = [
        (
            key(one.id, connection),
            one.table_version,
            one.route_id,
            one.category,
            one.model,
            one.ok,
            one.error or "",
            one.latency_ms,
            one.ttft_ms,
            one.tokens,
            one.cost_usd,
            moment(one.at, connection),
            reported_by,
            received_at,
        )
        for one in outcomes
    ]
    source, values = _source([_FIELDS[name] for name in _COLUMNS], rows)
    quote = connection.ops.quote_name
    sql = (
        f"INSERT INTO {quote(ReportedOutcome._meta.db_table)} ({', '.join(map(quote, _COLUMNS))}) "
        f"{source} ON CONFLICT (id) DO NOTHING RETURNING id"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return {UUID(str(row[0])) for row in cursor.fetchall()}


def _source(fields: Sequence[Field[Any, Any]], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    """The rows as SQL, and its values. PostgreSQL takes a column as one value, in half the time."""
    if connection.vendor != "postgresql":
        place = f"({', '.join(['%s'] * len(fields))})"
        return f"VALUES {', '.join([place] * len(rows))}", [value for row in rows for value in row]
    columns = ", ".join(f"%s::{field.db_type(connection)}[]" for field in fields)
    return f"SELECT * FROM unnest({columns})", [list(column) for column in zip(*rows, strict=True)]  # noqa: S608


@dataclass
class _Change:
    requests: int = 0
    succeeded: int = 0
    tokens: int = 0
    tokens_told: int = 0
    cost_usd: float = 0.0
    cost_told: int = 0
    cost_unknown: int = 0
    latency: Histogram = field(default_factory=Histogram)
    ttft: Histogram = field(default_factory=Histogram)

    def add(self, one: Outcome) -> None:
        self.requests += 1
        self.succeeded += one.ok
        if one.tokens is not None:
            self.tokens += one.tokens
            self.tokens_told += 1
        if one.cost_usd is not None:
            self.cost_usd += one.cost_usd
            self.cost_told += 1
        elif one.ok:
            self.cost_unknown += 1
        # As runs measure it: how long a failure took says nothing of how fast answers come.
        if one.ok and one.latency_ms is not None:
            self.latency.add(one.latency_ms)
        if one.ok and one.ttft_ms is not None:
            self.ttft.add(one.ttft_ms)

    def apply(self, tally: OutcomeTally) -> None:
        for name in _FIGURES:
            setattr(tally, name, getattr(tally, name) + getattr(self, name))
        for name in _TIMES:
            held = Histogram(getattr(tally, name))
            held.merge(getattr(self, name))
            setattr(tally, name, held.stored())


def _count(new: Iterable[Outcome]) -> None:
    changes: dict[_Key, _Change] = defaultdict(_Change)
    for one in new:
        changes[_Key(one.route_id, one.model, one.at.astimezone(UTC).date())].add(one)
    if not changes:
        return
    tallies = _locked(changes)
    for key, change in changes.items():
        change.apply(tallies[key])
    _save([tallies[key] for key in changes])


def _locked(changes: Iterable[_Key]) -> dict[_Key, OutcomeTally]:
    """Their rows, made where there are none. Nobody can wait in a circle: rows are made in one order and before any
    is locked, and then locked in one order."""
    keys = sorted(changes)
    there = _ids(keys)
    if missing := [key for key in keys if key not in there]:
        OutcomeTally.objects.bulk_create([OutcomeTally(**key._asdict()) for key in missing], ignore_conflicts=True)
        there |= _ids(missing)
    rows = OutcomeTally.objects.filter(pk__in=there.values()).select_for_update().order_by(*_Key._fields)
    return {_Key(row.route_id, row.model, row.day): row for row in rows}


def _ids(keys: Sequence[_Key]) -> dict[_Key, int]:
    """Of the rows that are there. Joined key by key: all of these routes with all of these models on all of these days
    may be a thousand times as many."""
    day = _TALLY_FIELDS["day"].get_db_prep_save
    rows = [(n, key.route_id, key.model, day(key.day, connection)) for n, key in enumerate(keys)]
    source, values = _source([_TALLY_FIELDS[name] for name in ("id", *_Key._fields)], rows)
    sql = (
        f"WITH asked (n, {', '.join(_Key._fields)}) AS ({source}) SELECT asked.n, tally.id "  # noqa: S608
        f"FROM asked JOIN {connection.ops.quote_name(OutcomeTally._meta.db_table)} AS tally "
        f"ON {' AND '.join(f'tally.{name} = asked.{name}' for name in _Key._fields)}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return {keys[n]: pk for n, pk in cursor.fetchall()}


def _save(tallies: Sequence[OutcomeTally]) -> None:
    """One plain statement for them: `bulk_update` spends longer on composing its own than the whole batch takes."""
    rows = [
        (
            tally.pk,
            *(getattr(tally, name) for name in _FIGURES),
            *(msgspec.json.encode(getattr(tally, name)).decode() for name in _TIMES),
        )
        for tally in tallies
    ]
    columns = ("id", *_FIGURES, *_TIMES)
    source, values = _source([_TALLY_FIELDS[name] for name in columns], rows)
    table = connection.ops.quote_name(OutcomeTally._meta.db_table)
    sql = (
        f"WITH moved ({', '.join(columns)}) AS ({source}) "  # noqa: S608
        f"UPDATE {table} SET {', '.join(f'{name} = moved.{name}' for name in columns[1:])} "
        f"FROM moved WHERE {table}.id = moved.id"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def sweep(*, now: datetime) -> int:
    """Deletes outcomes that have left the window, in transactions of their own, and returns how many; what is too
    much for once is left to the next. Tallies stay."""
    due = ReportedOutcome.objects.filter(at__lt=window(now).oldest - _LEEWAY).order_by("at")
    swept = 0
    for _ in range(_CHUNKS):
        gone, _by_model = ReportedOutcome.objects.filter(pk__in=due.values("pk")[:_CHUNK]).delete()
        swept += gone
        if gone < _CHUNK:
            break
    return swept
