"""Outcomes as services post them, and what their tallies must add up to."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from django.test import Client
from django.utils import timezone

from arena.models import ApiToken
from routing.models import OutcomeTally, ReportedOutcome
from routing.outcomes.histogram import bucket

PATH = "/api/v1/routing/outcomes"


def an_outcome(**changes: Any) -> dict[str, Any]:
    """One that succeeded just now, as the client of `sdk/` says it."""
    made = {
        "id": str(uuid.uuid4()),
        "table_version": 1,
        "route_id": "code",
        "category": "code",
        "model": "a",
        "ok": True,
        "error": None,
        "latency_ms": 1200.0,
        "ttft_ms": 300.0,
        "tokens": 400,
        "cost_usd": 0.002,
        "at": timezone.now().isoformat(),
    }
    return made | changes


def bearer(*scopes: str) -> dict[str, str]:
    _, key = ApiToken.objects.create_key(name="shop", scopes=list(scopes))
    return {"Authorization": f"Bearer {key}"}


def body(*outcomes: Any) -> bytes:
    return json.dumps({"outcomes": outcomes}).encode()


def post(batch: Any, headers: dict[str, str]) -> Any:
    """`batch` is a list of outcomes, or the body itself."""
    sent = batch if isinstance(batch, bytes) else body(*batch)
    return Client().post(PATH, sent, content_type="application/json", headers=headers)


def recounted() -> dict[tuple[Any, ...], dict[str, Any]]:
    """The tallies, from the rows."""
    made: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in ReportedOutcome.objects.all():
        key = (row.at.astimezone(UTC).date(), row.route_id, row.model)
        tally = made.setdefault(key, defaultdict(int) | {"latency": defaultdict(int), "ttft": defaultdict(int)})
        tally["requests"] += 1
        tally["succeeded"] += row.ok
        tally["tokens"] += row.tokens or 0
        tally["tokens_told"] += row.tokens is not None
        tally["cost_usd"] += row.cost_usd or 0.0
        tally["cost_told"] += row.cost_usd is not None
        tally["cost_unknown"] += row.ok and row.cost_usd is None
        for name, value in (("latency", row.latency_ms), ("ttft", row.ttft_ms)):
            if row.ok and value is not None:
                tally[name][str(bucket(value))] += 1
    return made


def assert_tallies_are_a_recount() -> None:
    stored = {(row.day, row.route_id, row.model): row for row in OutcomeTally.objects.all()}
    counted = recounted()
    assert stored.keys() == counted.keys()
    for key, tally in counted.items():
        for name, value in tally.items():
            held = getattr(stored[key], name)
            assert abs(held - value) < 1e-9 if name == "cost_usd" else held == value, (key, name)


def at(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)
