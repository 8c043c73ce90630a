"""Every field that must change is told at once, by its name, with what was written there and what to write."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.policy.parse import FieldError, PolicyError, parse


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
        "“4O” is not a number. Write the chance of a false switch, above 0 and at most 0.5, for example 0.05."
    )
    assert told["every_category.objective"] == (
        "“bst” is not one of the choices. Write best, cheapest, fastest or most_compliant."
    )
    assert (
        told["categories.code.min_gain"]
        == "“3” is more than 1. Write a share from 0 to 1, for example 0.1 for a tenth."
    )
    assert told["default[0].primary"].startswith("Nothing is written here. Write a contender's short name")
    assert "refresh_every_hours" in told["refesh_every_hours"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"every_category": {"routes": [{"when": {"needs": []}}]}},
            "“[]” is empty. Write a list of words such as tools",
        ),
        ({"every_category": {"routes": {}}}, "“{}” is not a list. Write a list of routes"),
        ({"complexity": "hard"}, "“hard” is not an object. Write an object with method"),
        ({"every_category": {"routes": [{"when": {"complexity": "hard"}}]}}, "Write simple, medium or complex."),
        ({"default": [{"primary": ""}]}, "Nothing is written here. Write a contender's short name"),
        ({"every_category": {"gate": {"single_reviewer": "yes"}}}, "“yes” is neither true nor false."),
        ({"every_category": {"gate": {"min_votes": 1.5}}}, "“1.5” is not a whole number."),
        ({"every_category": {"default": "x" * 200}}, "…” is longer than 120 characters."),
        ({"every_category": {"quality_margin": 10**400}}, "is too large. Write rating points"),
        ("rules", "“rules” is not a policy."),
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


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        ({"alpha": 0.9}, "“0.9” is more than 0.5. Write the chance of a false switch"),
        ({"alpha": 0}, "“0” is not more than 0. Write the chance of a false switch"),
        ({"margin": -1}, "“-1” is less than 0. Write rating points"),
        ({"min_votes": 1.5}, "“1.5” is not a whole number. Write a whole number, 1 or more, for example 30."),
        ({"min_votes": True}, "“true” is not a whole number."),
        ({"mode": "hold"}, "“hold” is not one of the choices. Write automatic or approval."),
        ({"margin": float("inf")}, "“Infinity” is not a finite number."),
        ({"colour": 1}, "No field is called “colour” here. There are speaks_for, alpha, margin, min_votes,"),
        ({"min_vote": 3}, "No field is called “min_vote” here. Did you mean min_votes?"),
        (None, "“null” is not an object. Write an object."),
    ],
)
def test_an_error_says_which_bound_is_broken(gate: Any, message: str):
    (told,) = errors({"every_category": {"gate": gate}}).values()
    assert told.startswith(message)


def test_a_field_at_the_wrong_place_is_told_where_it_belongs():
    told = errors({"every_category": {"max_ttft_ms": 5, "alpha": 0.1}})
    assert told["every_category.max_ttft_ms"] == "No field is called “max_ttft_ms” here. It belongs in limits."
    assert told["every_category.alpha"] == "No field is called “alpha” here. It belongs in gate."


def test_every_wrong_item_of_a_list_is_told():
    told = errors({"every_category": {"limits": {"tiers": ["one", 2, -3]}}})
    assert set(told) == {"every_category.limits.tiers[0]", "every_category.limits.tiers[2]"}


def test_null_is_told_where_it_says_nothing():
    assert set(errors({"every_category": {"objective": None, "routes": [{"when": {"label": None}}]}})) == {
        "every_category.objective",
        "every_category.routes[0].when.label",
    }


def test_errors_are_told_up_to_a_hundred():
    with pytest.raises(PolicyError) as caught:
        parse({f"field {n}": n for n in range(10_000)})
    assert len(caught.value.errors) == 100


def test_the_rest_of_a_wrong_policy_is_checked_with_defaults_in_place():
    with pytest.raises(PolicyError) as caught:
        parse({"every_category": {"quality_margin": -1, "gate": {"alpha": 9, "min_votes": 7}}})
    rest = caught.value.rest.every_category
    assert (rest.quality_margin, rest.gate.alpha, rest.gate.min_votes) == (50, 0.05, 7)
