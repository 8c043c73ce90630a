"""Rows of a file in any format, each with its place in the file, under the names that `--map` gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.catalog.names import BadValueError
from evals.transfer.files.errors import Problems, UnreadableError
from evals.transfer.files.layout import ERROR_COLUMN, EXTRA_CELL, UNREAD_TEXT, Layout
from evals.transfer.files.text import BadLineError, Source, check_size, check_texts
from evals.transfer.formats import format_of

__all__ = ["Layout", "Row", "open_source", "parse_pairs", "read_rows"]

_KEPT, _SHORT = 5_000, 60


@dataclass(frozen=True)
class Row:
    """`line` is its place in the file, in the format's own count. `fields` are those the import knows, under Arena's
    names; `extra` is the rest, under the file's own names."""

    line: int
    fields: dict[str, Any]
    extra: dict[str, Any]


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
        chosen = format_of(source, layout)
        problems.place = chosen.place
        rows = 0
        before = problems.total
        # Names and short texts that were checked: in most files they come again and again.
        names: set[str] = set()
        texts: set[str] = set()
        columns = [(name, layout.column(name)) for name in layout.fields]
        used = {column for _, column in columns}
        for line, values in chosen.read(source, layout, problems):
            rows += 1
            if rows > layout.limits.rows:
                reason = f"is row {rows:,}; the limit on rows is {layout.limits.rows:,}. Split the file."
                problems.add(line, reason, cut_off=True)
                return
            try:
                _remove_marks(values)
                for name, value in values.items():
                    if name not in names:
                        check_texts(name, "a column's name", layout.limits)
                        if len(names) < _KEPT:
                            names.add(name)
                    if type(value) is str:
                        if value in texts:
                            continue
                        if len(value) <= _SHORT and len(texts) < _KEPT:
                            check_texts(value, name, layout.limits)
                            texts.add(value)
                            continue
                    check_texts(value, name, layout.limits)
            except BadValueError as error:
                problems.add(line, str(error))
                continue
            yield _mapped(line, values, columns, used)
    except BadLineError as error:
        problems.add(error.line, str(error), cut_off=True)
        return
    if not rows and problems.total == before:
        raise UnreadableError(f"{source.name} has no rows.")


def _remove_marks(values: dict[str, Any]) -> None:
    """Of a marked file that was mended; BadValueError if this row was not."""
    values.pop(ERROR_COLUMN, None)
    if values.get(UNREAD_TEXT):
        raise BadValueError(f"still has {UNREAD_TEXT}. Write its fields instead.")
    values.pop(UNREAD_TEXT, None)
    for name in [name for name in values if name.startswith(EXTRA_CELL)]:
        if values.pop(name):
            raise BadValueError(f"still has a cell too many, in {name}. Move it where it belongs, or empty it.")


def _mapped(line: int, values: dict[str, Any], columns: list[tuple[str, str]], used: set[str]) -> Row:
    """`columns`: each field of the import with the file's column for it."""
    fields = {name: values[column] for name, column in columns if column in values}
    extra = {} if values.keys() <= used else {name: value for name, value in values.items() if name not in used}
    return Row(line, fields, extra)


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
