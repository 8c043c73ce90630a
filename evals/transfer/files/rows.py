"""Rows of a CSV or JSONL file, each with the physical line on which it begins, under the names that `--map` gives."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evals.catalog.names import BadValueError
from evals.transfer.files.errors import Problems, UnreadableError
from evals.transfer.files.text import (
    BadLineError,
    Limits,
    Source,
    check_size,
    check_texts,
    parse_json,
    text_lines,
)

__all__ = ["FORMATS", "NEUTRALISED", "Layout", "Row", "open_source", "parse_pairs", "read_rows"]

FORMATS = ("auto", "csv", "jsonl")
# A column of CSV exports that names the cells with an apostrophe, which keeps spreadsheets from running them as
# formulas. Reading removes it, in these cells only.
NEUTRALISED = "arena_neutralised"


# The csv module has one limit for the whole process, and its default is lower.
csv.field_size_limit(Limits.field_chars)


@dataclass(frozen=True)
class Row:
    """`fields` are those the import knows, under Arena's names; `extra` is the rest, under the file's own names."""

    line: int
    fields: dict[str, Any]
    extra: dict[str, Any]


@dataclass(frozen=True)
class Layout:
    """How to read a file. `columns` maps a field to the file's column; an empty column means that it is not read."""

    fields: tuple[str, ...]
    format: str = "auto"
    columns: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise UnreadableError(f"The format is one of {', '.join(FORMATS)}, not “{self.format}”.")
        for name in self.columns:
            if name not in self.fields:
                known = ", ".join(self.fields)
                raise UnreadableError(f"Mapping {name}=…: there is no field “{name}”. Fields: {known}.")

    def column(self, name: str) -> str:
        return self.columns.get(name, name)

    @property
    def wanted(self) -> set[str]:
        """Columns named by --map: a file without one of them must be the wrong file."""
        return {column for column in self.columns.values() if column}


@contextmanager
def open_source(path: str | Path) -> Iterator[Source]:
    """A file on disk, for the commands."""
    path = Path(path)
    try:
        with path.open("rb") as stream:
            yield Source(stream, path.name)
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise UnreadableError(f"{path}: {error.strerror}.") from error


def read_rows(source: Source, layout: Layout, problems: Problems) -> Iterator[Row]:
    """Rows in the file's order. Errors in a row go to `problems`, and reading continues if it can.

    Reads from the start of the file each time it is called. Raises UnreadableError for the file as a whole.
    """
    check_size(source, layout.limits)
    try:
        read = _jsonl if _format(source, layout) == "jsonl" else _csv
        rows = 0
        before = problems.total
        for line, values in read(source, layout, problems):
            rows += 1
            if rows > layout.limits.rows:
                problems.add(line, f"is row {rows:,}; the limit on rows is {layout.limits.rows:,}. Split the file.")
                return
            try:
                for name, value in values.items():
                    check_texts(name, "a column's name", layout.limits)
                    check_texts(value, name, layout.limits)
            except BadValueError as error:
                problems.add(line, str(error))
                continue
            yield _mapped(line, values, layout)
    except BadLineError as error:
        problems.add(error.line, str(error))
        return
    if not rows and problems.total == before:
        raise UnreadableError(f"{source.name} has no rows.")


def _mapped(line: int, values: dict[str, Any], layout: Layout) -> Row:
    fields, used = {}, set()
    for name in layout.fields:
        column = layout.column(name)
        if column in values:
            fields[name] = values[column]
            used.add(column)
    return Row(line, fields, {name: value for name, value in values.items() if name not in used})


def _format(source: Source, layout: Layout) -> str:
    """By content: a JSONL file begins with a brace, whatever its name is."""
    if layout.format != "auto":
        return layout.format
    for line, text in text_lines(source, layout.limits):
        if text.strip():
            if text.lstrip().startswith("["):
                raise UnreadableError(
                    f"line {line}: {source.name} is one JSON list. Write one object a line (JSONL), without the list."
                )
            return "jsonl" if text.lstrip().startswith("{") else "csv"
    raise UnreadableError(f"{source.name} has no rows.")


def _jsonl(source: Source, layout: Layout, problems: Problems) -> Iterator[tuple[int, dict[str, Any]]]:
    names: set[str] = set()
    for line, text in text_lines(source, layout.limits):
        if not text.strip():
            continue
        try:
            values = parse_json(text, layout.limits)
        except BadValueError as error:
            problems.add(line, str(error))
            continue
        if not isinstance(values, dict):
            problems.add(line, 'is not a JSON object. Write {"field": value, …} on each line.')
            continue
        names.update(values)
        yield line, values
    if names:
        _check_wanted(layout.wanted, names, "no row has")


def _csv(source: Source, layout: Layout, problems: Problems) -> Iterator[tuple[int, dict[str, Any]]]:
    # Lines given to the reader so far, which tells where its next row begins.
    taken = 0

    def pieces() -> Iterator[str]:
        nonlocal taken
        for number, text in text_lines(source, layout.limits, lone_cr=True):
            taken = number
            yield text

    first = next((text for _, text in text_lines(source, layout.limits, lone_cr=True)), "")
    reader = csv.reader(pieces(), delimiter=_delimiter(first), strict=True)
    header: list[str] = []
    begins = 1
    try:
        for cells in reader:
            line, begins = begins, taken + 1
            if not header:
                header = _header(cells, line, layout)
            elif cells:
                if len(cells) == len(header):
                    yield line, _cells(header, cells)
                else:
                    problems.add(line, f"has {len(cells)} cells; the header has {len(header)}.")
    except csv.Error as error:
        problems.add(begins, _csv_reason(str(error), begins, taken, layout.limits))


def _delimiter(header: str) -> str:
    """The character between the header's names: a comma, or if there is none, a tab or a semicolon."""
    unquoted = re.sub(r'"[^"]*"', "", header)
    return next((char for char in ",\t;" if char in unquoted), ",")


def _header(cells: list[str], line: int, layout: Layout) -> list[str]:
    names = [cell.strip() for cell in cells]
    if not any(names):
        raise UnreadableError(f"line {line}: the header is empty. Line 1 names the columns.")
    named = [name for name in names if name]
    for name in named:
        if named.count(name) > 1:
            raise UnreadableError(f"line {line}: the column “{name[:80]}” is in the header twice. Rename one.")
    _check_wanted(layout.wanted, set(named), "the header has")
    return names


def _check_wanted(wanted: set[str], names: set[str], where: str) -> None:
    missing = sorted(wanted - names)
    if missing:
        what = "no column" if where == "the header has" else "a field"
        known = ", ".join(sorted(names)[:30])
        raise UnreadableError(f"Mapping: {where} {what} “{missing[0]}”. There are: {known}.")


def _cells(header: list[str], cells: list[str]) -> dict[str, Any]:
    """By name. Columns without a name (an index, or trailing commas) are dropped."""
    values = {name: cell for name, cell in zip(header, cells, strict=True) if name}
    quoted = values.pop(NEUTRALISED, "").split()
    for name in quoted:
        if values.get(name, "").startswith("'"):
            values[name] = values[name][1:]
    return values


def _csv_reason(message: str, begins: int, taken: int, limits: Limits) -> str:
    if "unexpected end of data" in message:
        return "opens a quote that never closes. Close it, or double quotes that are part of the text."
    if "field larger than" in message:
        return f"a cell is longer than {limits.field_chars:,} characters, the limit on one field. Is a quote left open?"
    if "expected after" in message:
        return f"has text after a closing quote (on line {taken}). Double the quotes that are part of the text."
    return f"is not CSV (noticed on line {taken}): {message}."


def parse_pairs(option: str, given: Iterable[str]) -> dict[str, str]:
    """`["task=prompt"]` to `{"task": "prompt"}`. Split at the first `=` that has no backslash before it."""
    pairs: dict[str, str] = {}
    for pair in given:
        name, equals, value = _split_pair(pair)
        if not equals or not name.strip():
            raise UnreadableError(f"{option} {pair}: write two words with an = between them, as in {option} a=b.")
        name, value = name.strip(), value.strip()
        if pairs.get(name, value) != value:
            raise UnreadableError(f"{option}: “{name}” is given twice, as “{pairs[name]}” and as “{value}”.")
        pairs[name] = value
    return pairs


def _split_pair(pair: str) -> tuple[str, str, str]:
    name, equals, value = pair.replace("\\=", "\x00").partition("=")
    return name.replace("\x00", "="), equals, value.replace("\x00", "=")
