"""Writes rows to a CSV or JSONL file, which appears once it is complete."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, TextIO, cast

from evals.transfer.formats.delimited import NEUTRALISED, neutralised_names

__all__ = ["ExportError", "row_lines", "whole_file", "write_csv", "write_rows", "write_stream"]

# Characters that make a spreadsheet run a cell as a formula. The second four are their full-width forms.
_FORMULA = tuple("=+-@＝＋－＠")
_BLANKS = ("\t", "\r", "\n")


class ExportError(ValueError):
    """Nothing was written; the message says what to do instead."""


def write_rows(path: str | Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> int:
    """Returns how many rows were written. The suffix decides the format; values of None are left empty.

    In CSV a cell that a spreadsheet would run as a formula gets a leading apostrophe, and the column
    `arena_neutralised` names these cells, so that importing removes it again.
    """
    path = Path(path)
    if path.suffix.lower() not in _WRITERS:
        raise ExportError(f"{path.name}: end the file's name in .csv or .jsonl, which decides the format.")
    try:
        with whole_file(path, "w", encoding="utf-8", newline="") as stream:
            return write_stream(cast(TextIO, stream), path.suffix.lower(), columns, rows)
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror or error}.") from error


def write_stream(stream: TextIO, ending: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> int:
    """As `write_rows`, to a stream that translates no line ends; `ending` is .csv or .jsonl."""
    return _WRITERS[ending](stream, columns, rows)


def row_lines(ending: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """As `write_stream`, in pieces of a row each, for an answer that is sent while the rows are read."""
    write = _WRITERS[ending]
    piece = io.StringIO(newline="")
    if ending == ".csv":
        # The header alone.
        write(piece, columns, ())
        yield piece.getvalue()
    header = len(piece.getvalue())
    for row in rows:
        piece = io.StringIO(newline="")
        write(piece, columns, (row,))
        yield piece.getvalue()[header:]


@contextmanager
def whole_file(path: Path, mode: str, *, encoding: str | None = None, newline: str | None = None) -> Iterator[IO[Any]]:
    """To write to; it appears under its name once it is complete, or not at all."""
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, mode, encoding=encoding, newline=newline) as stream:
            yield stream
        Path(partial).chmod(0o644)
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


def write_csv(stream: TextIO, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> int:
    writer = csv.writer(stream)
    writer.writerow([*columns, NEUTRALISED])
    count = 0
    for row in rows:
        cells = {name: _cell(row.get(name)) for name in columns}
        formulas = [name for name in columns if isinstance(row.get(name), str) and _is_formula(cells[name])]
        for name in formulas:
            cells[name] = f"'{cells[name]}"
        writer.writerow([*cells.values(), neutralised_names(formulas)])
        count += 1
    return count


def _jsonl(stream: TextIO, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> int:
    count = 0
    for row in rows:
        kept = {name: row[name] for name in columns if row.get(name) is not None}
        stream.write(json.dumps(kept, ensure_ascii=False, default=_number) + "\n")
        count += 1
    return count


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    return json.dumps(value, ensure_ascii=False)


def _is_formula(cell: str) -> bool:
    return cell.startswith(_BLANKS) or cell.lstrip().startswith(_FORMULA)


def _number(value: Any) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{value!r} cannot be exported.")


_WRITERS = {".csv": write_csv, ".jsonl": _jsonl, ".ndjson": _jsonl}
