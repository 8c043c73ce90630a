"""Records of a log: JSON objects, one a line or in one JSON list, in bounded memory."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any

from evals.catalog.names import BadValueError
from evals.transfer.files.errors import Problems
from evals.transfer.files.layout import Layout
from evals.transfer.files.text import BadLineError, Limits, Source, parse_json, size_in_words, text_lines
from evals.transfer.formats import delimited
from evals.transfer.formats.frame import Head, Values

__all__ = ["csv_header", "found_at", "in_json", "json_records", "parsed", "table_records"]

_CHUNK = 1 << 16
_OUTSIDE = re.compile(r'["{}\[\]]')
_INSIDE = re.compile(r'["\\]')
_BETWEEN = re.compile(r"[\s,]*")


def json_records(source: Source, layout: Layout, problems: Problems) -> Iterator[Values]:
    """Objects of a JSONL file with their lines; else those of one JSON list, or one after the other, each with its
    number, which `problems` then counts in. What is not a JSON object is a problem."""
    pieces: Iterator[tuple[int, str]]
    if _is_json_lines(source, layout.limits):
        pieces = ((line, text) for line, text in text_lines(source, layout.limits) if text.strip())
    else:
        problems.place = "record"
        pieces = _elements(source, layout.limits)
    for place, text in pieces:
        try:
            value = parse_json(text, layout.limits)
        except BadValueError as error:
            problems.add(place, str(error))
            continue
        if isinstance(value, dict):
            yield place, value
        else:
            problems.add(place, "is not a JSON object.")


def table_records(source: Source, layout: Layout, problems: Problems) -> Iterator[Values]:
    """Rows of a CSV export. Mapped names are paths inside its cells, so the header need not have them."""
    plain = Layout(layout.fields, limits=layout.limits, tasks=layout.tasks)
    return delimited.FORMAT.read(source, plain, problems)


def csv_header(head: Head) -> set[str]:
    """The names in the header of a CSV file; empty for JSON."""
    first = head.first[1].strip()
    return set() if first.startswith(("{", "[")) else {name.strip().strip('"') for name in re.split(r"[,;\t]", first)}


def in_json(head: Head, *names: str) -> bool:
    """Whether the file is JSON, and each of `names` is a key near its beginning."""
    return head.text.lstrip().startswith(("{", "[")) and all(f'"{name}"' in head.text for name in names)


def parsed(value: Any, limits: Limits) -> Any:
    """JSON written in a text, as cells and some exports hold it; any other text as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return parse_json(value, limits)
        except BadValueError:
            return value
    return value


def found_at(record: Any, path: str, limits: Limits) -> Any:
    """What a path such as `metadata.team` or `tags.0` leads to; None if nothing. A key with dots in it is found too."""
    if isinstance(record, str):
        record = parsed(record, limits)
    if isinstance(record, dict):
        if path in record:
            return record[path]
        for at, char in enumerate(path):
            if char == "." and path[:at] in record:
                found = found_at(record[path[:at]], path[at + 1 :], limits)
                if found is not None:
                    return found
    if isinstance(record, list):
        name, _, rest = path.partition(".")
        if name.isascii() and name.isdigit() and len(name) < 7 and int(name) < len(record):
            return found_at(record[int(name)], rest, limits) if rest else record[int(name)]
    return None


def _is_json_lines(source: Source, limits: Limits) -> bool:
    """A list that ends somewhere further down, or an object over several lines, is no JSONL."""
    try:
        first = next((text.strip() for _, text in text_lines(source, limits) if text.strip()), "")
    except BadLineError:
        return False
    return first.startswith("{") and first.endswith("}")


def _elements(source: Source, limits: Limits) -> Iterator[tuple[int, str]]:
    """The texts of the elements of a list, or of values one after the other, numbered. Raises BadLineError."""
    splitter = _Splitter(limits)
    decoder = codecs.getincrementaldecoder("utf-8")()
    source.stream.seek(0)
    while raw := source.stream.read(_CHUNK):
        yield from splitter.split(_decoded(decoder, raw, splitter.number))
    yield from splitter.split(_decoded(decoder, b"", splitter.number, final=True))
    splitter.end()


def _decoded(decoder: codecs.IncrementalDecoder, raw: bytes, number: int, *, final: bool = False) -> str:
    try:
        return decoder.decode(raw, final)
    except UnicodeDecodeError:
        raise BadLineError(number + 1, "is not UTF-8. Save the file in UTF-8.") from None


class _Splitter:
    """Finds where elements begin and end by their brackets alone, over chunks that end anywhere; each is parsed by
    whoever takes it."""

    def __init__(self, limits: Limits) -> None:
        self.number = 0
        self._limits = limits
        self._depth = self._base = 0
        self._in_string = self._escaped = self._begun = False
        self._held: list[str] = []
        self._size = 0

    def split(self, chunk: str) -> Iterator[tuple[int, str]]:
        chunk = chunk if self._begun else chunk.lstrip("\ufeff")
        at = start = 0
        if self._escaped and chunk:
            self._escaped, at = False, 1
        while (found := (_INSIDE if self._in_string else _OUTSIDE).search(chunk, at)) is not None:
            at = found.end()
            if found[0] == "\\":
                self._escaped = at == len(chunk)
                at += 1
            elif found[0] == '"':
                self._in_string = not self._in_string
            elif found[0] in "{[":
                start = self._opened(chunk, start, at, found[0])
            else:
                self._depth -= 1
                if self._depth == self._base:
                    self.number += 1
                    yield self.number, self._taken(chunk[start:at])
                    start = at
                elif self._depth < self._base:
                    # A list ends; where none is open, its bracket is shown as what does not belong there.
                    self._check_between(self._taken(chunk[start : at - self._base]))
                    self._depth = self._base = 0
                    start = at
        self._held.append(chunk[start:])
        self._size += len(chunk) - start
        if self._size > self._limits.line_bytes:
            limit = size_in_words(self._limits.line_bytes)
            raise BadLineError(self.number + 1, f"is longer than {limit}, the limit on one record's length.")

    def end(self) -> None:
        if self._depth or self._in_string:
            raise BadLineError(self.number + 1, "is cut off: the file ends before its JSON does.")
        self._check_between(self._taken(""))

    def _opened(self, chunk: str, start: int, at: int, sign: str) -> int:
        """Where the text of the element begins that this bracket belongs to. The first bracket of a list is of none."""
        if not self._begun and sign == "[":
            self._base = 1
            self._check_between(self._taken(chunk[start : at - 1]))
            start = at
        elif self._depth == self._base:
            self._check_between(self._taken(chunk[start : at - 1]))
            start = at - 1
        self._begun = True
        self._depth += 1
        return start

    def _taken(self, more: str) -> str:
        text = "".join([*self._held, more])
        self._held, self._size = [], 0
        return text

    def _check_between(self, text: str) -> None:
        if _BETWEEN.fullmatch(text) is None:
            raise BadLineError(self.number + 1, f"is not a JSON object: “{text.strip(' ,')[:40]}”.")
