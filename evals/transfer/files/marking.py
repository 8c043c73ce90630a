"""A file's rows once more, with what is wrong beside each: to be mended and imported again.

All rows are in it, so that the mended file is the whole, and rows without an id keep their number. The column of
reasons is not read by imports.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from evals.transfer.files.errors import BadRowsError, Problems, UnreadableError
from evals.transfer.files.layout import ERROR_COLUMN, Layout
from evals.transfer.files.text import Source
from evals.transfer.files.writing import write_rows, write_stream
from evals.transfer.formats import format_of

__all__ = ["MOST_MARKED", "marked_ending", "write_marked"]

# Of more there is hardly one to mend by hand.
MOST_MARKED = 100_000
_MOST_COLUMNS = 2_000
_REASON_CHARS = 1_000


def marked_ending(source: Source, layout: Layout) -> str:
    """Of the marked file's name: JSONL stays JSONL, everything else becomes CSV."""
    return ".jsonl" if format_of(source, layout).name == "jsonl" else ".csv"


def write_marked(to: Path | TextIO, source: Source, layout: Layout, refused: BadRowsError, *, ending: str = "") -> int:
    """To a path, whose ending decides the format, or a stream, for which `ending` does. Returns how many rows are
    marked. Raises UnreadableError where some rows cannot be in it, and ExportError."""
    if refused.cut_off:
        raise UnreadableError(
            "Rows after the last error cannot be read, so a file with all rows cannot be made. Mend that place first."
        )
    if refused.total > MOST_MARKED:
        raise UnreadableError(
            f"{refused.total:,} rows are wrong; up to {MOST_MARKED:,} are marked. Is a column mapped wrongly?"
        )
    reasons: dict[int, str] = {}
    for error in refused.errors:
        before = reasons.get(error.line)
        reasons[error.line] = (f"{before} {error.reason}" if before else error.reason)[:_REASON_CHARS]
    columns = [ERROR_COLUMN, *_columns(source, layout)]
    rows = ({ERROR_COLUMN: reasons.get(place)} | values for place, values in _all_rows(source, layout))
    write_stream(to, ending, columns, rows) if not isinstance(to, Path) else write_rows(to, columns, rows)
    return len(reasons)


def _columns(source: Source, layout: Layout) -> list[str]:
    names: dict[str, None] = {}
    for _, values in _all_rows(source, layout):
        names.update(dict.fromkeys(values))
        if len(names) > _MOST_COLUMNS:
            raise UnreadableError(f"The rows have more than {_MOST_COLUMNS:,} different fields: they cannot be marked.")
    return [name for name in names if name != ERROR_COLUMN]


def _all_rows(source: Source, layout: Layout) -> Iterator[tuple[int, dict[str, Any]]]:
    """Those that can be read and those that cannot, in the file's order."""
    problems = Problems(unread=[])
    for place, values in format_of(source, layout).read(source, layout, problems):
        yield from problems.take_unread()
        yield place, {name: value for name, value in values.items() if name != ERROR_COLUMN}
    yield from problems.take_unread()
