"""The rules by which a route is chosen, as cases that server and clients share."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from routing.selection import Ask, NoEligibleModel, complexity_of, estimate_tokens, select

SHARED = json.loads((Path(__file__).parent / "cases" / "selection.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", SHARED["cases"], ids=lambda case: case["name"])
def test_the_shared_cases(case: dict[str, Any]):
    given = case["ask"]
    ask = Ask(**(given | {"needs": frozenset(given.get("needs", ()))}))
    if "error" in case:
        with pytest.raises(NoEligibleModel):
            select(SHARED["table"], ask)
        return
    chosen = select(SHARED["table"], ask)
    told = {
        "model": chosen.model,
        "fallbacks": list(chosen.fallbacks),
        "route_id": chosen.route_id,
        "escalate_to": chosen.escalate_to,
        "unmet": list(chosen.unmet),
    }
    expected = {key: case[key] for key in told if key in case} | {"unmet": case.get("unmet", [])}
    assert {key: told[key] for key in expected} == expected
    assert chosen.table_version == 42
    assert chosen.target == SHARED["table"]["models"][chosen.model]
    assert chosen.reason


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


def test_complexity_grows_with_length_and_markers():
    thresholds = SHARED["table"]["complexity"]
    assert complexity_of(["Hello"], thresholds) == "simple"
    assert complexity_of(["Refactor and debug this, then prove it step by step."], thresholds) == "medium"
    assert complexity_of(["Refactor, debug, prove, analyse. " * 150], thresholds) == "complex"


def test_tokens_are_never_fewer_than_words():
    assert estimate_tokens(["a b c d e f"]) == 6
    assert estimate_tokens(["x" * 400]) == 100
