"""A task's checks on an answer; both may be hostile."""

from __future__ import annotations

from typing import Any

import pytest

from evals.collection.checks.refusals import looks_like_refusal
from evals.collection.checks.run import run_checks
from evals.collection.providers import ToolCall


def verdict(check, text="", **options):
    (found,) = run_checks([check], text=text, **options)
    assert found["type"] == check.get("type", "")
    return found["ok"]


@pytest.mark.parametrize(
    ("check", "passes", "fails"),
    [
        ({"type": "equals", "value": "Paris"}, " Paris\n", "Paris."),
        ({"type": "equals", "value": "Paris", "ignore_case": True}, "PARIS", "Par is"),
        ({"type": "contains", "value": "Straße"}, "die Straße.", "die STRASSE."),
        ({"type": "contains", "value": "Straße", "ignore_case": True}, "die STRASSE.", "die Gasse"),
        ({"type": "regex", "pattern": r"^\d{4}-\d\d$"}, "2026-11", "in 2026-11"),
        ({"type": "regex", "pattern": "yes", "ignore_case": True}, "Oh YES", "no"),
        ({"type": "max_chars", "value": 3}, "日本語", "four"),
        ({"type": "number", "value": 42}, "6 × 7 = 42", "42 is not 43"),
        ({"type": "number", "value": 1234.5, "tolerance": 0.5}, "about $1,235", "1,236"),
        ({"type": "number", "value": -3}, "it is −3 °C", "3"),
        ({"type": "number", "value": 6e23}, "6e23", "6e22"),
        ({"type": "number", "value": 1}, "0.9999999999999999", "no number"),
        ({"type": "not_refusal"}, "Here you are.", "I'm sorry, but I can't help with that."),
        ({"type": "json_schema", "schema": {"type": "object", "required": ["a"]}}, '{"a": 1}', '{"b": 1}'),
        ({"type": "json_schema", "schema": {"type": "array"}}, "```json\n[1]\n```", "Here: [1]"),
        ({"type": "json_schema", "schema": {"$ref": "#/$defs/n", "$defs": {"n": {"minimum": 3}}}}, "3", "2"),
    ],
)
def test_what_passes_and_what_fails(check, passes, fails):
    assert verdict(check, passes)
    assert not verdict(check, fails)


def test_tool_calls_by_name_and_wanted_arguments():
    check = {"type": "tool_call", "name": "weather", "arguments": {"city": "Rome"}}

    assert verdict(check, tool_calls=[ToolCall("1", "weather", '{"city": "Rome", "unit": "C"}')])
    assert not verdict(check, tool_calls=[ToolCall("1", "weather", '{"city": "Bonn"}')])
    assert not verdict(check, tool_calls=[ToolCall("1", "weather", "{broken")])
    assert not verdict(check, tool_calls=[ToolCall("1", "time", '{"city": "Rome"}')])
    assert verdict({"type": "tool_call", "name": "now"}, tool_calls=[ToolCall("1", "now", "")])


def test_a_refusal_that_the_provider_marked_is_one():
    assert not verdict({"type": "not_refusal"}, "Nope.", refused=True)


@pytest.mark.parametrize(
    "check",
    [
        {"type": "regex", "pattern": "^(a+)+$"},
        {"type": "json_schema", "schema": {"type": "string", "pattern": "^(a+)+$"}},
    ],
)
def test_a_check_that_would_take_forever_fails_and_the_next_one_runs(check):
    text = '"' + "a" * 60 + '!"' if check["type"] == "json_schema" else "a" * 60 + "!"

    hostile, harmless = run_checks([check, {"type": "regex", "pattern": "a"}], text=text)

    assert (hostile["ok"], hostile["detail"]) == (False, "could not be checked: took longer than 2 s")
    assert harmless["ok"]


@pytest.mark.parametrize(
    "check",
    [
        {"type": "json_schema", "schema": {"$ref": "http://127.0.0.1:1/schema"}},
        {"type": "json_schema", "schema": {"type": 7}},
        {"type": "json_schema", "schema": {"$ref": "#"}},
        {"type": "regex", "pattern": "("},
        {"type": "regex"},
        {"type": "equals"},
        {"type": "number", "value": "many"},
        {"type": "max_chars", "value": None},
        {"type": "nonsense"},
        {},
    ],
)
def test_what_cannot_be_judged_has_not_passed_and_says_why(check):
    (found,) = run_checks([check], text="1")

    assert not found["ok"]
    assert found["detail"]


def test_hostile_answers_do_not_raise():
    checks: list[dict[str, Any]] = [
        {"type": "json_schema", "schema": {}},
        {"type": "number", "value": 1},
        {"type": "regex", "pattern": "x"},
    ]
    for text in ("[" * 100_000, "9" * 100_000, "1e999", "\x00\ud800", "1." * 50_000):
        assert len(run_checks(checks, text=text)) == 3


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("I'm sorry, but I can't assist with that request.", True),
        ("I cannot provide medical advice.", True),
        ("As an AI language model, I cannot help with this.", True),
        ("Unfortunately, I won’t create that.", True),
        ("I must respectfully decline.", True),
        ("I'm sorry, but this goes against our policy.", True),
        ("I can't believe how good this is!", False),
        ("I won't forget to share it.", False),
        ("Sorry for the delay! Here is your order.", False),
        ("The agent wrote: “I'm sorry, but I can't help.”", False),
        ("", False),
    ],
)
def test_refusals_are_told_by_how_they_open(text, refuses):
    assert looks_like_refusal(text) is refuses
