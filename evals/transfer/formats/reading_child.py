"""The child process of `evals.transfer.formats.apart`: reads one Parquet file or workbook and writes its rows to
standard output, a JSON list on each line.

    ["names", ["id", …]]   the file's columns, before its rows
    ["row", 2, {…}]        a row: its place, and its values
    ["bad", 3, "why", {…}] a row that cannot be read, as far as it can
    ["note", "text"]       about the file as a whole
    ["refused", "reason"]  the file cannot be read, or no further
    ["end"]                that was all: without it, this process has died

Run by path in an isolated interpreter under a limit on its memory: imports nothing of Arena's, and reaches nothing but
the file, whose descriptor it was given, and its own pipe.
"""

from __future__ import annotations

import base64
import json
import math
import resource
import sys
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

# Rows decoded at a time: a value that stands in a file once may be meant by every row.
_BATCH = 256
_MOST_COLUMNS = 2_000
# Spreadsheets keep 15 digits of a number.
_EXACT = 10**15
_IMAGES = ((b"\x89PNG", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF8", "gif"), (b"RIFF", "webp"))


class RefusedError(Exception):
    """The file cannot be read; the message says why, after the file's name."""


def parquet(fd: int) -> Iterator[list[Any]]:
    # Neither is loaded for the other's files.
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    row = 0
    try:
        file = pq.ParquetFile(f"/dev/fd/{fd}", pre_buffer=False)
        names = file.schema_arrow.names
        check_names(names)
        yield ["names", names]
        for batch in file.iter_batches(batch_size=_BATCH, use_threads=False):
            values = pa.Table.from_batches([batch]).cast(without_nanoseconds(pa, batch.schema), safe=False).to_pylist()
            for one in values:
                row += 1
                yield from told(row, one)
            del values
    except pa.ArrowMemoryError as error:
        raise MemoryError from error
    except (pa.ArrowException, OSError, ValueError) as error:
        where = f" after row {row}" if row else ""
        raise RefusedError(f"is not a Parquet file that can be read{where}: {first_line(error)}") from error


def without_nanoseconds(pa: Any, schema: Any) -> Any:
    """Python's times have microseconds."""
    for n, column in enumerate(schema):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            schema = schema.set(n, pa.field(column.name, pa.timestamp("us", column.type.tz)))
    return schema


def workbook(fd: int, sheet: str) -> Iterator[list[Any]]:
    import python_calamine as calamine  # noqa: PLC0415

    try:
        with open(f"/dev/fd/{fd}", "rb") as stream:  # noqa: PTH123 (a descriptor, not a path)
            book = calamine.CalamineWorkbook.from_filelike(stream)
            name, others = chosen(book, calamine, sheet)
            if others:
                listed = ", ".join(f"“{one[:40]}”" for one in others[:10])
                yield ["note", f"Read the sheet “{name[:40]}”. The workbook also has {listed}: choose one by its name."]
            page = book.get_sheet_by_name(name)
            header: list[str] = []
            # The empty rows before the first are among them.
            for place, cells in enumerate(page.iter_rows(), start=1):
                if not any(cell != "" for cell in cells):
                    continue
                if not header:
                    header = [str(plain(cell)).strip() for cell in cells]
                    check_names([one for one in header if one])
                    yield ["names", [one for one in header if one]]
                    continue
                yield from sheet_row(place, header, cells)
    except calamine.PasswordError as error:
        raise RefusedError("is protected by a password. Save it without one") from error
    except calamine.CalamineError as error:
        raise RefusedError(f"is not a workbook that can be read: {first_line(error)}") from error


def chosen(book: Any, calamine: Any, sheet: str) -> tuple[str, list[str]]:
    """The name of the sheet to read, and if none was asked for, those of the others that are shown."""
    kinds = calamine.SheetTypeEnum.WorkSheet
    sheets = [one.name for one in book.sheets_metadata if one.typ == kinds]
    if sheet:
        if sheet not in sheets:
            listed = ", ".join(f"“{one[:40]}”" for one in sheets[:20])
            raise RefusedError(f"has no sheet “{sheet[:40]}”. There are: {listed}")
        return sheet, []
    shown = [
        one.name
        for one in book.sheets_metadata
        if one.typ == kinds and one.visible == calamine.SheetVisibleEnum.Visible
    ]
    if not sheets:
        raise RefusedError("has no sheet with cells")
    name = (shown or sheets)[0]
    return name, [one for one in shown if one != name]


def sheet_row(place: int, header: list[str], cells: list[Any]) -> Iterator[list[Any]]:
    for n, cell in enumerate(cells):
        if cell != "" and (n >= len(header) or not header[n]):
            known = {header[m] if m < len(header) else "": one for m, one in enumerate(cells) if m != n}
            known[f"arena_cell_{n + 1}"] = cell
            kept = {name: text_of_any(one) for name, one in known.items() if name}
            yield ["bad", place, f"has a value in column {letters(n)}, which has no name in the header.", kept]
            return
    yield from told(place, {name: cell for name, cell in zip(header, cells, strict=False) if name})


def letters(n: int) -> str:
    """Of a column, as spreadsheets name it."""
    text = ""
    n += 1
    while n:
        n, rest = divmod(n - 1, 26)
        text = chr(65 + rest) + text
    return text


def told(place: int, values: dict[str, Any]) -> Iterator[list[Any]]:
    try:
        yield ["row", place, {name: plain(value) for name, value in values.items()}]
    except ValueError as error:
        yield ["bad", place, str(error), {name: text_of_any(value) for name, value in values.items()}]


def check_names(names: list[str]) -> None:
    if len(names) > _MOST_COLUMNS:
        raise RefusedError(f"has {len(names):,} columns; the limit is {_MOST_COLUMNS:,}")
    if not names:
        raise RefusedError("has no columns with a name")
    seen = set()
    for name in names:
        if name in seen:
            raise RefusedError(f"has the column “{name[:80]}” twice. Rename one")
        seen.add(name)


def plain(value: Any) -> Any:
    """As JSON has it: what both kinds of files have besides is text in its usual form."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() and abs(value) < _EXACT else value
    if isinstance(value, dict):
        if set(value) == {"bytes", "path"} and isinstance(value["bytes"], bytes):
            return image(value["bytes"])
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, datetime):
        at_midnight = value.tzinfo is None and value.time() == time()
        return (value.date() if at_midnight else value).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal | timedelta):
        return str(value)
    if isinstance(value, bytes):
        return text_of(value)
    raise ValueError(f"holds a value of a kind that is not read: {type(value).__name__}.")


def image(data: bytes) -> str:
    """An image as data sets hold one, as a data: URL."""
    kind = next((kind for magic, kind in _IMAGES if data.startswith(magic)), None)
    if kind is None:
        raise ValueError("holds bytes that are not a PNG, JPEG, GIF or WebP image.")
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def text_of(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError("holds bytes that are not text.") from None


def text_of_any(value: Any) -> Any:
    try:
        return plain(value)
    except ValueError:
        return ""


def first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200].rstrip(".")


def main(kind: str, fd: str, memory: str, sheet: str) -> None:
    # Linux counts what the process writes to; elsewhere the limits on rows and bytes of what is read stand alone.
    resource.setrlimit(resource.RLIMIT_DATA, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    write = sys.stdout.write
    try:
        for one in parquet(int(fd)) if kind == "parquet" else workbook(int(fd), sheet):
            write(json.dumps(one) + "\n")
        write('["end"]\n')
    except MemoryError:
        raise
    except Exception as error:  # what a reader makes of a hostile file cannot be listed
        told = error if isinstance(error, RefusedError) else f"cannot be read: {first_line(error)}"
        write(json.dumps(["refused", str(told)]) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
