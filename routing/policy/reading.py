"""Reads a value into a struct and tells every field that must change, not only the first. Pure.

msgspec stops at its first complaint. Here what it complains about is told and taken out of a copy, and the rest read
again, until nothing is left to complain about.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Iterable
from typing import Any, NamedTuple, TypeVar

import msgspec

from routing.policy.words import LABELS, leaf, refused, to_write

__all__ = ["FieldError", "PolicyError", "convert", "dotted"]

T = TypeVar("T")

# More complaints than anybody would read through; a document that has them is of another kind.
MOST = 100

_AT = re.compile(r"^(?P<what>.*?)(?: - at (?P<key>`key` in )?`\$(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>[^`]*)`")
_LACKS = re.compile(r"Object missing required field `(?P<name>[^`]*)`")
_STEP = re.compile(r"\.(?P<key>[^.\[]+)|\[(?P<at>\d+)\]")


class FieldError(NamedTuple):
    """`field` as one would type it, such as `categories.code.routes[1].when.max_usd`; "" is the whole document."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class PolicyError(ValueError):
    """The document is no policy. `errors` has one entry a field that must change; `rest` is the policy that it would be
    with defaults in their place, None if nothing could be read."""

    def __init__(self, errors: Iterable[FieldError], rest: Any = None) -> None:
        self.errors = tuple(errors)
        self.rest = rest
        super().__init__("; ".join(str(error) for error in self.errors))


def convert(value: Any, type_: type[T], under: str) -> tuple[T | None, list[FieldError]]:
    """What could be read, with defaults where a field must change, and those fields. None if nothing could be."""
    errors: list[FieldError] = []
    for _ in range(MOST):
        try:
            return msgspec.convert(value, type_, strict=True), errors
        except msgspec.ValidationError as error:
            if not errors:
                value = copy.deepcopy(value)
            told, mended = _told(str(error), value, under)
            # What was taken out may be missed in turn: that is one fault, not two.
            if told.field not in {one.field for one in errors}:
                errors.append(told)
            if not mended:
                break
    return None, errors


def _told(text: str, value: Any, under: str) -> tuple[FieldError, bool]:
    """The complaint in our words; `value` is changed so that the next reading gets past it, if it can be."""
    match = _AT.match(text)
    what, path = (match["what"], match["path"] or "") if match else (text, "")
    steps = [step["key"] if step["at"] is None else int(step["at"]) for step in _STEP.finditer(path)]
    if named := _UNKNOWN.match(what):
        name = named["name"]
        _found(value, steps).pop(name)
        return FieldError(dotted(under, path, name), _unknown(name)), True
    if lacking := _LACKS.match(what):
        name = lacking["name"]
        field = dotted(under, path, name)
        _found(value, steps)[name] = "?"
        return FieldError(field, f"Nothing is written here. {to_write(field)}"), True
    field = dotted(under, path)
    if match and match["key"]:
        return FieldError(field, "Has a name that is empty, too long or no text."), _taken_out(value, steps)
    wrong = _found(value, steps)
    return FieldError(field, refused(field, wrong, what)), _taken_out(value, steps)


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, [*LABELS, "categories", "every_category"], n=1)
    return f"No field is called “{name}” here.{f' Is it {near[0]}?' if near else ' Check its spelling.'}"


def _found(value: Any, steps: list[str | int]) -> Any:
    for step in steps:
        value = value[step]
    return value


def _taken_out(value: Any, steps: list[str | int]) -> bool:
    """Takes away what stands there, so that its default stands instead; an object in a list becomes an empty one,
    lest the next ones move up. False if it is the whole."""
    if not steps:
        return False
    holder, last = _found(value, steps[:-1]), steps[-1]
    if isinstance(last, str):
        del holder[last]
        return True
    if leaf(str(steps[-2])) in ("routes", "default") and holder[last] != {}:
        holder[last] = {}
        return True
    return _taken_out(value, steps[:-1])


def dotted(*parts: str) -> str:
    """`dotted("categories.code", ".routes[0]", "name")`."""
    return ".".join(part.removeprefix(".") for part in parts if part).replace(".[", "[")
