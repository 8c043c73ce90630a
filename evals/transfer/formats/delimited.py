"""CSV with a header: cells between commas, semicolons, tabs or bars, whichever fits the file.

Excel writes `sep=;` as the first line, and reads it: it names the delimiter and is no row.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from typing import Any

from evals.transfer.files.errors import Problems, UnreadableError
from evals.transfer.files.layout import EXTRA_CELL, Layout
from evals.transfer.files.text import BadLineError, Limits, Source, text_lines
from evals.transfer.formats.frame import Format, Head, Values

__all__ = ["FORMAT", "NEUTRALISED", "neutralised_names"]

# A column of CSV exports that names the cells with an apostrophe, which keeps spreadsheets from running them as
# formulas. Reading removes it, in these cells only.
NEUTRALISED = "arena_neutralised"

# The csv module has one limit for the whole process, and its default is lower.
csv.field_size_limit(Limits.field_chars)


def _recognises(head: Head) -> bool:
    return True


def _read(source: Source, layout: Layout, problems: Problems) -> Iterator[Values]:
    # Lines given to the reader so far, which tells where its next row begins.
    taken = 0

    beginning = _beginning(source, layout.limits)
    stated = _STATED.fullmatch(beginning[0]) if beginning else None

    def pieces() -> Iterator[str]:
        nonlocal taken
        for number, text in text_lines(source, layout.limits, lone_cr=True):
            taken = number
            if number > 1 or not stated:
                yield text

    delimiter = (stated[1] or "\t") if stated else _delimiter(beginning)
    reader = csv.reader(pieces(), delimiter=delimiter, strict=True)
    header: list[str] = []
    begins = 2 if stated else 1
    try:
        for cells in reader:
            line, begins = begins, taken + 1
            if not header:
                header = _header(cells, line, layout)
            elif cells:
                if len(cells) == len(header):
                    yield line, _cells(header, cells)
                else:
                    reason = f"has {len(cells)} cells; the header has {len(header)}."
                    problems.add(line, reason, unread=_misfit(header, cells))
    except csv.Error as error:
        problems.add(begins, _reason(str(error), begins, taken, layout.limits), cut_off=True)


_STATED = re.compile(r'"?sep=([^\w"\s]?|\t)"?[;,\t]*+\s*+', re.IGNORECASE)
_DELIMITERS = ",\t;|"
# By which the delimiter is found.
_LINES = 50
_CHARS = 1 << 18


def _beginning(source: Source, limits: Limits) -> list[str]:
    lines: list[str] = []
    chars = 0
    try:
        for _, text in text_lines(source, limits, lone_cr=True):
            lines.append(text)
            chars += len(text)
            if len(lines) >= _LINES or chars >= _CHARS:
                break
    except BadLineError:
        # Told when the rows are read, up to it.
        pass
    return lines


def _delimiter(lines: list[str]) -> str:
    """The one by which the most rows have as many cells as the header; of several such, the one that makes the most
    columns. A header's name may contain another one, as in `id;prompt, or text`."""
    return max(_DELIMITERS, key=lambda char: _fit(lines, char))


def _fit(lines: list[str], delimiter: str) -> tuple[float, int]:
    widths = []
    try:
        widths = [len(cells) for cells in csv.reader(lines, delimiter=delimiter) if cells]
    except csv.Error:
        return 0, 0
    # The last row may go on after what is looked at.
    rows = widths[1:-1] or widths[1:]
    if not widths or widths[0] < 2:
        return 0, 0
    return sum(width == widths[0] for width in rows) / len(rows) if rows else 1, widths[0]


def _header(cells: list[str], line: int, layout: Layout) -> list[str]:
    names = [cell.strip() for cell in cells]
    if not any(names):
        raise UnreadableError(f"line {line}: the header is empty. The first line names the columns.")
    named = [name for name in names if name]
    for name in named:
        if named.count(name) > 1:
            raise UnreadableError(f"line {line}: the column “{name[:80]}” is in the header twice. Rename one.")
    layout.check_wanted(set(named), "the header has no column")
    return names


def _cells(header: list[str], cells: list[str]) -> dict[str, Any]:
    """By name. Columns without a name (an index, or trailing commas) are dropped."""
    values = {name: cell for name, cell in zip(header, cells, strict=True) if name}
    for name in _named(values.pop(NEUTRALISED, "")):
        if values.get(name, "").startswith("'"):
            values[name] = values[name][1:]
    return values


def _misfit(header: list[str], cells: list[str]) -> dict[str, Any]:
    """Cells that are too many stand under names of their own."""
    names = [*header, *(f"{EXTRA_CELL}{n}" for n in range(len(header) + 1, len(cells) + 1))]
    return {name: cell for name, cell in zip(names, cells, strict=False) if name}


def neutralised_names(names: list[str]) -> str:
    """What the column says of cells in these columns."""
    return json.dumps(names, ensure_ascii=False) if any(" " in name for name in names) else " ".join(names)


def _named(cell: str) -> list[str]:
    if not cell.startswith("["):
        return cell.split()
    try:
        names = json.loads(cell)
    except ValueError:
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _reason(message: str, begins: int, taken: int, limits: Limits) -> str:
    if "unexpected end of data" in message:
        return "opens a quote that never closes. Close it, or double quotes that are part of the text."
    if "field larger than" in message:
        return f"a cell is longer than {limits.field_chars:,} characters, the limit on one field. Is a quote left open?"
    if "expected after" in message:
        return f"has text after a closing quote (on line {taken}). Double the quotes that are part of the text."
    return f"is not CSV (noticed on line {taken}): {message}."


FORMAT = Format("csv", "CSV", _recognises, _read, endings=(".csv", ".tsv"))
