"""The policy document: what it may say, and how it says what must change."""

from __future__ import annotations

import json

import pytest

from routing.policy.parse import default_document, parse
from routing.policy.reading import PolicyError


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
