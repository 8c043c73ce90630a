"""A batch of outcomes as a service posts it: read strictly, and refused as a whole, by every wrong place. Pure.

A good batch is decoded once by msgspec. Only one that is not is read again, field by field, for msgspec stops at its
first complaint.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Meta, structs

from arena.ui.wording import did_you_mean

__all__ = ["MOST_BYTES", "MOST_OUTCOMES", "BatchError", "Fault", "Outcome", "Window", "batch_schema", "read"]

MOST_OUTCOMES = 1_000
MOST_BYTES = 1024**2
_MOST_FAULTS = 100
# Of milliseconds, tokens and dollars alike: no request takes as much, and sums of it still fit.
_MOST = 1_000_000_000
_MOST_VERSION = 2**31 - 1
_LONGEST = 200

# PostgreSQL stores no NUL.
_STORABLE = r"^[^\u0000]*$"
_Text = Annotated[str, Meta(max_length=_LONGEST, pattern=_STORABLE)]
_Name = Annotated[str, Meta(min_length=1, max_length=_LONGEST, pattern=_STORABLE)]
_Figure = Annotated[float, Meta(ge=0, le=_MOST)]


class Outcome(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """One request; null is not known, and is counted as that."""

    id: UUID
    table_version: Annotated[int, Meta(ge=1, le=_MOST_VERSION)]
    route_id: _Name
    category: _Text = ""
    model: _Name
    ok: bool
    error: _Text | None = None
    latency_ms: _Figure | None = None
    ttft_ms: _Figure | None = None
    tokens: Annotated[int, Meta(ge=0, le=_MOST)] | None = None
    cost_usd: _Figure | None = None
    at: Annotated[datetime, Meta(tz=True)]


class _Batch(msgspec.Struct, forbid_unknown_fields=True):
    outcomes: Annotated[list[Outcome], Meta(max_length=MOST_OUTCOMES)]


class Window(NamedTuple):
    """When a request may have been made that is reported now; both ends included."""

    oldest: datetime
    newest: datetime


class Fault(NamedTuple):
    """`field` is where, such as `outcomes[3].latency_ms`; "" is the body itself."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class BatchError(ValueError):
    """Nothing of the batch may be stored. `faults` are the first 100 of the `total` places that are wrong."""

    def __init__(self, faults: Sequence[Fault], total: int) -> None:
        self.faults = faults
        self.total = total
        super().__init__(str(faults[0]))


# A body has room for a hundred thousand faults. Only those that are told are put into words, which costs most.
_Wording = Callable[[], Fault]


_DECODER = msgspec.json.Decoder(_Batch)
# What is too large a number becomes infinite here, and is told at its place.
_ANYTHING = msgspec.json.Decoder(float_hook=float)
_FIELDS = {field.name: field for field in structs.fields(Outcome)}
_FIGURE = f"a number from 0 to {_MOST:,}, or null where it is not known"
_WANTED = {
    "id": "a UUID, the same whenever this outcome is sent again",
    "table_version": f"a whole number from 1 to {_MOST_VERSION:,}",
    "route_id": f"a text of 1 to {_LONGEST} characters, none of them NUL",
    "category": f"a text of at most {_LONGEST} characters, none of them NUL",
    "model": f"a text of 1 to {_LONGEST} characters, none of them NUL",
    "ok": "true or false",
    "error": f"a text of at most {_LONGEST} characters, none of them NUL, or null",
    "latency_ms": _FIGURE,
    "ttft_ms": _FIGURE,
    "tokens": f"a whole {_FIGURE.removeprefix('a ')}",
    "cost_usd": _FIGURE,
    "at": "a time with its zone, such as 2026-11-22T09:12:00Z",
}


def read(body: bytes, *, window: Window) -> list[Outcome]:
    """The outcomes of `{"outcomes": […]}`, in their order. Raises BatchError."""
    try:
        outcomes = _DECODER.decode(body).outcomes
    except msgspec.ValidationError:
        outcomes = None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BatchError([_unread(error)], total=1) from None
    if outcomes is not None and not any(_contradiction(structs.asdict(one), window) for one in outcomes):
        return outcomes
    found = _faults(body, window)
    errors = [worded() for worded in islice(found, _MOST_FAULTS)]
    raise BatchError(errors, total=len(errors) + sum(1 for _ in found))


def _faults(body: bytes, window: Window) -> Iterator[_Wording]:
    """All of a body that was refused; at least one."""
    try:
        batch = _ANYTHING.decode(body)
    except RecursionError:
        yield partial(Fault, "", "The body is nested too deeply to be read.")
        return
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        yield partial(_unread, error)
        return
    if not isinstance(batch, dict):
        yield partial(Fault, "", 'The body is no object. Send {"outcomes": […]}.')
        return
    for name in batch:
        if name != "outcomes":
            yield partial(_stray, name)
    outcomes = batch.get("outcomes")
    if not isinstance(outcomes, list):
        yield partial(Fault, "outcomes", "Must be a list of outcomes.")
    elif len(outcomes) > MOST_OUTCOMES:
        message = f"Holds {len(outcomes):,}; at most {MOST_OUTCOMES:,} go into one batch. Send several."
        yield partial(Fault, "outcomes", message)
    else:
        for n, one in enumerate(outcomes):
            yield from _faults_of(f"outcomes[{n}]", one, window)


def _faults_of(place: str, given: Any, window: Window) -> Iterator[_Wording]:
    if not isinstance(given, dict):
        yield partial(Fault, place, "Must be an object.")
        return
    for name in given:
        if name not in _FIELDS:
            yield partial(_unknown, place, name)
    values: dict[str, Any] = {}
    for name, field in _FIELDS.items():
        if name not in given:
            if field.required:
                yield partial(Fault, f"{place}.{name}", f"Is missing. It must be {_WANTED[name]}.")
            continue
        try:
            values[name] = msgspec.convert(given[name], field.type)
        except msgspec.ValidationError:
            yield partial(_misfit, place, name, given[name])
    if wrong := _contradiction(values, window):
        yield partial(Fault, f"{place}.{wrong[0]}", wrong[1])


def _stray(name: str) -> Fault:
    return Fault(_cut(name), 'Not known here. Send {"outcomes": […]}.')


def _unknown(place: str, name: str) -> Fault:
    guess = did_you_mean(name, _FIELDS, otherwise=f"An outcome has: {', '.join(_FIELDS)}.")
    return Fault(f"{place}.{_cut(name)}", f"Not known. {guess}")


def _misfit(place: str, name: str, value: Any) -> Fault:
    return Fault(f"{place}.{name}", f"{_quoted(value)} is not {_WANTED[name]}.")


def _contradiction(values: Mapping[str, Any], window: Window) -> tuple[str, str] | None:
    """What no field says by itself: its name, and the message. Of the fields that could be read."""
    at = values.get("at")
    if at is not None and not window.oldest <= at <= window.newest:
        if at > window.newest:
            return "at", f"{_second(at)} lies too far ahead of Arena's clock: {_second(window.newest)} at most."
        return "at", f"{_second(at)} is too long ago: outcomes are taken from {_second(window.oldest)} on."
    if values.get("ok") and values.get("error"):
        return "error", "Says what went wrong, while ok is true. Leave it out, or say false."
    return None


def _second(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _unread(error: Exception) -> Fault:
    return Fault("", f"The body cannot be read as JSON: {error}.")


def _quoted(value: Any) -> str:
    if isinstance(value, dict | list):
        return "An object" if isinstance(value, dict) else "A list"
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"


def batch_schema() -> dict[str, Any]:
    """The body for OpenAPI 3.0, which knows `nullable` and no type of null."""
    outcome = msgspec.json.schema(Outcome)["$defs"]["Outcome"]
    properties = {
        name: {**_nullable(schema), "description": f"{_WANTED[name][:1].upper()}{_WANTED[name][1:]}."}
        for name, schema in outcome["properties"].items()
    }
    return {
        "type": "object",
        "required": ["outcomes"],
        "additionalProperties": False,
        "properties": {
            "outcomes": {"type": "array", "maxItems": MOST_OUTCOMES, "items": outcome | {"properties": properties}}
        },
    }


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" not in schema:
        return schema
    (known,) = (one for one in schema["anyOf"] if one != {"type": "null"})
    return {**known, "nullable": True, "default": None}
