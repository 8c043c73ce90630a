"""The bytes of a reply as documents, whatever its headers call it: server-sent events, JSON lines, or one document.

Servers label event streams as JSON or as bytes, and compress what nobody asked them to compress, so the bytes decide.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from typing import Any

from evals.collection.providers.errors import InvalidReply, TooLarge
from evals.collection.providers.sse import Decoder, Event
from evals.collection.providers.wire import Limits

__all__ = ["Frames", "document"]

_GZIP = b"\x1f\x8b"


class Frames:
    """Takes chunks as they arrive and returns events as they are complete; `close` returns what the end completes."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._bytes = 0
        self._unzip: Any = None
        self._first = b""
        self._events: Decoder | None = None
        self._lines: bytearray | None = None
        self._has_lines = self._is_one = False

    def feed(self, chunk: bytes) -> Iterator[Event]:
        plain = self._plain(chunk)
        self._bytes += len(plain)
        if self._bytes > self._limits.body_bytes:
            raise TooLarge(f"the reply is longer than {self._limits.body_bytes:,} bytes", status_code=200)
        if self._events is not None:
            yield from self._events.feed(plain)
        elif self._lines is not None:
            yield from self._split(plain)
        else:
            yield from self._begin(plain)

    def close(self) -> Iterator[Event]:
        if self._events is not None:
            yield from self._events.close()
        rest = bytes(self._lines or self._first).strip()
        if rest:
            yield Event("", rest.decode("utf-8", "replace"))

    def _plain(self, chunk: bytes) -> bytes:
        if not self._bytes and not self._first and self._unzip is None and chunk[:2] == _GZIP:
            self._unzip = zlib.decompressobj(wbits=31)
        if self._unzip is None:
            return chunk
        try:
            # A bomb ends at the limit: never more than one byte beyond it is unpacked.
            plain: bytes = self._unzip.decompress(chunk, self._limits.body_bytes - self._bytes + 1)
        except zlib.error as error:
            raise InvalidReply(f"the reply is compressed, and broken: {error}", status_code=200) from None
        return plain

    def _begin(self, plain: bytes) -> Iterator[Event]:
        self._first += plain
        seen = self._first.removeprefix(b"\xef\xbb\xbf").lstrip()
        if not seen:
            return
        first, self._first = self._first, b""
        if seen[:1] in b"{[":
            self._lines = bytearray()
            yield from self._split(seen)
        else:
            self._events = Decoder(line_bytes=self._limits.line_bytes)
            yield from self._events.feed(first)

    def _split(self, plain: bytes) -> Iterator[Event]:
        """Lines that are documents of their own are events; anything else is part of one document."""
        assert self._lines is not None
        self._lines += plain
        if self._is_one or b"\n" not in plain:
            return
        *lines, rest = bytes(self._lines).split(b"\n")
        for line in lines:
            if not line.strip():
                continue
            if not self._has_lines and not _is_document(line):
                self._is_one = True
                return
            self._has_lines = True
            yield Event("", line.decode("utf-8", "replace"))
        self._lines = bytearray(rest)
        if len(rest) > self._limits.line_bytes:
            raise TooLarge(f"one line of the stream is longer than {self._limits.line_bytes:,} bytes", status_code=200)


def _is_document(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def document(event: Event) -> dict[str, Any]:
    """Raises InvalidReply for anything but a JSON object."""
    try:
        found: Any = json.loads(event.data)
    except (ValueError, RecursionError):
        raise InvalidReply(f"not JSON: {event.data[:120]}", status_code=200) from None
    if not isinstance(found, dict):
        raise InvalidReply(f"expected a JSON object, got {type(found).__name__}", status_code=200)
    return found
