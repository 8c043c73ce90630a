"""Tables on disk: a body's bytes exactly as they came, and beside them what is needed to trust them again.

    <source>-42.json         the body
    <source>-42.meta.json    {"sha256", "signature", "etag"}

`<source>` stands for Arena's address, so that one folder may serve several. Nothing here is trusted: who loads an
entry checks it as if it came from the network. Several processes may share the folder: a file is written aside and
renamed, a version's files never change, and the meta file, written last, is what makes a version count.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DiskCache", "Entry", "Noted"]

log = logging.getLogger("arena_routing")
# The newest, and one to fall back on should its file be damaged.
KEPT = 2
_META = ("sha256", "signature", "etag")


@dataclass(frozen=True, slots=True)
class Noted:
    """A version that some process of ours accepted, and the digest it had; None if the note is damaged."""

    version: int
    sha256: str | None
    signature: str | None
    etag: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    noted: Noted
    body: bytes


class DiskCache:
    """Never raises for what the disk does: it is logged, and the process goes on from memory."""

    def __init__(self, folder: str | os.PathLike[str], source: str, *, at_most: int) -> None:
        self._folder = Path(folder)
        self._source = hashlib.sha256(source.encode()).hexdigest()[:12]
        self._at_most = at_most
        self._trouble = ""
        self._meta = re.compile(rf"{self._source}-([1-9][0-9]{{0,17}})\.meta\.json")

    def noted_after(self, version: int) -> list[Noted]:
        """What is noted of versions above this one, newest first."""
        with self._logged("read"):
            found = sorted((one for one in self._versions() if one > version), reverse=True)
            return [noted for noted in map(self._noted, found) if noted is not None]
        return []

    def entry(self, noted: Noted) -> Entry | None:
        """None if the body has gone, or is longer than a table may be."""
        path = self._path(noted.version, "json")
        with self._logged("read"), contextlib.suppress(FileNotFoundError):
            if path.stat().st_size <= self._at_most:
                return Entry(noted, path.read_bytes())
        return None

    def save(self, entry: Entry) -> None:
        noted = entry.noted
        meta = {name: getattr(noted, name) for name in _META}
        with self._logged("written"):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(self._path(noted.version, "json"), entry.body)
            self._write(self._path(noted.version, "meta.json"), json.dumps(meta).encode())
            for old in sorted(self._versions())[:-KEPT]:
                # Its meta file first: nobody shall look for a body that is about to go.
                self._path(old, "meta.json").unlink(missing_ok=True)
                self._path(old, "json").unlink(missing_ok=True)

    def _versions(self) -> list[int]:
        if not self._folder.is_dir():
            return []
        matches = (self._meta.fullmatch(path.name) for path in self._folder.iterdir())
        return [int(match[1]) for match in matches if match]

    def _noted(self, version: int) -> Noted | None:
        """None if another process has tidied it away."""
        try:
            meta = json.loads(self._path(version, "meta.json").read_bytes())
            return Noted(version, *(None if meta[name] is None else str(meta[name]) for name in _META))
        except FileNotFoundError:
            return None
        except (ValueError, LookupError, TypeError):
            return Noted(version, None, None, None)

    def _path(self, version: int, kind: str) -> Path:
        return self._folder / f"{self._source}-{version}.{kind}"

    def _write(self, path: Path, data: bytes) -> None:
        """All of it or nothing, also when the power goes."""
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=f".{path.name}-", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        if hasattr(os, "O_DIRECTORY"):  # elsewhere a folder cannot be synced
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    @contextlib.contextmanager
    def _logged(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            trouble = f"{what}: {error}"
            if trouble != self._trouble:  # once, not with every poll
                self._trouble = trouble
                log.warning("The table cache in %s cannot be %s. Routing goes on from memory.", self._folder, trouble)
