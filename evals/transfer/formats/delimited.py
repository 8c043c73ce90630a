"""CSV with a header: cells between commas, semicolons or tabs."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import Any

from evals.transfer.files.errors import Problems, UnreadableError
from evals.transfer.files.layout import Layout
from evals.transfer.files.text import Limits, Source, text_lines
from evals.transfer.formats.frame import Format, Head, Values

__all__ = ["FORMAT", "NEUTRALISED"]

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
        problems.add(begins, _reason(str(error), begins, taken, layout.limits))


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
    layout.check_wanted(set(named), "the header has no column")
    return names


def _cells(header: list[str], cells: list[str]) -> dict[str, Any]:
    """By name. Columns without a name (an index, or trailing commas) are dropped."""
    values = {name: cell for name, cell in zip(header, cells, strict=True) if name}
    quoted = values.pop(NEUTRALISED, "").split()
    for name in quoted:
        if values.get(name, "").startswith("'"):
            values[name] = values[name][1:]
    return values


def _reason(message: str, begins: int, taken: int, limits: Limits) -> str:
    if "unexpected end of data" in message:
        return "opens a quote that never closes. Close it, or double quotes that are part of the text."
    if "field larger than" in message:
        return f"a cell is longer than {limits.field_chars:,} characters, the limit on one field. Is a quote left open?"
    if "expected after" in message:
        return f"has text after a closing quote (on line {taken}). Double the quotes that are part of the text."
    return f"is not CSV (noticed on line {taken}): {message}."


FORMAT = Format("csv", "CSV", _recognises, _read, endings=(".csv", ".tsv"))
