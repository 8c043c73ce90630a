"""What a process keeps for a few seconds, so that not every vote asks the database for it again."""

from __future__ import annotations

import time
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["KEPT_S", "Kept", "forget_all"]

# What is new is seen that much later, by other processes than the one that changed it.
KEPT_S = 5.0

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_all: list[Kept[object, object]] = []


class Kept(Generic[K, V]):
    """At most `most` values, each for `KEPT_S`. For threads. Keys of a category hold its time of creation, which
    distinguishes the categories of two databases."""

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._values: dict[K, tuple[float, V]] = {}
        self._lock = Lock()
        _all.append(self)  # type: ignore[arg-type]

    def get(self, key: K) -> V | None:
        with self._lock:
            found = self._values.get(key)
        return found[1] if found is not None and time.monotonic() - found[0] < KEPT_S else None

    def put(self, key: K, value: V) -> V:
        with self._lock:
            self._values.pop(key, None)
            self._values[key] = (time.monotonic(), value)
            for old in list(self._values)[: -self._most]:
                del self._values[old]
        return value

    def forget(self) -> None:
        with self._lock:
            self._values.clear()


def forget_all() -> None:
    """This process asks again for everything: after a change that its own next page must show."""
    for kept in _all:
        kept.forget()
