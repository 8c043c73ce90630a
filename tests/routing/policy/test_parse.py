"""The policy document: what it may say, and how it says what must change."""

from __future__ import annotations

import json

import pytest

from routing.policy.parse import PolicyError, canonical, default_document, in_present_words, parse, same_rules


def errors(document: object) -> dict[str, str]:
    with pytest.raises(PolicyError) as caught:
        parse(document)
    return {error.field: error.message for error in caught.value.errors}


def test_the_default_document_is_a_policy_and_stays_itself():
    policy = parse(default_document())
    assert parse(json.loads(json.dumps(dict(policy.document)))).sha256 == policy.sha256
    assert policy.rules("anything").gate.min_votes == 30
    assert policy.rules("anything").gate.min_reviewers == 2
    assert (policy.refresh_every_hours, policy.expires_after_hours, policy.on_expired) == (24, 168, "use_last_good")


def test_an_empty_document_means_every_default():
    assert parse({}).sha256 == parse(default_document()).sha256


def test_a_category_says_only_what_differs():
    policy = parse(
        {
            "every_category": {"gate": {"min_votes": 10, "alpha": 0.1}, "limits": {"locality": "local"}},
            "categories": {"code": {"gate": {"min_votes": 50}, "limits": {"max_error_rate": 0.02}}},
        }
    )
    code = policy.rules("code")
    assert (code.gate.min_votes, code.gate.alpha) == (50, 0.1)
    assert (code.limits.locality, code.limits.max_error_rate) == ("local", 0.02)
    assert policy.rules("chat").gate.min_votes == 10


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"every_categry": {}}, "every_categry"),
        ({"every_category": {"gate": {"alpha": "x"}}}, "every_category.gate.alpha"),
        ({"every_category": {"gate": {"alpha": 0.9}}}, "every_category.gate.alpha"),
        ({"categories": {"code": {"gate": {"min_votes": 0}}}}, "categories.code.gate.min_votes"),
        ({"categories": {"code": {"gat": 1}}}, "categories.code.gat"),
        ({"categories": {"code": {"routes": []}}}, "categories.code.routes"),
        ({"categories": {"code": {"routes": [{"when": {"max_usd": -1}}]}}}, "categories.code.routes[0].when.max_usd"),
        ({"categories": {"code": {"routes": [{"when": {"weather": 1}}]}}}, "categories.code.routes[0].when.weather"),
        ({"default": [{}]}, "default[0].primary"),
        ({"schema": "routing-policy/v2"}, "schema"),
        ({"on_expired": "explode"}, "on_expired"),
        ({"refresh_every_hours": 200}, "refresh_every_hours"),
        ({"complexity": {"medium_from": 0.9}}, "complexity.medium_from"),
        ([], ""),
    ],
)
def test_an_error_names_its_field(document: object, field: str):
    assert field in errors(document)


def test_every_category_with_an_error_is_told():
    told = errors({"categories": {"a": {"min_gain": 2}, "b": {"fallbacks": "two"}}})
    assert set(told) == {"categories.a.min_gain", "categories.b.fallbacks"}


def test_a_route_that_always_holds_stands_last():
    routes = [{"when": {}}, {"name": "fast", "when": {"max_ttft_ms": 500}}]
    assert "put it last" in errors({"every_category": {"routes": routes}})["every_category.routes[0].when"]


def test_route_names_are_unique():
    routes = [{"name": "fast", "when": {"label": "a"}}, {"name": "fast", "when": {}}]
    assert "every_category.routes[1].name" in errors({"every_category": {"routes": routes}})


def test_what_is_excluded_cannot_be_pinned_or_be_the_default():
    told = errors({"every_category": {"exclude": ["gpt-x"], "default": "gpt-x", "routes": [{"pin": "gpt-x"}]}})
    assert set(told) == {"every_category.default", "every_category.routes[0].pin"}


def test_a_local_route_cannot_ask_for_hosted_contenders():
    route = {"when": {"local_only": True}, "limits": {"locality": "hosted"}}
    assert "every_category.routes[0].limits.locality" in errors({"every_category": {"routes": [route]}})


def test_the_default_policy_keeps_its_bytes():
    """Installations store its digest. A field that is added later is not written where it is not set."""
    assert canonical(default_document()).decode() == (
        '{"categories":{},"complexity":{"complex_from":0.7,"medium_from":0.35,"method":"length-and-markers/1"},'
        '"default":[],"every_category":{"default":null,"exclude":[],"fallback_to":null,"fallbacks":2,"gate":{'
        '"alpha":0.05,"dwell_hours":24.0,"margin":0.0,"min_reviewers":2,"min_votes":30,"mode":"automatic",'
        '"single_reviewer":false,"speaks_for":"category"},"limits":{"capabilities":[],"locality":null,'
        '"max_both_bad_rate":0.5,"max_error_rate":null,"max_latency_ms":null,"max_refusal_rate":null,'
        '"max_ttft_ms":null,"max_usd_per_success":null,"min_context_tokens":null,"min_schema_ok_rate":null,'
        '"min_success_rate":null,"tiers":[]},"min_gain":0.1,"objective":"best","quality_margin":50.0,"routes":[{'
        '"escalate_to":null,"name":"","pin":null,"when":{}}],"second_provider":"preferred"},'
        '"expires_after_hours":168.0,"on_expired":"use_last_good","refresh_every_hours":24.0,'
        '"schema":"routing-policy/v1"}'
    )


def test_a_policy_that_was_stored_before_both_bad_had_a_limit_has_none():
    """Its digest is in tables, and it means what it meant: every stored document spells its limits out."""
    stored = default_document()
    stored["every_category"]["limits"]["max_both_bad_rate"] = None
    policy = parse(stored)
    assert policy.rules("code").limits.max_both_bad_rate is None
    assert policy.sha256 == "1bbbae56be36a7d7023587ca5d0caa8f32a1f964c1265957b10c5f98e8284fdb"
    assert parse({}).rules("code").limits.max_both_bad_rate == 0.5


def test_a_policy_stores_whole_numbers_as_it_always_did():
    document = {"every_category": {"quality_margin": 30, "limits": {"max_ttft_ms": 500, "min_context_tokens": 8000}}}
    stored = parse(document).document["every_category"]
    assert repr(stored["quality_margin"]) == "30.0"
    assert repr(stored["limits"]["max_ttft_ms"]) == "500.0"
    assert repr(stored["limits"]["min_context_tokens"]) == "8000"


def test_a_route_stores_the_limits_it_sets_and_those_it_lifts():
    limits = {"max_error_rate": None, "locality": "local", "tiers": []}
    routes = [{"name": "here", "when": {"label": "x"}, "limits": limits}, {"limits": {}}, {"name": "none"}]
    stored = parse({"every_category": {"routes": [routes[0], routes[1]]}}).document["every_category"]["routes"]
    assert stored[0]["limits"] == limits
    assert stored[1]["limits"] == {}
    assert "limits" not in parse({"every_category": {"routes": [routes[2]]}}).document["every_category"]["routes"][0]


def test_a_gate_that_is_called_held_waits_for_approval_and_keeps_its_digest():
    """What documents called `approval` before; a stored policy is never changed."""
    everywhere = {"gate": {"mode": "held"}, "limits": {"max_both_bad_rate": None}}
    held = parse({"every_category": everywhere, "categories": {"code": {"gate": {"mode": "held"}}}})
    assert held.rules("code").gate.needs_approval
    assert held.document["every_category"]["gate"]["mode"] == "held"
    assert held.sha256 == "68680519ccc43a1a40af6ef2496a028f16cad31ca35640a1bed0309814735647"
    approval = parse(in_present_words(held.document))
    assert approval.document["categories"] == {"code": {"gate": {"mode": "approval"}}}
    assert approval.document["every_category"]["gate"]["mode"] == "approval"
    assert same_rules(held, approval)
    assert not same_rules(held, parse({"every_category": {"gate": {"mode": "approval"}}}))
