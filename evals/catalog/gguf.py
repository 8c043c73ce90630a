"""Model files (GGUF) on this machine: which of them contenders may name.

A path comes from a page or a file, so it leads only to files inside the folders that `ARENA_GGUF_DIRS` lists: without
`..`, and not out of a folder by a symbolic link.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from django.conf import settings

from evals.catalog.names import is_readable

__all__ = ["GgufError", "check_name", "find", "names"]

_ENDING = ".gguf"
_MAGIC = b"GGUF"
# Folders are listed for people to choose from: a few levels, and no more entries than anybody looks through.
_LEVELS = 4
_MOST_ENTRIES = 2000
_HOW = "ARENA_GGUF_DIRS (an environment variable, commas between several; it is read at the start)"


class GgufError(Exception):
    """No such file, or none that may be opened; the message says what to do. `refused`: it lies elsewhere."""

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


def check_name(name: str) -> None:
    """Raises GgufError unless `name` can be the path of a model file. The file itself may be on another machine."""
    path = PurePosixPath(name)
    if not name.lower().endswith(_ENDING) or "\0" in name:
        raise GgufError(f"Write the path of a {_ENDING} file in one of the folders that {_HOW} lists.")
    if ".." in path.parts:
        raise GgufError("Leave .. out of the path.", refused=True)


def find(name: str) -> Path:
    """The file that `name` means: a path within one of the folders, or an absolute one that leads into one of them.
    Free of symbolic links."""
    check_name(name)
    outside = False
    for folder in _folders():
        found = Path(os.path.realpath(folder / name))
        if not found.is_relative_to(folder):
            outside = True
        elif _is_file(found, name):
            _check_content(found, name)
            return found
    if outside:
        raise GgufError(f"{name} is outside the folders that may be read: add its folder to {_HOW}", refused=True)
    listed = ", ".join(map(str, settings.ARENA_GGUF_DIRS))
    if not listed:
        raise GgufError(f"no folder with model files is allowed: name one in {_HOW}", refused=True)
    raise GgufError(f"there is no file {name} in {listed} on this machine")


def names() -> list[str]:
    """The files that there are to choose from, as paths within their folders, in order."""
    found: set[str] = set()
    for folder in _folders():
        found.update(str(path.relative_to(folder)) for path in _walk(folder))
    # A name that is not text, as file systems allow, can be neither shown nor stored.
    return sorted(name for name in found if is_readable(name))


def _folders() -> list[Path]:
    return [Path(os.path.realpath(folder)) for folder in settings.ARENA_GGUF_DIRS]


def _walk(folder: Path) -> Iterator[Path]:
    left = _MOST_ENTRIES
    for place, folders, files in os.walk(folder):
        at = Path(place)
        if len(at.relative_to(folder).parts) + 1 >= _LEVELS:
            folders.clear()
        for name in files:
            left -= 1
            if left < 0:
                return
            path = at / name
            if name.lower().endswith(_ENDING) and Path(os.path.realpath(path)).is_relative_to(folder):
                yield path


def _is_file(path: Path, name: str) -> bool:
    try:
        return path.is_file()
    except OSError as error:  # a name too long for the file system, a folder that may not be entered
        raise GgufError(f"{name} cannot be read: {error.strerror or error}") from error


def _check_content(path: Path, name: str) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise GgufError(f"{name} cannot be read: {error.strerror or error}") from error
    if magic != _MAGIC:
        raise GgufError(f"{name} is not a GGUF file: it does not begin with GGUF")
