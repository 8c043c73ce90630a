"""The table's document: its schema, its digest, its bytes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from routing.decisions.evidence import DecisionEvidence
from routing.decisions.plan import Plan
from routing.decisions.planner import make_plan
from routing.policy.parse import parse
from routing.publishing.diff import diff
from routing.publishing.document import decision_digest, draft, serialise
from routing.publishing.schema import table_schema
from tests.routing.boards import NOW, evidence_of, measured, model

RULES: dict[str, Any] = {
    "every_category": {
        "gate": {"min_votes": 10},
        "routes": [{"name": "fast", "when": {"max_ttft_ms": 500, "needs": ["tools"]}, "escalate_to": "best"}, {}],
    },
    "default": [{"primary": "a", "fallbacks": ["b"]}],
}
MODELS = [
    model(
        "a",
        usd_per_mtok_input=Decimal("2.5"),
        usd_per_mtok_output=Decimal(10),
        context_tokens=128_000,
        capabilities=("tools",),
    ),
    model("b", capabilities=("tools",), locality="local", settings={"temperature": 0}),
    model("c", capabilities=("tools",)),
]
SEEN = {
    "a": measured(usd=0.0041, p95=1900, success_rate=0.97, success_basis="checks", error_rate=0.004),
    "b": measured(p95=300),
}


def known() -> DecisionEvidence:
    wins = {("a", "b"): (90, 10, 5), ("a", "c"): (90, 10, 5), ("b", "c"): (50, 50, 5)}
    return evidence_of(wins, models=MODELS, seen=SEEN)


def planned(rules: Any = RULES, before: Plan | None = None, of: DecisionEvidence | None = None) -> Plan:
    found = of or known()
    return make_plan(parse(rules), found, policy_version=7, previous=before, published={}, now=NOW).plan


def built(made: Plan, version: int = 42, **more: Any) -> dict[str, Any]:
    fields = {"previous": version - 1, "published_at": NOW, "expires_at": NOW + timedelta(days=7), "cause": "switched"}
    return draft(made, known()).stamped(version=version, **(fields | more))


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(table_schema())


def test_the_document_matches_its_schema():
    document = json.loads(serialise(built(planned())).data)
    Draft202012Validator(table_schema()).validate(document)
    code = document["categories"]["code"]
    assert [route["id"] for route in code["routes"]] == ["code-fast", "code"]
    assert code["routes"][0]["when"] == {"max_ttft_ms": 500.0, "needs": ["tools"]}
    assert code["routes"][0]["escalate_to"] == "a"
    assert [one["model"] for one in code["candidates"]] == ["a", "b", "c"]
    assert document["published_at"] == "2026-11-22T09:12:00Z"


def test_every_model_named_anywhere_stands_in_models_and_among_the_candidates():
    document = built(planned())
    pooled = {one["model"] for one in document["default"]["candidates"]}
    named = {slug for route in document["default"]["routes"] for slug in (route["primary"], *route["fallbacks"])}
    for category in document["categories"].values():
        here = {one["model"] for one in category["candidates"]}
        for route in category["routes"]:
            routed = {route["primary"], *route["fallbacks"], *filter(None, [route.get("escalate_to")])}
            assert routed <= here
            named |= routed | here
    assert named | pooled == set(document["models"])
    assert named <= pooled


def test_what_is_not_known_is_null_and_never_zero():
    document = built(planned())
    assert document["models"]["b"]["usd_per_mtok"] == {"input": None, "output": None}
    c = next(one for one in document["categories"]["code"]["candidates"] if one["model"] == "c")
    assert (c["usd_per_success"], c["error_rate"], c["ttft_ms"]) == (None, None, {"p50": None, "p95": None, "n": 0})


def test_the_digest_is_over_decisions_not_over_reasons_or_evidence():
    made = planned()
    again = Plan.of(json.loads(serialise(built(made)).data))
    assert decision_digest(again) == decision_digest(made) == built(made)["decision_digest"]
    reworded = built(made)
    reworded["categories"]["code"]["routes"][0] |= {"reason": "other words", "since_version": 3}
    reworded["categories"]["code"]["candidates"] = []
    assert decision_digest(Plan.of(reworded)) == decision_digest(made)


@pytest.mark.parametrize(
    "change",
    [
        lambda doc: doc["categories"]["code"]["routes"][1].update(primary="b"),
        lambda doc: doc["categories"]["code"]["routes"][1].update(fallbacks=[]),
        lambda doc: doc["categories"]["code"]["routes"][0]["when"].update(max_ttft_ms=600.0),
        lambda doc: doc["default"]["routes"][0].update(primary="c"),
        lambda doc: doc["models"]["a"]["usd_per_mtok"].update(input=2.0),
        lambda doc: doc["policy"].update(version=8),
        lambda doc: doc.update(on_expired="refuse"),
    ],
)
def test_the_digest_moves_with_every_decision(change: Any):
    made = planned()
    document = json.loads(serialise(built(made)).data)
    change(document)
    assert decision_digest(Plan.of(document)) != decision_digest(made)


def test_since_version_counts_from_the_first_table_with_that_primary():
    first = Plan.of(built(planned(), version=40))
    second = planned(before=first)
    assert [route.since_version for route in second.categories[0].routes] == [40, 40]
    moved = planned({**RULES, "every_category": {"routes": [{"pin": "c"}]}}, before=first)
    assert built(moved, version=41)["categories"]["code"]["routes"][0]["since_version"] == 41


def test_route_ids_are_unique_even_where_names_collide():
    rules = {**RULES, "categories": {"code-fast": {"routes": [{}]}}}
    one = known()
    both = DecisionEvidence(
        contenders=one.contenders, categories=(*one.categories, evidence_of(None, slug="code-fast").categories[0])
    )
    made = planned(rules, of=both)
    ids = [route.id for routes in made.routes().values() for route in routes]
    assert sorted(ids) == ["code", "code-fast", "code-fast-2", "default"]


def test_a_diff_names_what_changed():
    older = built(planned())
    newer = built(planned({**RULES, "every_category": {"routes": [{"pin": "c"}]}}), version=43)
    told = {(one.group, one.where, one.field): (one.before, one.after) for one in diff(older, newer)}
    assert told["code", "code", "primary"] == ("a", "c")
    assert told["code", "code-fast", "primary"] == ("b", None)
    assert ("policy", "", "policy") in told
    assert diff(newer, newer) == []


def test_prices_in_force_have_a_source_and_an_age_that_are_no_part_of_what_is_decided():
    made = planned()
    fresh = replace(MODELS[0], priced_at=NOW.date(), price_source="our contract", usd_per_mtok_reasoning=Decimal(8))
    dated = replace(known(), contenders={**known().contenders, "a": fresh})

    def prices(days: int) -> dict[str, Any]:
        at = {"published_at": NOW + timedelta(days=days), "expires_at": NOW + timedelta(days=days + 7)}
        document = draft(made, dated).stamped(version=2, previous=1, cause="refresh", **at)
        Draft202012Validator(table_schema()).validate(json.loads(serialise(document).data))
        assert document["decision_digest"] == decision_digest(made)
        return document["prices"]["contenders"]

    assert prices(60)["a"] == {
        "input": 2.5, "output": 10.0, "cached_input": None, "cache_write": None, "reasoning": 8.0,
        "source": "contender", "where": "our contract", "as_of": "2026-11-22", "stale": False,
    }  # fmt: skip
    assert prices(61)["a"]["stale"]
    assert prices(61)["b"] is None
