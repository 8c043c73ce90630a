"""Checks as a file gives them: validated, and stored in one form however they were written.

    {"type": "equals", "value": "Paris", "ignore_case": true}     contains: the same
    {"type": "regex", "pattern": "^[A-Z]{3}$", "ignore_case": false}
    {"type": "reference", "match": "contains", "value": "Paris", "accepted": ["Lutetia"]}
    {"type": "similar", "value": "Paris", "threshold": 0.8}
    {"type": "json"}
    {"type": "json_schema", "schema": {"type": "object"}}
    {"type": "tool_call", "name": "get_weather", "arguments": {"city": "Rome"}}
    {"type": "max_chars", "value": 280}                           max_tokens: the same
    {"type": "number", "value": 42, "tolerance": 0.5}
    {"type": "language", "value": "de"}
    {"type": "sql", "dialect": "postgres", "block": "all"}
    {"type": "code", "language": "python", "block": "all"}
    {"type": "not_refusal"}

`value` may also be written for `pattern`, `schema`, `name`, `language` and `dialect`. `reference`, `equals`,
`contains`, `similar` and `number` without a value use the task's reference.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec

from evals.catalog.names import BadValueError
from evals.collection.checks.references import number_of
from evals.collection.checks.vocabulary import CODE, CODE_NAMES, DIALECTS, LANGUAGES

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


class Reference(_Rule, tag="reference"):
    """Right if the answer matches the value or one of those accepted besides. `tolerance` is for numbers."""

    value: str
    match: Literal["exact", "contains", "number", "regex"] = "exact"
    accepted: list[str] = []
    tolerance: float = 0
    ignore_case: bool = True


class Json(_Rule, tag="json"):
    pass


class Similar(_Rule, tag="similar"):
    """`threshold`: one minus the edits over the length of the longer text. `max_edits` counts them instead."""

    value: str
    threshold: float | None = None
    max_edits: int | None = None
    ignore_case: bool = False


class MaxTokens(_Rule, tag="max_tokens"):
    value: int


class Language(_Rule, tag="language"):
    value: str


Block = Literal["all", "first", "last"]


class Sql(_Rule, tag="sql"):
    dialect: str = ""
    block: Block = "all"


class Code(_Rule, tag="code"):
    language: str
    block: Block = "all"


Rule = (
    Equals
    | Contains
    | Regex
    | JsonSchema
    | ToolCall
    | MaxChars
    | Number
    | NotRefusal
    | Reference
    | Json
    | Similar
    | MaxTokens
    | Language
    | Sql
    | Code
)


# msgspec works a type out when it is first used, and two threads doing that at once crash the process (seen in 0.22.0).
msgspec.convert({"type": "not_refusal"}, Rule)


CHECK_TYPES = (
    "equals",
    "contains",
    "regex",
    "reference",
    "similar",
    "number",
    "json",
    "json_schema",
    "tool_call",
    "max_chars",
    "max_tokens",
    "language",
    "sql",
    "code",
    "not_refusal",
)
_SPELLED_VALUE = {
    "regex": "pattern",
    "json_schema": "schema",
    "tool_call": "name",
    "code": "language",
    "sql": "dialect",
}
_FROM_REFERENCE = ("reference", "equals", "contains", "similar", "number")
_LONGEST_PATTERN = 1_000
_MOST = 50
_MOST_ACCEPTED = 100
_LONGEST_ACCEPTED = 1_000
# What an answer is compared with, letter by letter.
_LONGEST_SIMILAR = 100_000
# Written otherwise, and the same to the detector.
_SAME_LANGUAGE = {"nb": "no", "nn": "no", "yue": "zh", "wuu": "zh", "iw": "he", "in": "id", "fil": "tl"}


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
    spelled = _spelled(n, dict(given), reference)
    try:
        rule: Rule = msgspec.convert(spelled, type=Rule)
    except msgspec.ValidationError as error:
        raise BadValueError(f"check {n} ({kind}): {error}.") from None
    for reason in _problems(rule):
        raise BadValueError(f"check {n} ({kind}): {reason}")
    made: dict[str, Any] = msgspec.to_builtins(rule)
    return made


def _spelled(n: int, check: dict[str, Any], reference: str) -> dict[str, Any]:
    """With its fields under their own names, in the one way in which they are stored."""
    kind = check["type"]
    if kind in _SPELLED_VALUE and "value" in check:
        check.setdefault(_SPELLED_VALUE[kind], check.pop("value"))
    if kind in _FROM_REFERENCE and "value" not in check:
        if not reference.strip():
            raise BadValueError(f"check {n} ({kind}): has no value, and its task has no reference to compare with.")
        check["value"] = reference
    if kind == "number" and isinstance(check.get("value"), str):
        check["value"] = _float(n, check["value"])
    if kind == "reference":
        check["value"] = _number_text(check["value"])
        if isinstance(check.get("accepted"), list):
            check["accepted"] = [_number_text(one) for one in check["accepted"]]
    if kind == "language" and isinstance(check.get("value"), str):
        check["value"] = _language(check["value"])
    if kind == "code" and isinstance(check.get("language"), str):
        named = check["language"].strip().lower()
        check["language"] = CODE_NAMES.get(named, named)
    if kind == "sql" and isinstance(check.get("dialect"), str):
        named = check["dialect"].strip().lower()
        check["dialect"] = {"postgresql": "postgres", "mssql": "tsql", "sqlserver": "tsql"}.get(named, named)
    return check


def _number_text(value: Any) -> Any:
    """JSON's numbers may be written without quotes."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return repr(value) if is_number else value


def _language(tag: str) -> str:
    """The language of a BCP 47 tag, in the form that is stored: `de` of `de-AT`."""
    code = tag.strip().replace("_", "-").split("-", 1)[0].lower()
    return _SAME_LANGUAGE.get(code, code)


def _float(n: int, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadValueError(f"check {n} (number): “{text[:40]}” is not a number.") from None


def _problems(rule: Rule) -> Iterator[str]:
    for kind, problems in _PROBLEMS.items():
        if isinstance(rule, kind):
            yield from problems(rule)


def _contains_problems(rule: Contains) -> Iterator[str]:
    if not rule.value:
        yield "an empty text is contained in every answer."


def _tool_problems(rule: ToolCall) -> Iterator[str]:
    if not rule.name:
        yield "name the tool."


def _limit_problems(rule: MaxChars | MaxTokens) -> Iterator[str]:
    if rule.value < 1:
        yield "the value must be 1 or more."


def _number_problems(rule: Number) -> Iterator[str]:
    if not (math.isfinite(rule.value) and 0 <= rule.tolerance < math.inf):
        yield "value and tolerance must be finite, and the tolerance 0 or more."


def _reference_problems(rule: Reference) -> Iterator[str]:
    if len(rule.accepted) > _MOST_ACCEPTED:
        yield f"accepts {len(rule.accepted)} answers besides the value; the limit is {_MOST_ACCEPTED}."
    for one in (rule.value, *rule.accepted):
        if not one.strip():
            yield "an accepted answer is blank."
        elif rule.match == "regex":
            yield from _pattern_problems(one)
        elif rule.match == "number" and number_of(one) is None:
            yield f"“{one[:40]}” is not a number."
    if any(len(one) > _LONGEST_ACCEPTED for one in rule.accepted):
        yield f"an accepted answer is longer than {_LONGEST_ACCEPTED:,} characters."
    if not 0 <= rule.tolerance < math.inf:
        yield "the tolerance must be 0 or more."
    if rule.tolerance and rule.match != "number":
        yield 'a tolerance is for numbers: add "match": "number".'


def _similar_problems(rule: Similar) -> Iterator[str]:
    if not rule.value.strip():
        yield "the value is blank."
    if len(rule.value) > _LONGEST_SIMILAR:
        yield f"the value has {len(rule.value):,} characters; the limit is {_LONGEST_SIMILAR:,}."
    if rule.threshold is not None and rule.max_edits is not None:
        yield "give a threshold or max_edits, not both."
    if rule.threshold is not None and not 0 < rule.threshold <= 1:
        yield "the threshold must be above 0 and at most 1."
    if rule.max_edits is not None and rule.max_edits < 0:
        yield "max_edits must be 0 or more."


def _language_problems(rule: Language) -> Iterator[str]:
    if rule.value not in LANGUAGES:
        yield f"“{rule.value[:20]}” is not a language that Arena can tell; write its code, such as de, pt-BR or ja."


def _sql_problems(rule: Sql) -> Iterator[str]:
    if rule.dialect and rule.dialect not in DIALECTS:
        yield f"the dialect “{rule.dialect[:20]}” is not known; the dialects are {', '.join(sorted(DIALECTS))}."


def _code_problems(rule: Code) -> Iterator[str]:
    if rule.language not in CODE:
        yield f"the language “{rule.language[:20]}” cannot be parsed here; the languages are {', '.join(CODE)}."


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


_PROBLEMS: dict[Any, Callable[[Any], Iterator[str]]] = {
    Contains: _contains_problems,
    Regex: lambda rule: _pattern_problems(rule.pattern),
    JsonSchema: lambda rule: _schema_problems(rule.schema),
    ToolCall: _tool_problems,
    MaxChars: _limit_problems,
    MaxTokens: _limit_problems,
    Number: _number_problems,
    Reference: _reference_problems,
    Similar: _similar_problems,
    Language: _language_problems,
    Sql: _sql_problems,
    Code: _code_problems,
}
