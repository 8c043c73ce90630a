"""Which table is in use, what may replace it, and its copy on disk.

Whatever is offered, by Arena or from disk, must pass the same checks: a signature by a known key, a document that keeps
the contract, a version no lower than any seen before, and for a version seen before the same bytes. What fails is
refused with the reason, and the last good table stays in use.
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
from dataclasses import dataclass, replace
from pathlib import Path

from arena_routing._document import read_document
from arena_routing._errors import Refused
from arena_routing._selection import Table, compile_table
from arena_routing._signatures import PublicKeys

__all__ = ["MAX_BYTES", "CacheEntry", "DiskCache", "HeldTable", "TableStore"]

log = logging.getLogger("arena_routing")
# A table of 50 categories with 20 candidates each has about 0.4 MB.
MAX_BYTES = 16 << 20
# On disk: the newest version, and one to fall back on in case its file is damaged.
_KEPT_VERSIONS = 2
_META = ("sha256", "signature", "etag")


@dataclass(frozen=True, slots=True)
class HeldTable:
    """A table in use. `etag` is as the server wrote it."""

    table: Table
    sha256: str
    etag: str | None


class TableStore:
    """`current` may be read by every thread, and is replaced as a whole. The rest is for the polling thread alone."""

    def __init__(self, keys: PublicKeys | None, cache: DiskCache | None) -> None:
        """`keys` None: signatures are not checked."""
        self.current: HeldTable | None = None
        self._keys = keys
        self._cache = cache
        # The highest version ever accepted here, and its digest if that is known.
        self._highest_seen: tuple[int, str | None] = (0, None)

    def offer(self, body: bytes, *, signature: str | None, etag: str | None) -> bool:
        """Takes an answer of Arena's into use. True if it is another table than before; raises Refused."""
        sha256 = hashlib.sha256(body).hexdigest()
        held = self.current
        if held is not None and held.sha256 == sha256:
            self.current = replace(held, etag=etag)
            return False
        table = self._verified(body, signature)
        self._refuse_rollback(table.version, sha256)
        self._use(HeldTable(table, sha256, etag))
        if self._cache is not None:
            self._cache.save(CacheEntry(table.version, sha256, signature, etag), body)
        return True

    def load_newer_from_disk(self) -> bool:
        """Takes a table into use that an earlier run or another process has stored, if it is newer. True if so."""
        if self._cache is None:
            return False
        in_use, highest_before = self.current.table.version if self.current else 0, self._highest_seen[0]
        for entry in self._cache.entries_after(in_use):
            if entry.version > self._highest_seen[0]:
                # Even if its body turns out to be damaged: the version has been accepted once.
                self._highest_seen = (entry.version, entry.sha256)
            try:
                self._use(self._load(entry, self._cache.read(entry)))
            except Refused as refusal:
                if entry.version > highest_before:  # once, not with every poll
                    log.warning("Routing table %s in cache_dir is not used: %s", entry.version, refusal)
                continue
            return True
        return False

    def _load(self, entry: CacheEntry, body: bytes | None) -> HeldTable:
        if body is None:
            raise Refused("Its file is missing or too large.")
        sha256 = hashlib.sha256(body).hexdigest()
        if sha256 != entry.sha256:
            raise Refused("Its bytes have changed since they were written.")
        table = self._verified(body, entry.signature)
        if table.version != entry.version:
            raise Refused(f"It is version {table.version}.")
        return HeldTable(table, sha256, entry.etag)

    def _verified(self, body: bytes, signature: str | None) -> Table:
        """The signature is checked first: nothing unsigned is parsed."""
        if self._keys is not None:
            self._keys.verify(body, signature)
        return compile_table(read_document(body))

    def _refuse_rollback(self, version: int, sha256: str) -> None:
        highest, digest = self._highest_seen
        advice = "If Arena was set up anew, empty cache_dir and restart."
        if version < highest:
            raise Refused(f"It is version {version}, but version {highest} was seen before. {advice}")
        if version == highest and digest not in (None, sha256):
            raise Refused(f"It is version {version}, but with other bytes than were seen before. {advice}")

    def _use(self, held: HeldTable) -> None:
        if held.table.version >= self._highest_seen[0]:
            self._highest_seen = (held.table.version, held.sha256)
        self.current = held


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A version that one of our processes accepted. `sha256` is None if its meta file is damaged."""

    version: int
    sha256: str | None
    signature: str | None
    etag: str | None


class DiskCache:
    """Tables on disk: a body's bytes exactly as they came, and what is needed to check them again.

        <source>-42.json         the body
        <source>-42.meta.json    {"sha256", "signature", "etag"}

    `<source>` stands for Arena's address, so that several can share a folder. Nothing here is trusted: a body that is
    read is checked as if it came from the network. Several processes may share the folder: each file is written under
    another name and renamed, a version's files never change, and a version counts once its meta file is there, which is
    written last.

    Never raises because of the disk: the error is logged, and the process goes on from memory.
    """

    def __init__(self, folder: str | os.PathLike[str], source: str) -> None:
        self._folder = Path(folder)
        self._source = hashlib.sha256(source.encode()).hexdigest()[:12]
        self._last_error = ""
        self._meta_name = re.compile(rf"{self._source}-([1-9][0-9]{{0,17}})\.meta\.json")

    def entries_after(self, version: int) -> list[CacheEntry]:
        """The versions above this one, newest first."""
        with self._errors_logged("read"):
            newer = sorted((one for one in self._versions() if one > version), reverse=True)
            return [entry for entry in map(self._entry, newer) if entry is not None]
        return []

    def read(self, entry: CacheEntry) -> bytes | None:
        """The body, or None if it is missing or longer than a table may be."""
        path = self._path(entry.version, "json")
        with self._errors_logged("read"), contextlib.suppress(FileNotFoundError):
            if path.stat().st_size <= MAX_BYTES:
                return path.read_bytes()
        return None

    def save(self, entry: CacheEntry, body: bytes) -> None:
        meta = {name: getattr(entry, name) for name in _META}
        with self._errors_logged("written"):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(self._path(entry.version, "json"), body)
            self._write(self._path(entry.version, "meta.json"), json.dumps(meta).encode())
            for old in sorted(self._versions())[:-_KEPT_VERSIONS]:
                # The meta file goes first, so that another process does not look for a body that is about to go.
                self._path(old, "meta.json").unlink(missing_ok=True)
                self._path(old, "json").unlink(missing_ok=True)

    def _versions(self) -> list[int]:
        if not self._folder.is_dir():
            return []
        matches = (self._meta_name.fullmatch(path.name) for path in self._folder.iterdir())
        return [int(match[1]) for match in matches if match]

    def _entry(self, version: int) -> CacheEntry | None:
        """None if another process has just deleted it."""
        try:
            meta = json.loads(self._path(version, "meta.json").read_bytes())
            return CacheEntry(version, *(None if meta[name] is None else str(meta[name]) for name in _META))
        except FileNotFoundError:
            return None
        except (ValueError, LookupError, TypeError):
            return CacheEntry(version, None, None, None)

    def _path(self, version: int, kind: str) -> Path:
        return self._folder / f"{self._source}-{version}.{kind}"

    def _write(self, path: Path, data: bytes) -> None:
        """Writes all of it or nothing, even if the power fails."""
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
        if hasattr(os, "O_DIRECTORY"):  # other platforms cannot sync a folder
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    @contextlib.contextmanager
    def _errors_logged(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            message = f"{what}: {error}"
            if message != self._last_error:  # once, not with every poll
                self._last_error = message
                log.warning("The table cache in %s cannot be %s. Routing goes on from memory.", self._folder, message)
