"""Checks as files state them. No database."""

from __future__ import annotations

import pytest

from evals.catalog.names import BadValueError
from evals.collection.checks.rules import CHECK_TYPES, read_checks

EACH = [
    {"type": "equals", "value": "Paris"},
    {"type": "contains", "value": "Paris", "ignore_case": True},
    {"type": "regex", "pattern": "^[A-Z]{3}$"},
    {"type": "json_schema", "schema": {"type": "object", "required": ["name"]}},
    {"type": "tool_call", "name": "get_weather", "arguments": {"city": "Rome"}},
    {"type": "max_chars", "value": 280},
    {"type": "number", "value": 42.0, "tolerance": 0.5},
    {"type": "not_refusal"},
]


def test_each_type_in_its_own_form_stays_as_it_is():
    assert read_checks(EACH) == EACH
    assert {check["type"] for check in EACH} == set(CHECK_TYPES)


def test_value_may_stand_for_pattern_schema_and_name():
    given = [
        {"type": "regex", "value": "x+"},
        {"type": "json_schema", "value": {"type": "array"}},
        {"type": "tool_call", "value": "search"},
    ]
    assert read_checks(given) == [
        {"type": "regex", "pattern": "x+"},
        {"type": "json_schema", "schema": {"type": "array"}},
        {"type": "tool_call", "name": "search"},
    ]


def test_a_check_without_a_value_means_the_reference():
    assert read_checks([{"type": "equals"}, {"type": "number"}], reference="42") == [
        {"type": "equals", "value": "42"},
        {"type": "number", "value": 42.0},
    ]


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        ("equals", "the types are equals"),
        ({}, "the types are equals"),
        ({"type": "fuzzy", "value": "x"}, "“fuzzy”"),
        ({"type": "equals"}, "value"),
        ({"type": "equals", "value": 5}, "value"),
        ({"type": "equals", "value": "x", "ignorecase": True}, "ignorecase"),
        ({"type": "contains", "value": ""}, "in every answer"),
        ({"type": "regex", "pattern": "("}, "does not compile"),
        ({"type": "regex", "pattern": "x" * 1001}, "limit is 1000"),
        ({"type": "json_schema", "schema": {"type": "objekt"}}, "not valid"),
        ({"type": "json_schema", "schema": {"$ref": "https://x.example/s.json"}}, "may only point into"),
        ({"type": "json_schema", "schema": []}, "schema"),
        ({"type": "tool_call", "name": ""}, "name the tool"),
        ({"type": "max_chars", "value": 0}, "1 or more"),
        ({"type": "max_chars", "value": "many"}, "value"),
        ({"type": "number", "value": "about 5"}, "is not a number"),
        ({"type": "number", "value": 5, "tolerance": -1}, "0 or more"),
    ],
)
def test_a_check_that_cannot_be_says_which_and_why(check, reason):
    with pytest.raises(BadValueError, match="check 2") as caught:
        read_checks([{"type": "not_refusal"}, check])
    assert reason in str(caught.value)


def test_a_reference_inside_the_schema_itself_is_fine():
    schema = {"$defs": {"n": {"type": "number"}}, "properties": {"a": {"$ref": "#/$defs/n"}}}
    assert read_checks([{"type": "json_schema", "schema": schema}])[0]["schema"] == schema


def test_more_checks_than_anybody_needs_are_refused():
    with pytest.raises(BadValueError, match="limit is 50"):
        read_checks([{"type": "not_refusal"}] * 51)
