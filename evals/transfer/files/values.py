"""Converts cells of a file to stored values; BadValueError says what to write instead."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from evals.catalog.names import BadValueError, is_readable, with_plain_spaces
from evals.transfer.files.text import Limits, check_texts, parse_json

__all__ = [
    "id_text",
    "is_missing",
    "json_value",
    "moment",
    "money",
    "name_text",
    "number",
    "prose",
    "required",
    "whole_number",
]

Fields = Mapping[str, Any]
_MAX_INT = 2_147_483_647
# Spreadsheets keep 15 digits of a number.
_EXACT = 10**15


def is_missing(value: Any) -> bool:
    """CSV has no null: an empty cell counts as one."""
    return value is None or value == ""


def required(fields: Fields, name: str) -> Any:
    value = fields.get(name)
    if is_missing(value):
        raise BadValueError(f"has no {name}.")
    return value


def prose(value: Any, name: str) -> str:
    """Text with all its white space; numbers as they are written."""
    if is_missing(value):
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadValueError(f"{name} must be text, not {_kind(value)}.")
    return _digits(value)


def name_text(value: Any, name: str, *, longest: int) -> str:
    """One line, without surrounding spaces, and with plain ones inside."""
    text = with_plain_spaces(prose(value, name)).strip()
    if not text:
        raise BadValueError(f"has no {name}.")
    if len(text) > longest:
        raise BadValueError(f"{name} “{text[:40]}…” has {len(text)} characters; the limit is {longest}.")
    if not is_readable(text):
        raise BadValueError(f"{name} {text[:40]!r} contains a line break or a character that nobody sees.")
    return text


_WHOLE = re.compile(r"(-?\d+)\.0+")
_SHORTENED = re.compile(r"-?\d([.,]\d+)?E\+?\d+", re.IGNORECASE)


def id_text(value: Any, name: str, *, longest: int) -> str:
    """A name that stands for a task. 8, 8.0, "8" and "8.0" are the same: spreadsheets and data frames write a whole
    column of numbers as 8.0 once a cell of it is empty. What they wrote as 1.23E+17 has lost its digits, and is
    refused."""
    text = name_text(value, name, longest=longest)
    if text.isdecimal() and not isinstance(value, float):
        return text
    if isinstance(value, float) and abs(value) > _EXACT:
        raise BadValueError(f"{name} {value:g} is a number too large to be exact. Write ids of so many digits as text.")
    if _SHORTENED.fullmatch(text):
        raise BadValueError(
            f"{name} “{text}” is a number that a spreadsheet has shortened, so its digits are lost. Format the column "
            "as text and enter the ids again."
        )
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def number(fields: Fields, name: str) -> float | None:
    """0 or more; None if the file leaves it out."""
    value = fields.get(name)
    if is_missing(value):
        return None
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        parsed = float(value)
    except (ValueError, OverflowError):
        raise BadValueError(f"{name} must be a number, not “{_shown(value)}”.") from None
    if not math.isfinite(parsed) or parsed < 0:
        raise BadValueError(f"{name} must be 0 or more, not “{_shown(value)}”.")
    return parsed


def whole_number(fields: Fields, name: str, *, least: int = 0, most: int = _MAX_INT) -> int | None:
    parsed = number(fields, name)
    if parsed is None:
        return None
    if parsed != int(parsed) or not least <= parsed <= most:
        raise BadValueError(f"{name} must be a whole number from {least} to {most:,}, not “{_shown(fields[name])}”.")
    return int(parsed)


def money(fields: Fields, name: str) -> Decimal | None:
    """US dollars to 8 decimals, as stored; None is unknown, never 0."""
    if number(fields, name) is None:
        return None
    try:
        amount = Decimal(str(fields[name]).strip()).quantize(Decimal("1e-8"))
    except InvalidOperation:
        raise BadValueError(f"{name} “{_shown(fields[name])}” is not an amount in USD.") from None
    if amount >= 1_000_000:
        raise BadValueError(f"{name} “{_shown(fields[name])}” is a million or more for one answer. Give it in USD.")
    return amount


def json_value(value: Any, name: str, limits: Limits) -> Any:
    """JSON, as a value or written in a cell."""
    if not isinstance(value, str):
        return value
    try:
        parsed = parse_json(value, limits)
    except BadValueError as error:
        raise BadValueError(f"{name} {error}") from None
    # An escape such as \\u0000 becomes a character only now.
    check_texts(parsed, name, limits)
    return parsed


def moment(value: Any, name: str) -> datetime | None:
    """Seconds since 1970, or ISO 8601 (UTC if it names no zone); None if the file leaves it out."""
    if is_missing(value):
        return None
    try:
        return _instant(value)
    except (ValueError, OverflowError, OSError):
        raise BadValueError(
            f"{name} “{_shown(value)}” is not a time. Write seconds since 1970, or 2026-05-04T12:30:00Z."
        ) from None


def _instant(value: Any) -> datetime:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError
    try:
        seconds = float(value)
    except ValueError:
        parsed = datetime.fromisoformat(str(value).strip())
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    at = datetime.fromtimestamp(seconds, UTC)
    if not 1990 <= at.year <= 2200:
        raise ValueError
    return at


def _digits(value: float) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _kind(value: Any) -> str:
    return {dict: "an object", list: "a list", bool: "true or false"}.get(type(value), type(value).__name__)


def _shown(value: Any) -> str:
    return str(value)[:60]
