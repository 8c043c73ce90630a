"""JSON from strangers: bounded nesting, no NaN, no name given twice, nothing a database cannot store."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from evals.services.importing.errors import BadValueError
from evals.services.importing.limits import Limits

__all__ = ["check_text", "check_texts", "parse_json"]

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def parse_json(text: str, limits: Limits) -> Any:
    """The value, or BadValueError with a reason that reads after "line 7: …"."""
    # The parser recurses, so the depth is measured before it starts; brackets at all bound it from above.
    if text.count("[") + text.count("{") > limits.nesting and _depth(text) > limits.nesting:
        raise BadValueError(f"is nested deeper than {limits.nesting} levels, the limit on nesting.")
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
    except json.JSONDecodeError as error:
        raise BadValueError(f"is not JSON: {error.msg} at position {error.pos + 1}.") from None
    except BadValueError:
        raise
    except ValueError:
        raise BadValueError("holds a number with too many digits.") from None


def check_texts(value: Any, name: str, limits: Limits) -> None:
    """Every text inside must be storable and within the limit of a field."""
    if isinstance(value, str):
        check_text(value, name, limits)
    elif isinstance(value, list):
        for one in value:
            check_texts(one, name, limits)
    elif isinstance(value, dict):
        for key, one in value.items():
            check_text(key, name, limits)
            check_texts(one, name, limits)


def check_text(text: str, name: str, limits: Limits) -> None:
    if len(text) > limits.field_chars:
        raise BadValueError(
            f"“{name[:80]}” has {len(text):,} characters; the limit on one field is {limits.field_chars:,}."
        )
    found = _UNSTORABLE.search(text)
    if found:
        what = "a NUL character" if found[0] == "\x00" else "half a surrogate pair (a broken \\u escape)"
        raise BadValueError(f"“{name[:80]}” holds {what}.")


def _depth(text: str) -> int:
    depth = deepest = 0
    for char in _STRING.sub("", text):
        if char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise BadValueError(f"names “{name[:80]}” twice in one object.")
            seen.add(name)
    return made


def _constant(name: str) -> Any:
    raise BadValueError(f"holds {name}, which is no JSON.")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BadValueError(f"holds {text[:40]}, a number too large to store.")
    return number
