"""Checks as a file gives them: validated, and stored in one form however they were written.

    {"type": "equals", "value": "Paris", "ignore_case": true}     contains: the same
    {"type": "regex", "pattern": "^[A-Z]{3}$", "ignore_case": false}
    {"type": "json_schema", "schema": {"type": "object"}}
    {"type": "tool_call", "name": "get_weather", "arguments": {"city": "Rome"}}
    {"type": "max_chars", "value": 280}
    {"type": "number", "value": 42, "tolerance": 0.5}
    {"type": "not_refusal"}

`value` may also be written for `pattern`, `schema` and `name`. `equals`, `contains` and `number` without a value use
the task's reference.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from evals.catalog.names import BadValueError

__all__ = ["CHECK_TYPES", "read_checks"]


class _Rule(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, tag_field="type"):
    pass


class Equals(_Rule, tag="equals"):
    value: str
    ignore_case: bool = False


class Contains(_Rule, tag="contains"):
    value: str
    ignore_case: bool = False


class Regex(_Rule, tag="regex"):
    pattern: str
    ignore_case: bool = False


class JsonSchema(_Rule, tag="json_schema"):
    schema: dict[str, Any]


class ToolCall(_Rule, tag="tool_call"):
    name: str
    arguments: dict[str, Any] | None = None


class MaxChars(_Rule, tag="max_chars"):
    value: int


class Number(_Rule, tag="number"):
    value: float
    tolerance: float = 0


class NotRefusal(_Rule, tag="not_refusal"):
    pass


Rule = Equals | Contains | Regex | JsonSchema | ToolCall | MaxChars | Number | NotRefusal


# msgspec works a type out when it is first used, and two threads doing that at once crash the process (seen in 0.22.0).
msgspec.convert({"type": "not_refusal"}, Rule)


CHECK_TYPES = ("equals", "contains", "regex", "json_schema", "tool_call", "max_chars", "not_refusal", "number")
_SPELLED_VALUE = {"regex": "pattern", "json_schema": "schema", "tool_call": "name"}
_FROM_REFERENCE = ("equals", "contains", "number")
_LONGEST_PATTERN = 1_000
_MOST = 50


def read_checks(value: Any, *, reference: str = "") -> list[dict[str, Any]]:
    """The checks of one task in their stored form; BadValueError names the check that is not valid."""
    if not isinstance(value, list):
        raise BadValueError('checks must be a JSON list, such as [{"type": "contains", "value": "Paris"}].')
    if len(value) > _MOST:
        raise BadValueError(f"has {len(value)} checks; the limit is {_MOST}.")
    return [_read(n, one, reference) for n, one in enumerate(value, start=1)]


def _read(n: int, given: Any, reference: str) -> dict[str, Any]:
    if not isinstance(given, dict) or given.get("type") not in CHECK_TYPES:
        kind = given.get("type") if isinstance(given, dict) else given
        raise BadValueError(
            f"check {n} has the unknown type “{str(kind)[:40]}”; the types are {', '.join(CHECK_TYPES)}."
        )
    kind = given["type"]
    spelled = dict(given)
    if kind in _SPELLED_VALUE and "value" in spelled:
        spelled.setdefault(_SPELLED_VALUE[kind], spelled.pop("value"))
    if kind in _FROM_REFERENCE and "value" not in spelled and reference:
        spelled["value"] = reference
    if kind == "number" and isinstance(spelled.get("value"), str):
        spelled["value"] = _float(n, spelled["value"])
    try:
        rule: Rule = msgspec.convert(spelled, type=Rule)
    except msgspec.ValidationError as error:
        raise BadValueError(f"check {n} ({kind}): {error}.") from None
    for reason in _problems(rule):
        raise BadValueError(f"check {n} ({kind}): {reason}")
    made: dict[str, Any] = msgspec.to_builtins(rule)
    return made


def _float(n: int, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadValueError(f"check {n} (number): “{text[:40]}” is not a number.") from None


def _problems(rule: Rule) -> Iterator[str]:
    if isinstance(rule, Contains) and not rule.value:
        yield "an empty text is contained in every answer."
    if isinstance(rule, Regex):
        yield from _pattern_problems(rule.pattern)
    if isinstance(rule, JsonSchema):
        yield from _schema_problems(rule.schema)
    if isinstance(rule, ToolCall) and not rule.name:
        yield "name the tool."
    if isinstance(rule, MaxChars) and rule.value < 1:
        yield "the value must be 1 or more."
    if isinstance(rule, Number) and not (math.isfinite(rule.value) and 0 <= rule.tolerance < math.inf):
        yield "value and tolerance must be finite, and the tolerance 0 or more."


def _pattern_problems(pattern: str) -> Iterator[str]:
    if len(pattern) > _LONGEST_PATTERN:
        yield f"the pattern has {len(pattern)} characters; the limit is {_LONGEST_PATTERN}."
        return
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        yield f"the pattern does not compile: {error}."


def _schema_problems(schema: dict[str, Any]) -> Iterator[str]:
    if any(not ref.startswith("#") for ref in _refs(schema)):
        # Resolving one would make this machine fetch an address that a stranger's file names.
        yield "a $ref may only point into the schema itself (#/…)."
        return
    # Imported at the first schema: every page that takes files loads this module, and few tasks have such a check.
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415
    from jsonschema.validators import validator_for  # noqa: PLC0415

    try:
        validator_for(schema).check_schema(schema)
    except SchemaError as error:
        yield f"the schema is not valid: {error.message[:200]}."


def _refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            if name in ("$ref", "$dynamicRef", "$recursiveRef") and isinstance(one, str):
                yield one
            yield from _refs(one)
    elif isinstance(value, list):
        for one in value:
            yield from _refs(one)
