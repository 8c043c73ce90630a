"""What every format of files has: a name, how it is known by its content, and a reader of its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from evals.catalog.names import BadValueError
from evals.transfer.files.errors import Problems
from evals.transfer.files.layout import Layout
from evals.transfer.files.text import BadLineError, Limits, Source, parse_json, text_lines

__all__ = ["Format", "Head", "Reader", "Values"]

Values = tuple[int, dict[str, Any]]
Reader = Callable[[Source, Layout, Problems], Iterator[Values]]

_HEAD_BYTES = 1 << 16


class Head:
    """The beginning of a file, by which formats know their own. Nothing here raises: what cannot be read is empty."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self._source, self._limits = source, limits
        source.stream.seek(0)
        self.start = source.stream.read(_HEAD_BYTES)

    @cached_property
    def text(self) -> str:
        """The first 64 KiB, as far as they are UTF-8."""
        return self.start.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="ignore")

    @cached_property
    def first(self) -> tuple[int, str]:
        """The first line that is not blank, however long, and its number: 0 if there is none."""
        try:
            return next(((n, text) for n, text in text_lines(self._source, self._limits) if text.strip()), (0, ""))
        except BadLineError as error:
            return error.line, ""

    @cached_property
    def row(self) -> dict[str, Any]:
        """That line's object, where the file has one JSON object on each line."""
        if not self.first[1].lstrip().startswith("{"):
            return {}
        try:
            value = parse_json(self.first[1], self._limits)
        except BadValueError:
            return {}
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True)
class Format:
    """`read` yields each row's place and its values under Arena's names of fields, in the file's order, from the start
    of the file each time it is called. Errors in a row go to Problems and reading goes on if it can; BadLineError ends
    it; UnreadableError is about the file as a whole. What is left out of a row, and why, is a notice in Problems.

    Each value is checked after it was yielded: texts that are too long, or that cannot be stored, are refused there.
    """

    name: str
    title: str
    recognises: Callable[[Head], bool]
    read: Reader
    # Of names of such files, for file pickers.
    endings: tuple[str, ...]
    # What the places count.
    place: str = "line"
    # Read by imports of task sets only.
    tasks: bool = False
    # Rows are requests as they were made: equal ones are one task, which says how often.
    requests: bool = False
    # Not text in UTF-8.
    binary: bool = False
