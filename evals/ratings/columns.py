"""Votes that are columns of text, as pandas reads them from a file: names to numbers without a dictionary look-up a
vote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from evals.ratings.tallies import OUTCOMES, count_pairs
from evals.ratings.types import Ints, Key

__all__ = ["ColumnCounts", "count_columns"]

# Votes looked up at once: the block's few arrays stay in the processor's cache.
_BLOCK = 1 << 14
# Places remembered by address. Two addresses that share a slot, and then evict each other, are rare among thousands.
_SLOT_BITS = 16
# Of a block's unknown addresses, so many go to the dictionary before the rest is looked up again: a reader that starts
# a new buffer has new addresses for all names, and as few of them as there are names.
_FIRST_FEW = 512
# 2⁶⁴ over the golden ratio (Fibonacci hashing): neighbouring addresses land in slots far apart.
_SCATTER = np.uint64(0x9E3779B97F4A7C15)


class ColumnCounts(NamedTuple):
    """`wins` and symmetric `ties` (K, K) over `contenders`, sorted."""

    contenders: tuple[Key, ...]
    wins: Ints
    ties: Ints


def count_columns(
    first: npt.ArrayLike, second: npt.ArrayLike, outcome: npt.ArrayLike, labels: Sequence[Key] = OUTCOMES
) -> ColumnCounts:
    """What `count_pairs` counts, from one vote an element and contenders by name.

    `labels` are what the column calls the outcomes, in the order of `OUTCOMES`. Columns may be lists, arrays or pandas
    series; fastest, and without a copy, are arrays of objects in which equal names are mostly one object, which is how
    pandas reads a file.

    Raises ValueError for columns of unequal length, an unknown outcome, a missing name (such as NaN), and a contender
    compared with itself.
    """
    columns = [np.ascontiguousarray(column, dtype=object) for column in (first, second, outcome)]
    if len({column.shape for column in columns}) > 1 or columns[0].ndim != 1:
        raise ValueError(f"give three columns of one length, not {[column.shape for column in columns]}")
    numbers = _Numbers()
    verdicts = _Verdicts({label: place for place, label in enumerate(labels)})
    # A cache for each column: they would evict each other's addresses.
    caches = [_Places(numbers), _Places(numbers), _Places(verdicts)]
    places = np.empty((3, len(columns[0])), np.int32)
    for start in range(0, len(columns[0]), _BLOCK):
        block = slice(start, start + _BLOCK)
        for row, cache, column in zip(places, caches, columns, strict=True):
            cache.look_up(column[block], row[block])
    wins, ties = count_pairs(places[0], places[1], places[2], len(numbers))
    order = sorted(numbers)
    at = np.array([numbers[name] for name in order], np.int64)
    return ColumnCounts(tuple(order), wins[np.ix_(at, at)], ties[np.ix_(at, at)])


class _Numbers(dict[Key, int]):
    """Names in the order they appear."""

    def __missing__(self, name: object) -> int:
        if not isinstance(name, str | int):
            raise ValueError(f"{name!r} names no contender: give a name to every vote, or leave the vote out")
        self[name] = len(self)
        return self[name]


class _Verdicts(dict[Key, int]):
    def __missing__(self, label: object) -> int:
        raise ValueError(f"outcome {label!r} is none of {', '.join(map(str, self))}")


class _Places:
    """A dictionary with a cache by address before it, so that all but few votes are settled in numpy.

    Two names at one address are one name, and the column holds every object until the counting is over, so that no
    address comes to mean another name. Two addresses may still be one name: the dictionary decides. A slot holds the
    address that came last.
    """

    def __init__(self, numbers: dict[Key, int]) -> None:
        self.numbers = numbers
        self.address = np.ones(1 << _SLOT_BITS, np.uintp)  # no object lies at 1, where numpy's empty cells point to 0
        self.place = np.zeros(1 << _SLOT_BITS, np.int32)
        self.slot = np.empty(_BLOCK, np.uintp)
        self.found = np.empty(_BLOCK, np.uintp)

    def look_up(self, names: npt.NDArray[np.object_], place: npt.NDArray[np.int32]) -> None:
        """Writes the places of a block of names, (n,) each."""
        address = np.frombuffer(names, np.uintp)  # an array of objects is an array of pointers
        scattered = np.multiply(address, _SCATTER, out=self.slot[: len(names)])
        slot = np.right_shift(scattered, np.uint64(64 - _SLOT_BITS), out=scattered).view(np.intp)
        # Every slot exists, and the default mode would make copies to be able to refuse.
        self.place.take(slot, out=place, mode="clip")
        found = self.address.take(slot, out=self.found[: len(names)], mode="clip")
        missed = np.flatnonzero(found != address)
        few = _FIRST_FEW
        while len(missed):
            asked, missed = missed[:few], missed[few:]
            place[asked] = np.fromiter(map(self.numbers.__getitem__, names[asked].tolist()), np.int32, len(asked))
            self.address[slot[asked]] = address[asked]
            self.place[slot[asked]] = place[asked]
            place[missed] = self.place[slot[missed]]
            left = missed[self.address[slot[missed]] != address[missed]]
            few = 2 * few if len(left) < len(missed) / 2 else len(left)  # where no two are alike, waiting is in vain
            missed = left
