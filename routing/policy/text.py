"""A policy as text, JSON or YAML, and back. Pure; whether what was read is a policy, `routing.policy.parse.parse` says.

Reading is strict where a slip would be lost in silence: a name used twice in one object, an alias, a number that is
none (NaN). Comments in YAML are read over and not kept.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Literal

import yaml

__all__ = ["FORMS", "LONGEST", "Form", "PolicyTextError", "read_text", "write_text"]

Form = Literal["json", "yaml"]
FORMS: tuple[Form, ...] = ("json", "yaml")
# Characters; a policy for a thousand categories has fewer.
LONGEST = 1_000_000


class PolicyTextError(ValueError):
    """The text is neither JSON nor YAML; the message names the place and what to write."""


def read_text(text: str) -> Any:
    """JSON if it begins as an object of JSON does, else YAML."""
    if len(text) > LONGEST:
        raise PolicyTextError(f"This has {len(text):,} characters; a policy has at most {LONGEST:,}.")
    try:
        read = _json(text) if text.lstrip("\ufeff \t\r\n").startswith("{") else _yaml(text)
        _check(read)
    except RecursionError:
        raise PolicyTextError("This is nested too deeply to be a policy.") from None
    return read


def write_text(document: Mapping[str, Any], form: Form) -> str:
    if form == "json":
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=110)


def _json(text: str) -> Any:
    try:
        return json.loads(text.lstrip("\ufeff"), object_pairs_hook=_object, parse_constant=_constant)
    except json.JSONDecodeError as error:
        # YAML writes {a: 1} too, but a policy that begins so is meant as JSON.
        raise PolicyTextError(f"Line {error.lineno}, column {error.colno}: this is no JSON ({error.msg}).") from None
    except PolicyTextError:
        raise
    except ValueError:
        raise PolicyTextError("A number in this is too long to be read.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise PolicyTextError(f"“{twice}” is written twice in one object. Keep one of them.")
    return made


def _constant(name: str) -> Any:
    raise PolicyTextError(f"{name} is no number that JSON knows. Write one in digits, or null.")


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]  # yaml's own
            raise PolicyTextError(f"Line {line} uses an alias. Write out what it stands for.")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: list[Any] = []
        for key, _ in node.value:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise PolicyTextError(f"Line {line}: “{key.value}” is written twice in one object. Keep one of them.")
            seen.append(key.value)
        return super().construct_mapping(node, deep=deep)


def _yaml(text: str) -> Any:
    try:
        read = yaml.load(text.lstrip("\ufeff"), _Loader)  # noqa: S506 (a SafeLoader that refuses more)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"Line {mark.line + 1}, column {mark.column + 1}: this" if mark else "This"
        raise PolicyTextError(f"{place} is no YAML ({error.problem or error.context}).") from None
    except yaml.YAMLError as error:
        raise PolicyTextError(f"This is no YAML: {' '.join(str(error).split())}.") from None
    except PolicyTextError:
        raise
    except (ValueError, TypeError) as error:
        # A date such as 2026-02-31, or an object that is the name of another.
        raise PolicyTextError(f"This is YAML, but cannot be read: {error}. Put the value in quotes.") from None
    return read


def _check(read: Any, place: str = "") -> None:
    """Refuses what JSON cannot hold, so that one policy has one form."""
    if isinstance(read, dict):
        for name, value in read.items():
            if not isinstance(name, str):
                raise PolicyTextError(f"{place or 'The policy'}: the name {name} is no text. Put it in quotes.")
            _check(value, f"{place}.{name}".removeprefix("."))
    elif isinstance(read, list):
        for at, value in enumerate(read):
            _check(value, f"{place}[{at}]")
    elif not (read is None or isinstance(read, str | bool | int) or _finite(read)):
        raise PolicyTextError(f"{place}: “{read}” is no text and no number here. Put it in quotes, or write digits.")


def _finite(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)
