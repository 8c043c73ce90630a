"""Kinds of values that the policy's fields hold, and how a record of such fields is read and written. Pure.

    class Gate:                                             # a frozen dataclass of `routing.policy.schema`
        alpha: float = rule(Number(gt=0, le=0.5), "Error", "Write the chance of a false switch …", default=0.05)

    read_record(Gate, {"alpha": 0.9}, "gate", report_error)    # Gate(alpha=0.05), and report_error("gate.alpha", …):
    # “0.9” is more than 0.5. Write the chance of a false switch …

Reading goes on after a wrong field with its default in place, so that one reading tells all that must change and what
fields say of one another is checked as well. That, `null` beside "not set", and the start are why no library does it:
msgspec stops at the first fault and tells it as a sentence; pydantic tells faults as data, but gives no record beside
them, and loading it with these records takes half a second of processor time in every command that loads the pages.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, MISSING, dataclass, field, fields
from enum import Enum
from functools import cache
from typing import Any, Final, TypeVar

from arena.ui.wording import did_you_mean, listed

__all__ = [
    "UNSET",
    "Choice",
    "Flag",
    "Kind",
    "Many",
    "Named",
    "Number",
    "Part",
    "Record",
    "Records",
    "ReportError",
    "Rule",
    "Slug",
    "Text",
    "Unset",
    "declared",
    "quoted",
    "read_record",
    "rule",
    "rules_of",
    "written",
]

T = TypeVar("T")
# Told of each wrong field: its name as one would type it, and what to say of it.
ReportError = Callable[[str, str], None]


class Unset(Enum):
    """Left to whatever stands above; None is a value of its own: no limit, no fallback."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
_WRONG: Final = object()


class WrongValueError(ValueError):
    """What is wrong with a value, as the end of the sentence that begins with the value."""


@dataclass(frozen=True)
class Kind:
    """What a value may be. `check` returns it in its one form, or raises WrongValueError."""

    def check(self, value: Any) -> Any:
        return value

    def read(self, value: Any, at: str, rule: Rule, report_error: ReportError) -> Any:
        try:
            return self.check(value)
        except WrongValueError as wrong:
            report_error(at, _refused(value, str(wrong), rule.expected))
            return _WRONG

    @property
    def choices(self) -> tuple[tuple[str, str], ...]:
        """(value, words) as a form offers them."""
        return ()

    @property
    def json_schema(self) -> dict[str, Any]:
        """For those who read what was accepted here: lengths of texts are left out."""
        return {}


@dataclass(frozen=True)
class Number(Kind):
    gt: float | None = None
    ge: float | None = None
    le: float | None = None
    whole: bool = False

    def check(self, value: Any) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            raise WrongValueError("is not a whole number" if self.whole else "is not a number")
        try:
            made = value if self.whole else float(value)
        except OverflowError:
            raise WrongValueError("is too large") from None
        if not self.whole and not math.isfinite(made):
            raise WrongValueError("is not a finite number")
        if self.gt is not None and not made > self.gt:
            raise WrongValueError(f"is not more than {self.gt:g}")
        if self.ge is not None and not made >= self.ge:
            raise WrongValueError(f"is less than {self.ge:g}")
        if self.le is not None and not made <= self.le:
            raise WrongValueError(f"is more than {self.le:g}")
        return made

    @property
    def json_schema(self) -> dict[str, Any]:
        bounds = {"exclusiveMinimum": self.gt, "minimum": self.ge, "maximum": self.le}
        return {"type": "integer" if self.whole else "number"} | {
            name: bound for name, bound in bounds.items() if bound is not None
        }


@dataclass(frozen=True)
class Text(Kind):
    longest: int = 60
    shortest: int = 1
    pattern: str = ""

    def check(self, value: Any) -> str:
        if not isinstance(value, str):
            raise WrongValueError("is not text")
        if len(value) > self.longest:
            raise WrongValueError(f"is longer than {self.longest} characters")
        if len(value) < self.shortest:
            raise WrongValueError("is too short")
        if self.pattern and not re.search(self.pattern, value):
            raise WrongValueError("has characters that are not allowed here")
        return value

    @property
    def json_schema(self) -> dict[str, Any]:
        return {"type": "string"}


@dataclass(frozen=True)
class Slug(Text):
    """A contender's."""

    longest: int = 120


@dataclass(frozen=True)
class Choice(Kind):
    """`words` by value, as forms show them. `renamed`: what was once written for a value, and is still read."""

    words: Mapping[str, str]
    renamed: Mapping[str, str] = field(default_factory=dict)

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or not (value in self.words or value in self.renamed):
            raise WrongValueError("is not one of the choices")
        return value

    @property
    def choices(self) -> tuple[tuple[str, str], ...]:
        return tuple(self.words.items())

    @property
    def json_schema(self) -> dict[str, Any]:
        return {"enum": list(self.words)}


@dataclass(frozen=True)
class Flag(Kind):
    """`yes` and `no` are a form's words for true and false."""

    yes: str = "yes"
    no: str = "no"

    def check(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise WrongValueError("is neither true nor false")
        return value

    @property
    def choices(self) -> tuple[tuple[str, str], ...]:
        return (("true", self.yes), ("false", self.no))

    @property
    def json_schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Many(Kind):
    """A list of values of one kind. Each wrong item is told at its own place."""

    item: Kind
    least: int = 0

    def read(self, value: Any, at: str, rule: Rule, report_error: ReportError) -> Any:
        if not isinstance(value, list | tuple):
            report_error(at, _refused(value, "is not a list", rule.expected))
            return _WRONG
        if len(value) < self.least:
            report_error(at, _refused(value, "is empty", rule.expected))
            return _WRONG
        items = [self.item.read(one, f"{at}[{n}]", rule, report_error) for n, one in enumerate(value)]
        return _WRONG if any(one is _WRONG for one in items) else tuple(items)

    @property
    def json_schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.item.json_schema}


@dataclass(frozen=True)
class Record(Kind):
    """An object of `type`'s fields; what it does not say is `type`'s default."""

    type: Any

    def read(self, value: Any, at: str, rule: Rule, report_error: ReportError) -> Any:
        if not isinstance(value, Mapping):
            report_error(at, _refused(value, "is not an object", rule.expected))
            return _WRONG
        return read_record(self.type, value, at, report_error)


@dataclass(frozen=True)
class Part(Record):
    """What an object says of `type`'s fields, as a mapping; what it does not say is not in it."""

    def read(self, value: Any, at: str, rule: Rule, report_error: ReportError) -> Any:
        if not isinstance(value, Mapping):
            report_error(at, _refused(value, "is not an object", rule.expected))
            return _WRONG
        return _values(self.type, value, at, report_error)


@dataclass(frozen=True)
class Records(Kind):
    """A list of objects. One that is wrong as a whole keeps its place, lest the next ones move up."""

    type: Any
    expected: str

    def read(self, value: Any, at: str, rule: Rule, report_error: ReportError) -> Any:
        if not isinstance(value, list | tuple):
            report_error(at, _refused(value, "is not a list", rule.expected))
            return _WRONG
        made = []
        for n, one in enumerate(value):
            if isinstance(one, Mapping):
                made.append(read_record(self.type, one, f"{at}[{n}]", report_error))
            else:
                report_error(f"{at}[{n}]", _refused(one, "is not an object", self.expected))
                made.append(read_record(self.type, {}, at, _ignore))
        return tuple(made)


@dataclass(frozen=True)
class Named(Kind):
    """An object of anything, by names that are texts; kept as it is."""

    def read(self, value: Any, at: str, rule: Rule, report_error: ReportError) -> Any:
        if not isinstance(value, Mapping):
            report_error(at, _refused(value, "is not an object", rule.expected))
            return _WRONG
        for name in value:
            if not isinstance(name, str):
                report_error(at, f"The name {quoted(name)} is not text. {rule.expected}")
                return _WRONG
        return value


def _ignore(field: str, message: str) -> None:
    pass


@dataclass(frozen=True)
class Rule:
    """A field as it is declared. `expected` is the sentence that says what to write."""

    kind: Kind
    label: str = ""
    expected: str = ""
    help: str = ""
    _: KW_ONLY
    nullable: bool = False


def rule(*args: Any, default: Any = MISSING, **more: Any) -> Any:
    """A dataclass's field, declared by a Rule of these arguments. Without a default it must be written."""
    return declared(Rule(*args, **more), default)


def declared(one: Rule, default: Any) -> Any:
    return field(default=default, metadata={"rule": one})


@cache
def rules_of(record: Any) -> Mapping[str, Rule]:
    """By the fields' names, in the order in which they are declared."""
    return {one.name: one.metadata["rule"] for one in fields(record) if "rule" in one.metadata}


def read_record(record: type[T], given: Mapping[str, Any], at: str, report_error: ReportError) -> T:
    """The record with defaults where a field must change, each of which is told."""
    values = _values(record, given, at, report_error)
    hashable: Any = record
    for name, one in _required(hashable).items():
        if name not in values:
            if name not in given:
                report_error(_dotted(at, name), f"Nothing is written here. {one.expected}")
            # So that the rest can be checked; the document is refused all the same.
            values[name] = "?"
    return record(**values)


@cache
def _required(record: Any) -> Mapping[str, Rule]:
    found = [one.name for one in fields(record) if one.default is MISSING and one.default_factory is MISSING]
    return {name: rules_of(record)[name] for name in found}


def _values(record: Any, given: Mapping[str, Any], at: str, report_error: ReportError) -> dict[str, Any]:
    """What could be read of what is given, in the order in which fields are declared."""
    rules = rules_of(record)
    for name in given:
        if name not in rules:
            report_error(_dotted(at, str(name)), _unknown(str(name), rules))
    made = {}
    for name, one in rules.items():
        if name not in given:
            continue
        value = given[name]
        if not (value is None and one.nullable):
            value = one.kind.read(value, _dotted(at, name), one, report_error)
        if value is not _WRONG:
            made[name] = value
    return made


def written(record: Any) -> dict[str, Any]:
    """A record as JSON has it. What is unset is not written, nor None where None cannot be written. A record's
    `always_written`, if it has any, names the fields that are written although they are at their default."""
    always = getattr(record, "always_written", None)
    made = {}
    for one in fields(record):
        value, declared = getattr(record, one.name), one.metadata["rule"]
        omitted = value is None and not declared.nullable
        omitted = omitted or (always is not None and one.name not in always and value == one.default)
        if value is not UNSET and not omitted:
            made[one.name] = _plain(value)
    return made


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return written(value) if hasattr(value, "__dataclass_fields__") else value


def quoted(value: Any) -> str:
    """As it was written, short enough for a sentence."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return f"“{text if len(text) <= 60 else text[:57] + '…'}”"


def _refused(value: Any, fault: str, expected: str) -> str:
    """As a sentence that quotes the value and says what to write."""
    return f"{'Nothing is written here' if value == '' else f'{quoted(value)} {fault}'}. {expected}".strip()


def _unknown(name: str, rules: Mapping[str, Rule]) -> str:
    """Where another record below has such a field, it is named."""
    holder = next((at for at, one in rules.items() if name in _names(one.kind)), None)
    if holder is not None:
        return f"No field is called {quoted(name)} here. It belongs in {holder}."
    near = did_you_mean(name, [*rules, *_names_below(rules.values())], otherwise=f"There are {listed([*rules])}.")
    return f"No field is called {quoted(name)} here. {near}"


def _names(kind: Kind) -> Iterable[str]:
    return rules_of(kind.type) if isinstance(kind, Record | Records) else ()


def _names_below(rules: Iterable[Rule]) -> Iterable[str]:
    return [name for one in rules for name in _names(one.kind)]


def _dotted(*parts: str) -> str:
    return ".".join(part for part in parts if part)
