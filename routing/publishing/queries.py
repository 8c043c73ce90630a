"""What pages, the API and the fast lane read of routing: frozen values, no model instances."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from routing.models import Publication, RoutingTable
from routing.publishing.diff import Change, diff
from routing.publishing.serving import FOREVER, LATEST, Served

__all__ = [
    "Frozen",
    "TableLine",
    "TableView",
    "freeze_state",
    "frozen",
    "newest_version",
    "served",
    "served_if_newer",
    "table",
    "tables",
    "tables_between",
    "tables_under",
]


def freeze_state() -> dict[str, Any]:
    """As the API and the commands have it. One query."""
    now = frozen()
    return {
        "frozen": now is not None,
        "by": now.by if now else "",
        "reason": now.reason if now else "",
        "at": now.at if now else None,
    }


@dataclass(frozen=True)
class TableLine:
    """A version in the history, without its body."""

    version: int
    cause: str
    reason: str
    actor: str
    policy: int
    rolled_back_to: int | None
    published_at: datetime
    expires_at: datetime
    sha256: str
    decision_digest: str


@dataclass(frozen=True)
class TableView:
    """A version with its document and the bytes it came from."""

    line: TableLine
    body: bytes
    signature: str

    @cached_property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document

    @property
    def key_ids(self) -> list[str]:
        return [one.split(":")[1] for one in self.signature.split(",")]


@dataclass(frozen=True)
class Frozen:
    at: datetime
    by: str
    reason: str


_LINE = (
    "version",
    "cause",
    "reason",
    "actor",
    "policy_id",
    "rolled_back_to",
    "published_at",
    "expires_at",
    "sha256",
    "decision_digest",
)


def newest_version() -> int | None:
    """None before the first publication. One query."""
    return RoutingTable.objects.order_by("-version").values_list("version", flat=True).first()


def tables(*, limit: int, before: int | None = None) -> list[TableLine]:
    """The newest `limit` of the history, newest first; `before` a version. One query, no bodies."""
    found = RoutingTable.objects.order_by("-version")
    if before is not None:
        found = found.filter(version__lt=before)
    return [TableLine(*row) for row in found.values_list(*_LINE)[:limit]]


def table(version: int | None = None) -> TableView | None:
    """That version, or the newest; None if there is none. One query."""
    found = RoutingTable.objects.order_by("-version")
    if version is not None:
        found = found.filter(version=version)
    row = found.values_list(*_LINE, "body", "signature").first()
    if row is None:
        return None
    *line, body, signature = row
    return TableView(TableLine(*line), bytes(body), signature)


def tables_between(older: int, newer: int) -> list[Change] | None:
    """What `newer` decides differently from `older`; None if either does not exist."""
    first, second = table(older), table(newer)
    return diff(first.document, second.document) if first and second else None


def served(version: int | None = None, *, public: bool) -> Served | None:
    """A table as HTTP answers; a numbered one never changes."""
    found = table(version)
    return None if found is None else _served(found, public=public, cache=LATEST if version is None else FOREVER)


def served_if_newer(current: Served | None, *, public: bool) -> Served | None:
    """`current` itself while it is the newest in the database. One small query then."""
    row = RoutingTable.objects.order_by("-version").values_list("version", "sha256").first()
    if row is None:
        return None
    if current is not None and row == (current.version, current.sha256):
        return current
    found = table(row[0])
    return None if found is None else _served(found, public=public, cache=LATEST)


def _served(found: TableView, *, public: bool, cache: str) -> Served:
    return Served.of(
        version=found.line.version,
        body=found.body,
        sha256=found.line.sha256,
        signature=found.signature,
        public=public,
        cache=cache,
    )


def frozen() -> Frozen | None:
    row = Publication.objects.first()
    if row is None or row.frozen_at is None:
        return None
    return Frozen(row.frozen_at, row.frozen_by, row.frozen_reason)


def tables_under(policy: int) -> list[TableLine]:
    """The tables made under a policy, newest first, without refreshes, which decide what an earlier table did."""
    found = RoutingTable.objects.filter(policy=policy).exclude(cause=RoutingTable.Cause.REFRESH)
    return [TableLine(*row) for row in found.order_by("-version").values_list(*_LINE)[:20]]
