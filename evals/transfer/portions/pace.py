"""How a long series of transactions lets others write between them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

__all__ = ["Pace", "much_cached"]

# SQLite queues nobody: who finds it locked tries again after up to a tenth of a second. A pause that is longer lets
# everybody in who waits.
_FOR_OTHERS_S = 0.12
_ALONE_S = 0.02
# For how long after a write of somebody else the pauses stay long.
_STAY_S = 5.0
_CACHE_KB = 64 << 10


class Pace:
    """Pauses between transactions on SQLite: short ones while nobody else writes. On PostgreSQL there are none, because
    others wait for the same rows only, and in the order in which they came."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._others_until = 0.0

    def pause(self) -> None:
        if connection.vendor != "sqlite":
            return
        version = _version()
        now = time.monotonic()
        if self._version is not None and version != self._version:
            self._others_until = now + _STAY_S
        self._version = version
        time.sleep(_FOR_OTHERS_S if now < self._others_until else _ALONE_S)


@contextmanager
def much_cached() -> Iterator[None]:
    """On SQLite: room in memory for the pages of an index that are written again and again, in no order. Those that do
    not fit are written to the disk within a transaction, some of them many times."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA cache_size")
        usual = int(cursor.fetchone()[0])
        cursor.execute(f"PRAGMA cache_size = {-_CACHE_KB}")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA cache_size = {usual}")


def _version() -> int:
    """Another one whenever another connection has written."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA data_version")
        return int(cursor.fetchone()[0])
