"""The rules by which a route is chosen, as cases that server and clients share."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from routing.publishing.schema import table_schema
from routing.publishing.selection import Ask, NoEligibleModel, complexity_of, estimate_tokens, select

CASES = Path(__file__).resolve().parents[1] / "cases"
SHARED = json.loads((CASES / "selection.json").read_text(encoding="utf-8"))
ESTIMATES = json.loads((CASES / "estimates.json").read_text(encoding="utf-8"))


def test_the_shared_table_keeps_the_schema():
    jsonschema.validate(SHARED["table"], table_schema())


@pytest.mark.parametrize("case", SHARED["cases"], ids=lambda case: case["name"])
def test_the_shared_cases(case: dict[str, Any]):
    table = SHARED["table"] | case.get("with", {})
    given = case["ask"]
    ask = Ask(**(given | {"needs": frozenset(given.get("needs", ()))}))
    now = datetime.fromisoformat(case.get("now", table["published_at"]))
    if "error" in case:
        with pytest.raises(NoEligibleModel):
            select(table, ask, now=now)
        return
    chosen = select(table, ask, now=now)
    told = {
        "model": chosen.model,
        "fallbacks": list(chosen.fallbacks),
        "route_id": chosen.route_id,
        "escalate_to": chosen.escalate_to,
        "unmet": list(chosen.unmet),
        "stale": chosen.stale,
    }
    always = {"unmet": case.get("unmet", []), "stale": case.get("stale", False)}
    expected = {key: case[key] for key in told if key in case} | always
    assert {key: told[key] for key in expected} == expected
    assert chosen.table_version == 42
    assert chosen.target == SHARED["table"]["models"][chosen.model]
    assert chosen.reason
    assert case.get("reason_has", "") in chosen.reason


@pytest.mark.parametrize("case", ESTIMATES["cases"], ids=lambda case: case["name"])
def test_the_shared_estimates(case: dict[str, Any]):
    texts = [piece * times for piece, times in case["texts"]]
    assert estimate_tokens(texts) == case["tokens"]
    assert complexity_of(texts, ESTIMATES["thresholds"]) == case["complexity"]


@pytest.mark.parametrize("budget", ["max_ttft_ms", "max_latency_ms", "max_usd"])
def test_a_budget_that_is_no_number_is_kept_by_nobody(budget: str):
    table = SHARED["table"]
    chosen = select(table, Ask(next(iter(table["categories"])), **{budget: math.nan}))
    assert chosen.unmet == (budget,)


def test_a_table_without_routes_says_what_to_do():
    empty = {"version": 1, "models": {}, "categories": {}, "default": {"routes": [], "candidates": []}}
    with pytest.raises(NoEligibleModel, match="Name a default"):
        select(empty, Ask("code"))


@pytest.mark.parametrize(
    ("on_expired", "route_id"), [("use_last_good", "code"), ("use_default", "default"), ("refuse", None)]
)
def test_an_expired_table_does_as_it_says(on_expired: str, route_id: str | None):
    table = SHARED["table"] | {"expires_at": "2026-11-29T09:12:00Z", "on_expired": on_expired}
    before, after = datetime(2026, 11, 29, 9, 11, tzinfo=UTC), datetime(2026, 11, 29, 9, 13, tzinfo=UTC)
    assert not select(table, Ask("code"), now=before).stale
    if route_id is None:
        with pytest.raises(NoEligibleModel, match="expired"):
            select(table, Ask("code"), now=after)
        return
    late = select(table, Ask("code"), now=after)
    assert (late.route_id, late.stale) == (route_id, True)
