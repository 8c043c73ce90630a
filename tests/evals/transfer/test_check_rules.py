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
    {"type": "reference", "value": "Paris"},
    {"type": "reference", "value": "9.81", "match": "number", "accepted": ["9.8"], "tolerance": 0.01},
    {"type": "json"},
    {"type": "similar", "value": "Paris", "threshold": 0.9},
    {"type": "max_tokens", "value": 80},
    {"type": "language", "value": "pt"},
    {"type": "sql", "dialect": "postgres", "block": "first"},
    {"type": "code", "language": "python"},
]


def test_each_type_in_its_own_form_stays_as_it_is():
    assert read_checks(EACH) == EACH
    assert {check["type"] for check in EACH} == set(CHECK_TYPES)


def test_value_may_stand_for_pattern_schema_and_name():
    given = [
        {"type": "regex", "value": "x+"},
        {"type": "json_schema", "value": {"type": "array"}},
        {"type": "tool_call", "value": "search"},
        {"type": "code", "value": "JS"},
        {"type": "sql", "value": "PostgreSQL"},
        {"type": "language", "value": "pt-BR"},
        {"type": "reference", "value": 42, "match": "number"},
    ]
    assert read_checks(given) == [
        {"type": "regex", "pattern": "x+"},
        {"type": "json_schema", "schema": {"type": "array"}},
        {"type": "tool_call", "name": "search"},
        {"type": "code", "language": "javascript"},
        {"type": "sql", "dialect": "postgres"},
        {"type": "language", "value": "pt"},
        {"type": "reference", "value": "42", "match": "number"},
    ]


def test_a_check_without_a_value_means_the_reference():
    given = [{"type": kind} for kind in ("equals", "number", "similar", "reference")]
    given.append({"type": "reference", "match": "contains", "accepted": ["forty-two"]})
    read = read_checks(given, reference="42")
    assert read == [
        {"type": "equals", "value": "42"},
        {"type": "number", "value": 42.0},
        {"type": "similar", "value": "42"},
        {"type": "reference", "value": "42"},
        {"type": "reference", "value": "42", "match": "contains", "accepted": ["forty-two"]},
    ]
    assert read_checks(read, reference="another") == read


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
        ({"type": "reference"}, "no reference"),
        ({"type": "reference", "value": "x", "match": "fuzzy"}, "match"),
        ({"type": "reference", "value": "x", "accepted": ["", "y"]}, "blank"),
        ({"type": "reference", "value": "x", "accepted": ["y"] * 101}, "limit is 100"),
        ({"type": "reference", "value": "x", "accepted": ["y" * 1001]}, "longer than 1,000"),
        ({"type": "reference", "value": "x", "tolerance": 1}, "for numbers"),
        ({"type": "reference", "value": "about 5", "match": "number"}, "is not a number"),
        ({"type": "reference", "value": "5", "match": "number", "tolerance": -1}, "0 or more"),
        ({"type": "reference", "value": "(", "match": "regex"}, "does not compile"),
        ({"type": "similar", "value": "x", "threshold": 1.1}, "at most 1"),
        ({"type": "similar", "value": "x", "threshold": 0.5, "max_edits": 2}, "not both"),
        ({"type": "similar", "value": "x", "max_edits": -1}, "0 or more"),
        ({"type": "similar", "value": "x" * 100_001}, "limit is 100,000"),
        ({"type": "max_tokens", "value": 0}, "1 or more"),
        ({"type": "language", "value": "klingon"}, "write its code"),
        ({"type": "sql", "dialect": "nosql"}, "the dialects are"),
        ({"type": "sql", "block": "third"}, "block"),
        ({"type": "code", "language": "cobol"}, "the languages are python"),
        ({"type": "code"}, "language"),
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
