"""Decodes server-sent events as the WHATWG standard does, with limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evals.collection.providers.errors import InvalidReply, TooLarge

__all__ = ["Decoder", "Event"]


@dataclass(frozen=True)
class Event:
    name: str
    data: str


class Decoder:
    """Takes chunks as they arrive and returns events as they are complete.

    Lines end with LF, CRLF or CR. Bytes are decoded a whole line at a time, so a chunk may end inside a character.
    More lenient than the standard in two points: an event still open at the end counts (`close`), and a field
    called `error`, which llama.cpp has sent, is an event of that name.
    """

    def __init__(self, *, line_bytes: int) -> None:
        self._line_bytes = line_bytes
        self._buffer = bytearray()
        self._skip_lf = False
        self._first = True
        self._name = ""
        self._data: list[str] = []
        self._data_bytes = 0

    def feed(self, chunk: bytes) -> Iterator[Event]:
        for line in self._lines(chunk):
            event = self._take(line)
            if event is not None:
                yield event

    def close(self) -> Iterator[Event]:
        """The end of the stream: an event that was not yet closed by an empty line."""
        if self._buffer:
            line, self._buffer = bytes(self._buffer), bytearray()
            event = self._take(line)
            if event is not None:
                yield event
        event = self._take(b"")
        if event is not None:
            yield event

    def _lines(self, chunk: bytes) -> Iterator[bytes]:
        if self._skip_lf and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._skip_lf = False
        self._buffer += chunk
        if b"\n" not in chunk and b"\r" not in chunk:
            # Nothing to split: a line that spans many chunks is copied once, when it ends.
            self._check(len(self._buffer))
            return
        parts = bytes(self._buffer).splitlines(keepends=True)
        self._buffer = bytearray(b"" if parts[-1].endswith((b"\n", b"\r")) else parts.pop())
        self._check(len(self._buffer))
        for part in parts:
            self._check(len(part))
            yield part.rstrip(b"\r\n")
        # The LF of this CR may come with the next chunk.
        self._skip_lf = not self._buffer and parts[-1].endswith(b"\r")

    def _check(self, length: int) -> None:
        if length > self._line_bytes:
            raise TooLarge(f"one line or event of the stream is longer than {self._line_bytes:,} bytes")

    def _take(self, raw: bytes) -> Event | None:
        if self._first:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
            self._first = False
        if not raw:
            return self._dispatch()
        if raw.startswith(b":"):
            return None
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidReply("the stream is not UTF-8") from None
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._append(value)
        elif field == "event":
            self._name = value
        elif field == "error":
            self._name = "error"
            self._append(value)
        return None

    def _append(self, value: str) -> None:
        self._data_bytes += len(value)
        self._check(self._data_bytes)
        self._data.append(value)

    def _dispatch(self) -> Event | None:
        event = Event(self._name, "\n".join(self._data)) if self._data else None
        self._name, self._data, self._data_bytes = "", [], 0
        return event
