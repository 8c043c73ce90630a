"""From the bytes of an uploaded file to numbered lines of text: sizes, encodings and characters that no database stores
are refused here. Each limit is an error that names it; nothing is cut off silently.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from arena.strict_text import StrictTextError, check_strings, read_json
from evals.catalog.names import BadValueError
from evals.transfer.files.errors import UnreadableError

__all__ = [
    "BadLineError",
    "Limits",
    "Source",
    "check_encoding",
    "check_size",
    "check_texts",
    "parse_json",
    "size_in_words",
    "text_lines",
]


@dataclass(frozen=True)
class Limits:
    file_bytes: int = 256 * 1024 * 1024
    line_bytes: int = 16 * 1024 * 1024
    rows: int = 1_000_000
    field_chars: int = 1_000_000
    image_chars: int = 16 * 1024 * 1024  # of an image as a data: URL; 12 MiB of it
    nesting: int = 32
    unpacked_bytes: int = 1024 * 1024 * 1024  # of a file that is packed, such as Parquet, or that stands for more rows


def size_in_words(size: int) -> str:
    for unit, factor in (("MiB", 1024 * 1024), ("KiB", 1024)):
        if size >= factor:
            return f"{size / factor:g} {unit}" if size % factor == 0 else f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


_OTHER_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook"),
    (b"PAR1", "Parquet"),
    (b"\x1f\x8b", "gzip"),
)
_ENDS = re.compile(r"(?<=\r)(?!\n)")


class BadLineError(BadValueError):
    """A line after which the rest of the file cannot be read."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


@dataclass(frozen=True)
class Source:
    """A file to read: a seekable binary stream, and its name."""

    stream: BinaryIO
    name: str


def check_size(source: Source, limits: Limits) -> None:
    size = source.stream.seek(0, os.SEEK_END)
    source.stream.seek(0)
    if size == 0:
        raise UnreadableError(f"{source.name} is empty.")
    if size > limits.file_bytes:
        raise UnreadableError(
            f"{source.name} is {size_in_words(size)}; the limit on a file's size is "
            f"{size_in_words(limits.file_bytes)}. Split it."
        )


def check_encoding(source: Source) -> None:
    """Raises UnreadableError for what cannot be text in UTF-8, and says what it is."""
    source.stream.seek(0)
    head = source.stream.read(4)
    source.stream.seek(0)
    for magic, what in _OTHER_ENCODINGS:
        if head.startswith(magic):
            raise UnreadableError(f"line 1: {source.name} is {what}. Save it as CSV or JSONL in UTF-8.")


def text_lines(source: Source, limits: Limits, *, lone_cr: bool = False) -> Iterator[tuple[int, str]]:
    """Each physical line, with its ending, from the start of the file. `lone_cr`: a lone CR ends a line too.

    Raises BadLineError if a line is not UTF-8, is too long, or contains a NUL.
    """
    source.stream.seek(0)
    number, offset = 0, 0
    while raw := source.stream.readline(limits.line_bytes + 1):
        if len(raw) > limits.line_bytes:
            raise BadLineError(
                number + 1, f"is longer than {size_in_words(limits.line_bytes)}, the limit on one line's length."
            )
        start = len(codecs.BOM_UTF8) if offset == 0 and raw.startswith(codecs.BOM_UTF8) else 0
        text = _decoded(raw[start:], number + 1, offset + start)
        offset += len(raw)
        for piece in _ENDS.split(text) if lone_cr and "\r" in text else (text,):
            if piece:
                number += 1
                if "\x00" in piece:
                    raise BadLineError(number, f"contains a NUL character (at position {piece.index(chr(0)) + 1}).")
                yield number, piece


def _decoded(raw: bytes, line: int, offset: int) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadLineError(
            line,
            f"byte {error.start + 1} of the line (byte {offset + error.start + 1} of the file) is "
            f"0x{raw[error.start]:02X}, which is not UTF-8. Save the file in UTF-8.",
        ) from None


def parse_json(text: str, limits: Limits) -> Any:
    """The value, or BadValueError with a reason that reads after "line 7: …"."""
    try:
        return read_json(text, nesting=limits.nesting)
    except StrictTextError as error:
        raise BadValueError(str(error)) from None


def check_texts(value: Any, name: str, limits: Limits) -> None:
    """Every text inside must be storable and within the limit of a field."""
    if type(value) is str and len(value) <= limits.field_chars and value.isascii() and "\x00" not in value:
        return
    try:
        check_strings(value, name, longest=limits.field_chars, longest_image=limits.image_chars)
    except StrictTextError as error:
        raise BadValueError(str(error)) from None
