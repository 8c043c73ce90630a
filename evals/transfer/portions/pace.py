"""How a long series of transactions lets others write between them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

__all__ = ["Pace", "much_cached"]

# SQLite queues nobody: who finds it locked looks again, at first often, and every tenth of a second in the end. By how
# long they have waited, the most seconds until they do, and a little more.
_LOOKS_AGAIN_S = ((0.128, 0.03), (0.228, 0.055), (math.inf, 0.11))
_LONGEST_S = _LOOKS_AGAIN_S[-1][1]
_MOST_S = 0.3
_STEP_S = 0.005
_CACHE_KB = 64 << 10


class Pace:
    """Leaves gaps between transactions on SQLite, in which everybody comes in who waits. On PostgreSQL there are none:
    others wait for the same rows only, and in the order in which they came."""

    def __init__(self) -> None:
        self._held = 0.0
        self._ended = time.monotonic()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A transaction, once others have had theirs."""
        self._give_way()
        began = time.monotonic()
        try:
            with transaction.atomic():
                yield
        finally:
            self._ended = time.monotonic()
            self._held = self._ended - began

    def _give_way(self) -> None:
        """The gap is as long as it takes those who began to wait during the last turn to look again. While others
        write, those who have waited for longer may be behind them, so it ends once nobody has written for as long."""
        if connection.vendor != "sqlite" or connection.in_atomic_block:
            return
        quiet = next(again for waited, again in _LOOKS_AGAIN_S if self._held < waited)
        version = _version()
        wrote, now = self._ended, time.monotonic()
        while now - wrote < quiet and now - self._ended < _MOST_S:
            time.sleep(_STEP_S)
            now = time.monotonic()
            if (seen := _version()) != version:
                version, wrote, quiet = seen, now, _LONGEST_S


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
