"""Every field that must change is told at once, by its name, with what was written there and what to write."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.policy.parse import parse
from routing.policy.reading import FieldError, PolicyError


def errors(document: Any) -> dict[str, str]:
    with pytest.raises(PolicyError) as caught:
        parse(document)
    return {error.field: error.message for error in caught.value.errors}


def test_every_wrong_field_is_told_at_once():
    told = errors(
        {
            "every_category": {
                "objective": "bst",
                "gate": {"alpha": "4O", "min_votes": 0},
                "limits": {"tiers": [1, "two"], "max_ttft_ms": -5},
                "routes": [{"when": {"max_usd": "cheap", "colour": "red"}}, {"name": "Fast!"}],
            },
            "categories": {"code": {"min_gain": 3, "gate": {"mode": "later"}}, "chat": []},
            "default": [{"fallbacks": "a"}],
            "expires_after_hours": 0,
            "refesh_every_hours": 1,
        }
    )
    assert set(told) == {
        "every_category.objective",
        "every_category.gate.alpha",
        "every_category.gate.min_votes",
        "every_category.limits.tiers[1]",
        "every_category.limits.max_ttft_ms",
        "every_category.routes[0].when.max_usd",
        "every_category.routes[0].when.colour",
        "every_category.routes[1].name",
        "categories.code.min_gain",
        "categories.code.gate.mode",
        "categories.chat",
        "default[0].primary",
        "default[0].fallbacks",
        "expires_after_hours",
        "refesh_every_hours",
    }
    assert told["every_category.gate.alpha"] == (
        "“4O” is no number. Write the chance of a false switch, above 0 and at most 0.5, as 0.05."
    )
    assert told["every_category.objective"] == (
        "“bst” is not one of the words for this. Write best, cheapest, fastest or most_compliant."
    )
    assert told["categories.code.min_gain"] == "“3” is too much. Write a share from 0 to 1, as 0.1 for a tenth."
    assert told["default[0].primary"].startswith("Nothing is written here. Write a contender's short name")
    assert "refresh_every_hours" in told["refesh_every_hours"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"every_category": {"routes": [{"when": {"needs": []}}]}}, "“[]” is too short. Write words such as tools"),
        ({"every_category": {"routes": {}}}, "“{}” is no list. Write a list of routes"),
        ({"complexity": "hard"}, "“hard” is no object. Write an object with method"),
        ({"every_category": {"routes": [{"when": {"complexity": "hard"}}]}}, "Write simple, medium or complex."),
        ({"default": [{"primary": ""}]}, "Nothing is written here. Write a contender's short name"),
        ({"every_category": {"gate": {"single_reviewer": "yes"}}}, "“yes” is neither true nor false."),
        ({"every_category": {"gate": {"min_votes": 1.5}}}, "“1.5” is no whole number."),
        ({"every_category": {"default": "x" * 200}}, "…” is too long."),
        ({"every_category": {"quality_margin": 10**400}}, "is too large a number"),
        ("rules", "“rules” is no policy."),
    ],
)
def test_an_error_quotes_what_was_written_and_says_what_to_write(document: Any, message: str):
    (told,) = errors(document).values()
    assert message in told


def test_what_a_category_inherits_is_told_where_it_is_written():
    routes = [{"when": {}}, {"name": "late", "when": {"label": "x"}}]
    assert set(errors({"every_category": {"routes": routes}, "categories": {"code": {"exclude": ["a"]}}})) == {
        "every_category.routes[0].when"
    }


def test_excluding_whom_an_inherited_route_pins_is_told_at_the_exclusion():
    told = errors({"every_category": {"routes": [{"pin": "a"}]}, "categories": {"code": {"exclude": ["a"]}}})
    assert told == {
        "categories.code.exclude": "a is named by every_category.routes[0].pin. Take it out of one of them."
    }


@pytest.mark.parametrize(
    "rules", [{"fallback_to": "b"}, {"second_provider": "required"}, {"routes": [{"second_provider": "required"}]}]
)
def test_no_room_for_a_promised_fallback_is_an_error(rules: dict[str, Any]):
    told = errors({"every_category": {"fallbacks": 0} | rules})
    assert "leaves no room" in told["every_category.fallbacks"]


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
RULE = st.sampled_from(["objective", "gate", "limits", "routes", "exclude", "fallbacks", "fallback_to", "min_gain"])


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "every_category": ODD | st.dictionaries(RULE, ODD, max_size=4),
            "categories": ODD
            | st.dictionaries(st.text(max_size=5), st.dictionaries(RULE, ODD, max_size=3), max_size=3),
            "default": ODD,
            "complexity": ODD,
            "on_expired": ODD,
        },
    )
)
def test_whatever_is_written_is_a_policy_or_a_list_of_fields(document: dict[str, Any]):
    told: tuple[FieldError, ...] = ()
    policy = None
    try:
        policy = parse(document)
    except PolicyError as error:
        told = error.errors
    assert all(one.message for one in told)
    assert told or (policy is not None and parse(policy.document).sha256 == policy.sha256)
