"""Which table is in force: what may replace it, and what must not.

Whatever is offered, from Arena or from disk, is checked the same way: a signature by a known key, a document that keeps
the contract, a number no lower than any seen before, and for the same number the same bytes. What fails is refused with
the reason, and the last good table stays.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass

from arena_routing._cache import DiskCache, Entry, Noted
from arena_routing._errors import Refused
from arena_routing._signatures import PublicKeys
from arena_routing._tables import Table, compile_table

__all__ = ["MAX_BYTES", "Held", "Keeper"]

log = logging.getLogger("arena_routing")
# A table of 50 categories with 20 candidates each has about 0.4 MB.
MAX_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Held:
    """A table in force; `etag` as the server put it."""

    table: Table
    sha256: str
    etag: str | None


class Keeper:
    """`current` is read by every thread and replaced whole; the rest belongs to the one thread that polls."""

    def __init__(self, keys: PublicKeys | None, cache: DiskCache | None) -> None:
        """`keys` None: signatures are not checked."""
        self.current: Held | None = None
        self._keys = keys
        self._cache = cache
        # The highest version ever accepted here, and its digest if that is known.
        self._seen: tuple[int, str | None] = (0, None)

    def offer(self, body: bytes, *, signature: str | None, etag: str | None) -> bool:
        """What Arena answered. True if it is in force now and was not before; raises Refused."""
        sha256 = hashlib.sha256(body).hexdigest()
        held = self.current
        if held is not None and held.sha256 == sha256:
            self.current = Held(held.table, sha256, etag)
            return False
        table = self._genuine(body, signature)
        self._refuse_rollback(table.version, sha256)
        self._take(Held(table, sha256, etag))
        if self._cache is not None:
            self._cache.save(Entry(Noted(table.version, sha256, signature, etag), body))
        return True

    def look_on_disk(self) -> bool:
        """Takes over what an earlier run or another process has kept, if it is newer. True if so."""
        if self._cache is None:
            return False
        in_force, seen = self.current.table.version if self.current else 0, self._seen[0]
        for noted in self._cache.noted_after(in_force):
            if noted.version > self._seen[0]:
                # Also if its body turns out damaged: what was seen is not unseen.
                self._seen = (noted.version, noted.sha256)
            entry = self._cache.entry(noted)
            try:
                if entry is None:
                    raise Refused("Its file has gone, or is too large.")
                self._take(self._from_disk(entry))
            except Refused as refusal:
                if noted.version > seen:  # once, not with every poll
                    log.warning("The routing table on disk, version %s, is not used: %s", noted.version, refusal)
                continue
            return True
        return False

    def _from_disk(self, entry: Entry) -> Held:
        sha256 = hashlib.sha256(entry.body).hexdigest()
        if sha256 != entry.noted.sha256:
            raise Refused("Its bytes are not those that were written.")
        table = self._genuine(entry.body, entry.noted.signature)
        if table.version != entry.noted.version:
            raise Refused(f"It is version {table.version}.")
        return Held(table, sha256, entry.noted.etag)

    def _genuine(self, body: bytes, signature: str | None) -> Table:
        """The signature comes first: nothing unsigned is parsed."""
        if self._keys is not None:
            self._keys.check(body, signature)
        return compile_table(body)

    def _refuse_rollback(self, version: int, sha256: str) -> None:
        seen, digest = self._seen
        advice = "If Arena was set up anew, empty cache_dir and restart"
        if version < seen:
            raise Refused(f"It is version {version}, and {seen} was seen before. {advice}.")
        if version == seen and digest not in (None, sha256):
            raise Refused(f"It is version {version} with other bytes than were seen under that number. {advice}.")

    def _take(self, held: Held) -> None:
        if held.table.version >= self._seen[0]:
            self._seen = (held.table.version, held.sha256)
        self.current = held
