"""Asserts of promptfoo as checks of ours, as far as there is one that judges the same."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from arena.strict_text import StrictTextError, read_yaml
from evals.catalog.names import BadValueError
from evals.collection.checks.rules import read_checks

__all__ = ["checks_of", "reference_of"]

Checks = list[dict[str, Any]]
_REFERENCES = ("equals", "factuality", "model-graded-factuality", "similar")
_ELSEWHERE = {"latency": "Arena measures it on every answer", "cost": "Arena measures it on every answer"}
_SCHEMA_NESTING = 32
_LONGEST_SCHEMA = 100_000


class _NoCheckError(ValueError):
    """The message says why, as in “llm-rubric” …"""


def checks_of(kind: str, value: Any) -> tuple[Checks, str]:
    """The checks for an assert of this type, all of which have to pass; or why there are none."""
    try:
        checks = _checks(kind, value)
        read_checks(checks)
    except _NoCheckError as error:
        return [], str(error)
    except BadValueError as error:
        return [], f"the check it would become is not valid: {str(error).rstrip('.')}"
    return checks, ""


def reference_of(kind: str, value: Any) -> str:
    """A good answer, where the assert states one."""
    return value if kind in _REFERENCES and isinstance(value, str) else ""


def _checks(kind: str, value: Any) -> Checks:
    if kind in _MADE:
        return _MADE[kind](value)
    negated = kind.removeprefix("not-")
    if negated != kind and negated in _DENIED:
        return [{"type": "regex", "pattern": f"\\A(?!{_DENIED[negated](value)})", "ignore_case": negated[0] == "i"}]
    raise _NoCheckError(_ELSEWHERE.get(negated, "no check of Arena does the same"))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float | str):
        return str(value)
    raise _NoCheckError("its value is not a text")


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        # As its CSV files and older configurations have it.
        return [one.strip() for one in value.split(",") if one.strip()]
    if not isinstance(value, list) or not value:
        raise _NoCheckError("its value is not a list of texts")
    return [_text(one) for one in value]


def _equals(value: Any) -> Checks:
    if isinstance(value, dict | list):
        return [{"type": "json_schema", "schema": {"const": value}}]
    return [{"type": "equals", "value": _text(value)}]


def _contains(values: Iterable[str], *, ignore_case: bool = False) -> Checks:
    return [{"type": "contains", "value": one} | ({"ignore_case": True} if ignore_case else {}) for one in values]


def _regex(pattern: str, *, ignore_case: bool = False) -> Checks:
    return [{"type": "regex", "pattern": pattern} | ({"ignore_case": True} if ignore_case else {})]


def _any_of(value: Any) -> str:
    return "(?:" + "|".join(map(re.escape, _texts(value))) + ")"


def _pattern(value: Any) -> str:
    # JavaScript writes a named group without the P.
    return re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", _text(value))


def _is_json(value: Any) -> Checks:
    if isinstance(value, str) and value.strip():
        try:
            value = read_yaml(value, nesting=_SCHEMA_NESTING, longest=_LONGEST_SCHEMA)
        except StrictTextError as error:
            raise _NoCheckError(f"its schema {error}".rstrip(".")) from None
    if value is None or value == "":
        value = {}
    if not isinstance(value, dict):
        raise _NoCheckError("its schema is not an object")
    return [{"type": "json_schema", "schema": value}]


_MADE: Mapping[str, Callable[[Any], Checks]] = {
    "equals": _equals,
    "contains": lambda value: _contains([_text(value)]),
    "icontains": lambda value: _contains([_text(value)], ignore_case=True),
    "contains-all": lambda value: _contains(_texts(value)),
    "icontains-all": lambda value: _contains(_texts(value), ignore_case=True),
    "contains-any": lambda value: _regex(_any_of(value)),
    "icontains-any": lambda value: _regex(_any_of(value), ignore_case=True),
    "starts-with": lambda value: _regex(r"\A" + re.escape(_text(value))),
    "regex": lambda value: _regex(_pattern(value)),
    "is-json": _is_json,
    "not-is-refusal": lambda value: [{"type": "not_refusal"}],
}
# What must not match from the answer's beginning, for the same with not- before it.
_ANYWHERE = r"[\s\S]*"
_DENIED: Mapping[str, Callable[[Any], str]] = {
    "equals": lambda value: rf"\s*{re.escape(_scalar(value).strip())}\s*\Z",
    "contains": lambda value: _ANYWHERE + re.escape(_text(value)),
    "icontains": lambda value: _ANYWHERE + re.escape(_text(value)),
    "contains-any": lambda value: _ANYWHERE + _any_of(value),
    "icontains-any": lambda value: _ANYWHERE + _any_of(value),
    "starts-with": lambda value: re.escape(_text(value)),
    "regex": lambda value: f"{_ANYWHERE}(?:{_pattern(value)})",
}


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else _text(value)
