"""What pages, the API and the fast lane read of routing: frozen values, no model instances."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import Max

from routing.comparing import Change, diff
from routing.models import Decision, PolicyVersion, Publication, RoutingTable
from routing.serving import FOREVER, LATEST, Served

__all__ = [
    "DecisionView",
    "Frozen",
    "PolicyView",
    "TableLine",
    "TableView",
    "decisions_between",
    "frozen",
    "last_decision",
    "last_decisions",
    "newest_version",
    "policies",
    "policy",
    "served",
    "served_if_newer",
    "table",
    "tables",
    "tables_between",
]


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
        made: dict[str, Any] = json.loads(self.body)
        return made

    @property
    def key_ids(self) -> list[str]:
        return [one.split(":")[1] for one in self.signature.split(",")]


@dataclass(frozen=True)
class Frozen:
    at: datetime
    by: str
    reason: str


@dataclass(frozen=True)
class PolicyView:
    version: int
    document: Mapping[str, Any]
    reason: str
    by: str
    created_at: datetime


@dataclass(frozen=True)
class DecisionView:
    """A stored decision; `numbers` as `routing.gate.numbers` made them."""

    category: str
    outcome: str
    model_from: str
    model_to: str
    reason: str
    numbers: Mapping[str, Any]
    votes_to_go: int | None
    leaderboard_digest: str
    version: int | None
    created_at: datetime


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
    """What `newer` decides otherwise than `older`; None if either does not exist."""
    first, second = table(older), table(newer)
    return diff(first.document, second.document) if first and second else None


def served(version: int | None = None, *, public: bool) -> Served | None:
    """A table ready to be answered with; a numbered one never changes."""
    found = table(version)
    return None if found is None else _served(found, public=public, cache=LATEST if version is None else FOREVER)


def served_if_newer(current: Served | None, *, public: bool) -> Served | None:
    """`current` itself while it is what the database holds as newest. One small query then."""
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


def policy(version: int | None = None) -> PolicyView | None:
    """That version, or the newest."""
    found = PolicyVersion.objects.select_related("created_by").order_by("-version")
    stored = (found if version is None else found.filter(version=version)).first()
    return _policy(stored) if stored else None


def policies(*, limit: int = 20) -> list[PolicyView]:
    return [_policy(one) for one in PolicyVersion.objects.select_related("created_by").order_by("-version")[:limit]]


def _policy(stored: PolicyVersion) -> PolicyView:
    by = stored.actor or (stored.created_by.name if stored.created_by else "")
    return PolicyView(stored.version, stored.document, stored.reason, by, stored.created_at)


def _decision(stored: Decision) -> DecisionView:
    return DecisionView(
        category=stored.category,
        outcome=stored.outcome,
        model_from=stored.model_from,
        model_to=stored.model_to,
        reason=stored.reason,
        numbers=stored.numbers,
        votes_to_go=stored.votes_to_go,
        leaderboard_digest=stored.leaderboard_digest,
        version=stored.table_id,
        created_at=stored.created_at,
    )


def last_decision(category: str) -> DecisionView | None:
    stored = Decision.objects.filter(category=category).first()
    return _decision(stored) if stored else None


def last_decisions(categories: Iterable[str]) -> dict[str, DecisionView]:
    """The newest of each of these categories that has any. One query."""
    newest = Decision.objects.filter(category__in=list(categories)).order_by().values("category")
    found = Decision.objects.filter(pk__in=newest.annotate(newest=Max("pk")).values("newest"))
    return {one.category: _decision(one) for one in found}


def decisions_between(older: int, newer: int) -> dict[str, dict[str, Any]]:
    """The last decision of each category that a table after `older`, up to `newer`, rests on and that changed it."""
    rows = Decision.objects.filter(table_id__gt=older, table_id__lte=newer).order_by("id")
    return {
        one.category: {
            "outcome": one.outcome,
            "from": one.model_from or None,
            "to": one.model_to or None,
            "reason": one.reason,
            "gap": one.numbers.get("gap"),
            "leaderboard": {"digest": one.leaderboard_digest, "seq": one.leaderboard_seq},
            "version": one.table_id,
        }
        for one in rows
        if one.model_from != one.model_to
    }
