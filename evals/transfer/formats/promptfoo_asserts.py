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
_REFERENCES = ("equals", "factuality", "model-graded-factuality", "similar", "levenshtein")
_ELSEWHERE = {"latency": "Arena measures it on every answer", "cost": "Arena measures it on every answer"}
_SCHEMA_NESTING = 32
_LONGEST_SCHEMA = 100_000


class _NoCheckError(ValueError):
    """The message says why, as in “llm-rubric” …"""


def checks_of(kind: str, value: Any, threshold: Any = None) -> tuple[Checks, str]:
    """The checks for an assert of this type, all of which have to pass; or why there are none."""
    try:
        checks = _levenshtein(value, threshold) if kind == "levenshtein" else _checks(kind, value)
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


_EDITS = 5
_MOST = 1_000_000_000
_MOST_WORDS = 20_000


def _levenshtein(value: Any, threshold: Any) -> Checks:
    edits = threshold or _EDITS
    if isinstance(edits, bool) or not isinstance(edits, int | float) or not 0 < edits < _MOST:
        raise _NoCheckError("its threshold is not a number of edits")
    return [{"type": "similar", "value": _text(value), "max_edits": int(edits)}]


# By the names of the parser that promptfoo uses.
_DIALECTS = {
    "mysql": "mysql",
    "mariadb": "mysql",
    "postgresql": "postgres",
    "bigquery": "bigquery",
    "sqlite": "sqlite",
    "transactsql": "tsql",
    "snowflake": "snowflake",
    "redshift": "redshift",
    "hive": "hive",
    "trino": "trino",
    "athena": "athena",
}


def _sql(value: Any, block: str) -> Checks:
    given = value or {}
    if not isinstance(given, dict):
        raise _NoCheckError("its value is not an object")
    if given.get("allowedTables") or given.get("allowedColumns"):
        raise _NoCheckError("Arena checks that SQL parses, not which tables and columns it names")
    named = str(given.get("databaseType") or "MySQL")
    if named.lower() not in _DIALECTS:
        raise _NoCheckError(f"Arena does not parse the SQL of {named[:40]}")
    return [{"type": "sql", "dialect": _DIALECTS[named.lower()]} | ({} if block == "all" else {"block": block})]


def _word_count(value: Any) -> Checks:
    """Words are what stands between white space."""
    bounds = (value.get("min"), value.get("max")) if isinstance(value, dict) else (value, value)
    low, high = (_words(one) for one in bounds)
    if low is None and high is None:
        raise _NoCheckError("its value is neither a number nor min and max")
    if (low or 0) > _MOST_WORDS or (high or 0) > _MOST_WORDS:
        raise _NoCheckError(f"it counts to more than {_MOST_WORDS:,} words")
    least = max(low or 0, 1) - 1
    words = rf"(?:\S+\s+){{{least},{'' if high is None else max(high, 1) - 1}}}\S+\s*"
    if high == 0:
        words = ""
    return _regex(rf"\A\s*(?:{words})?\Z" if not low else rf"\A\s*{words}\Z")


def _words(given: Any) -> int | None:
    if isinstance(given, str) and given.strip().isascii() and given.strip().isdigit() and len(given) < 7:
        given = int(given)
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < _MOST or given != int(given):
        raise _NoCheckError("its value is not a number of words")
    return int(given)


def _all_of(value: Any) -> str:
    return "".join(f"(?={_ANYWHERE}{re.escape(one)})" for one in _texts(value))


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
    "is-sql": lambda value: _sql(value, "all"),
    "contains-sql": lambda value: _sql(value, "first"),
    "word-count": _word_count,
    "not-is-refusal": lambda value: [{"type": "not_refusal"}],
}
# What must not match from the answer's beginning, for the same with not- before it.
_ANYWHERE = r"[\s\S]*"
_DENIED: Mapping[str, Callable[[Any], str]] = {
    "equals": lambda value: rf"\s*{re.escape(_scalar(value).strip())}\s*\Z",
    "contains": lambda value: _ANYWHERE + re.escape(_text(value)),
    "icontains": lambda value: _ANYWHERE + re.escape(_text(value)),
    "contains-all": _all_of,
    "icontains-all": _all_of,
    "contains-any": lambda value: _ANYWHERE + _any_of(value),
    "icontains-any": lambda value: _ANYWHERE + _any_of(value),
    "starts-with": lambda value: re.escape(_text(value)),
    "regex": lambda value: f"{_ANYWHERE}(?:{_pattern(value)})",
}


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else _text(value)
