"""Reads binary files in a process of their own.

A few hundred bytes of Parquet or of a workbook may stand for gigabytes, and their readers are written in C++ and Rust:
what they take for a hostile file cannot be foreseen, and an end of theirs would be the end of a web process. So a child
reads, under a limit on its memory, and sends row after row; it is ended once nobody asks for more. What arrives is
counted here. The libraries are not loaded in this process at all.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evals.transfer.files.errors import Problems, UnreadableError
from evals.transfer.files.layout import Layout
from evals.transfer.files.text import Source, size_in_words
from evals.transfer.formats.frame import Values

__all__ = ["MEMORY", "read_apart"]

MEMORY = 1 << 30
_CHILD = Path(__file__).with_name("reading_child.py")
# One thread, and memory that goes back: the limit is on all of it.
_ENV = {"ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


def read_apart(kind: str, source: Source, layout: Layout, problems: Problems, *, sheet: str = "") -> Iterator[Values]:
    """`kind` is parquet or workbook. Raises UnreadableError."""
    with _descriptor(source) as fd, _child(kind, fd, sheet) as child:
        yield from _rows(child, source, layout, problems)


def _rows(child: subprocess.Popen[bytes], source: Source, layout: Layout, problems: Problems) -> Iterator[Values]:
    assert child.stdout is not None
    limits = layout.limits
    longest = 2 * limits.line_bytes
    received = 0
    while line := child.stdout.readline(longest + 1):
        received += len(line)
        if len(line) > longest:
            raise UnreadableError(f"{source.name} has a row of more than {size_in_words(longest)}, the limit on one.")
        if received > limits.unpacked_bytes:
            raise UnreadableError(
                f"{source.name} holds more than {size_in_words(limits.unpacked_bytes)} once it is unpacked, the limit "
                "on that. Split it, or leave columns out."
            )
        kind, *told = json.loads(line)
        if kind == "row":
            yield told[0], told[1]
        elif kind == "bad":
            problems.add(told[0], told[1], unread=told[2])
        elif kind == "note":
            problems.notice(0, told[0])
        elif kind == "names":
            layout.check_wanted(set(told[0]), "the file has no column")
        elif kind == "refused":
            raise UnreadableError(f"{source.name} {told[0]}.")
        else:
            return
    raise UnreadableError(
        f"{source.name} cannot be read: its reader ended, probably because it needs more than {size_in_words(MEMORY)} "
        "of memory. Save it as CSV or JSONL."
    )


@contextmanager
def _child(kind: str, fd: int, sheet: str) -> Iterator[subprocess.Popen[bytes]]:
    # No environment of ours: it needs no secrets. Its own session: the parent handles Ctrl-C.
    child = subprocess.Popen(  # noqa: S603 (our own file, our own interpreter)
        [sys.executable, "-I", str(_CHILD), kind, str(fd), str(MEMORY), sheet],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=[fd],
        env=_ENV,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


@contextmanager
def _descriptor(source: Source) -> Iterator[int]:
    """Of the file itself, or of a copy on disk if it is only in memory."""
    source.stream.seek(0)
    try:
        fd = source.stream.fileno()
    except (OSError, AttributeError):
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(source.stream, copy)
            copy.flush()
            yield copy.fileno()
        return
    yield fd
