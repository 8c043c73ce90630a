"""Votes counted per pair of contenders, by reviewer and by task: all that the ratings need."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from evals.ratings.types import Ints, Key

__all__ = ["OUTCOMES", "CountTable", "PairCounts", "Tallies", "TallyMismatchError"]

# The order of the columns of `CountTable.counts`.
OUTCOMES = ("lo", "hi", "tie", "both_bad")
_LO, _HI, _TIE, _BOTH_BAD = range(4)
# Votes or rows taken at once: blocks stay in the processor's cache, a pass over the whole would not.
_BLOCK = 1 << 15


class TallyMismatchError(ValueError):
    """The tallies by reviewer and by task do not count the same votes."""


class PairCounts(NamedTuple):
    """One row of a tally table, as stored. `lo` and `hi` may come in any order: the counts say who is who."""

    group: Key
    lo: Key
    hi: Key
    lo_wins: int
    hi_wins: int
    ties: int
    both_bad: int


@dataclass(frozen=True, eq=False)
class CountTable:
    """Counts by (group, pair), canonical: `lo` < `hi`, one row each, sorted, no empty row.

    `group`, `lo`, `hi` (n,) are positions in `groups` and in the contenders; `counts` (n, 4) as `OUTCOMES`, read
    fastest if each column lies together (Fortran's order).
    """

    groups: tuple[Key, ...]
    group: Ints
    lo: Ints
    hi: Ints
    counts: Ints

    @cached_property
    def fitted(self) -> Ints:
        """(n,) votes of each row that enter the fit: wins and ties."""
        fitted: Ints = self.counts[:, _LO] + self.counts[:, _HI] + self.counts[:, _TIE]
        return fitted

    @cached_property
    def votes_by_group(self) -> Ints:
        """(groups,) votes that enter the fit."""
        last = np.flatnonzero(np.append(self.group[1:] != self.group[:-1], True)[: len(self.group)])
        votes = np.zeros(len(self.groups), np.int64)
        votes[self.group[last]] = np.diff(np.cumsum(self.fitted)[last], prepend=0)
        return votes

    def blocks(self, rows: slice = slice(None)) -> Iterator[slice]:
        """The rows, so many at a time that what is computed from them stays in the processor's cache."""
        start, stop, _ = rows.indices(len(self.group))
        return (slice(at, min(at + _BLOCK, stop)) for at in range(start, stop, _BLOCK))

    def matrices(self, contenders: int, rows: slice = slice(None)) -> tuple[Ints, Ints, Ints]:
        """Wins (row beats column), ties and both bad (both symmetric), each (K, K), over the given rows."""
        cells = np.zeros((len(OUTCOMES), contenders * contenders), np.int64)
        for block in self.blocks(rows):
            cell = self.lo[block] * contenders
            cell += self.hi[block]
            for total, counts in zip(cells, self.counts[block].T, strict=True):
                np.add.at(total, cell, counts)
        lo, hi, ties, both_bad = cells.reshape(len(OUTCOMES), contenders, contenders)
        return lo + hi.T, ties + ties.T, both_bad + both_bad.T

    def rows_of(self, group: int) -> slice:
        """The rows of one group; they lie together because the table is sorted."""
        first, last = np.searchsorted(self.group, [group, group + 1])
        return slice(int(first), int(last))

    @cached_property
    def group_digests(self) -> list[str]:
        """SHA-256 of each group's rows, sorted: whose table it is does not matter, what it counts does."""
        rows = np.column_stack([self.lo, self.hi, self.counts]).astype("<i8")
        starts = np.searchsorted(self.group, np.arange(len(self.groups) + 1))
        return sorted(hashlib.sha256(rows[first:last].tobytes()).hexdigest() for first, last in pairwise(starts))


@dataclass(frozen=True, eq=False)
class Tallies:
    """Everything a category's ratings are computed from. A fit never reads the votes.

    Built by `from_rows`, `from_arrays` or `from_votes`; equal votes give equal tallies and an equal `digest`, whatever
    the order they arrived in. `by_task` may be empty (unknown): then re-used tasks are not adjusted for.
    """

    contenders: tuple[Key, ...]
    by_reviewer: CountTable
    by_task: CountTable

    @classmethod
    def from_rows(cls, by_reviewer: Iterable[PairCounts], by_task: Iterable[PairCounts] = ()) -> Tallies:
        """From stored tally rows. Rows that count nothing are as if they were not there.

        Raises TallyMismatchError if tasks are given and count other votes than the reviewers do.
        """
        reviewer_rows = [PairCounts(*row) for row in by_reviewer if any(row[3:])]
        task_rows = [PairCounts(*row) for row in by_task if any(row[3:])]
        contenders = tuple(sorted({key for row in reviewer_rows for key in (row.lo, row.hi)}))
        place = {key: position for position, key in enumerate(contenders)}
        return cls._of(contenders, (_table(rows, place) for rows in (reviewer_rows, task_rows)))

    @classmethod
    def from_arrays(cls, by_reviewer: Ints, by_task: Ints, names: Mapping[int, Key]) -> Tallies:
        """As `from_rows`, of rows that are integers throughout, as a database has them: each (n, 7), its columns those
        of `PairCounts`. `names` are the contenders' by number. A hundred thousand rows take hundredths of a second."""
        tables = [rows[rows[:, 3:].any(axis=1)] for rows in (by_reviewer, by_task)]
        contenders = tuple(sorted(names[number] for number in np.unique(tables[0][:, 1:3]).tolist()))
        place = {key: position for position, key in enumerate(contenders)}
        places = {number: place[key] for number, key in names.items() if key in place}
        return cls._of(contenders, (_table_of_numbers(rows, places) for rows in tables))

    @classmethod
    def _of(cls, contenders: tuple[Key, ...], tables: Iterable[CountTable]) -> Tallies:
        try:
            tallies = cls(contenders, *tables)
        except KeyError as error:
            raise TallyMismatchError(f"contender {error} has votes by task but none by reviewer: {_HEAL}") from None
        tallies._check()
        return tallies

    @classmethod
    def from_votes(cls, votes: Iterable[tuple[Key, Key, Key, Key, str]]) -> Tallies:
        """From (reviewer, task, lo, hi, outcome), one by one. An unknown outcome is an error, never a tie."""
        by_reviewer, by_task = [], []
        for reviewer, task, lo, hi, outcome in votes:
            if outcome not in OUTCOMES:
                raise ValueError(f"outcome {outcome!r} is none of {', '.join(OUTCOMES)}")
            counted = [int(outcome == known) for known in OUTCOMES]
            by_reviewer.append(PairCounts(reviewer, lo, hi, *counted))
            by_task.append(PairCounts(task, lo, hi, *counted))
        return cls.from_rows(by_reviewer, by_task)

    def _check(self) -> None:
        if not len(self.by_task.group):
            return
        for ours, theirs in zip(self._matrices, self.by_task.matrices(len(self.contenders)), strict=True):
            if not np.array_equal(ours, theirs):
                raise TallyMismatchError(f"the tallies by reviewer and by task count different votes: {_HEAL}")

    @cached_property
    def _matrices(self) -> tuple[Ints, Ints, Ints]:
        return self.by_reviewer.matrices(len(self.contenders))

    @property
    def wins(self) -> Ints:
        """(K, K): how often the row's contender won against the column's."""
        return self._matrices[0]

    @property
    def ties(self) -> Ints:
        """(K, K), symmetric."""
        return self._matrices[1]

    @property
    def both_bad(self) -> Ints:
        """(K, K), symmetric. Not part of any fit."""
        return self._matrices[2]

    @property
    def votes(self) -> int:
        """All of them, both bad included."""
        return int(self.by_reviewer.counts.sum())

    @property
    def fitted_votes(self) -> int:
        """Wins and ties: what the fit has seen."""
        return int(self.by_reviewer.fitted.sum())

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the canonical counts, in hex. Names contenders, and neither reviewers nor tasks, so the same
        votes have the same digest wherever they are stored."""
        canonical = {
            "contenders": self.contenders,
            "by_reviewer": self.by_reviewer.group_digests,
            "by_task": self.by_task.group_digests,
        }
        return hashlib.sha256(json.dumps(canonical, separators=(",", ":")).encode()).hexdigest()


_HEAL = "count them again from the votes with `manage.py rank --rebuild`"


def _table(rows: Sequence[PairCounts], place: dict[Key, int]) -> CountTable:
    groups = tuple(sorted({row.group for row in rows}))
    group_place = {key: position for position, key in enumerate(groups)}
    group = np.fromiter((group_place[row.group] for row in rows), np.int64, len(rows))
    first = np.fromiter((place[row.lo] for row in rows), np.int64, len(rows))
    second = np.fromiter((place[row.hi] for row in rows), np.int64, len(rows))
    counts = np.array([row[3:] for row in rows], dtype=np.int64).reshape(len(rows), len(OUTCOMES))
    return _merged(groups, group, first, second, counts, len(place))


def _table_of_numbers(rows: Ints, place: Mapping[int, int]) -> CountTable:
    groups, group = np.unique(rows[:, 0], return_inverse=True)
    numbers, which = np.unique(rows[:, 1:3], return_inverse=True)
    places = np.array([place[number] for number in numbers.tolist()], np.int64)[which.reshape(-1, 2)]
    return _merged(tuple(groups.tolist()), group, places[:, 0], places[:, 1], rows[:, 3:].copy(), len(place))


def _merged(groups: tuple[Key, ...], group: Ints, first: Ints, second: Ints, counts: Ints, K: int) -> CountTable:
    """Canonical. Turns `counts` in place."""
    if (first == second).any():
        raise ValueError("a contender cannot be compared with itself")
    turned = first > second
    counts[turned] = counts[turned][:, [_HI, _LO, _TIE, _BOTH_BAD]]
    K = max(K, 1)
    cell = (group * K + np.minimum(first, second)) * K + np.maximum(first, second)
    cells, which = np.unique(cell, return_inverse=True)
    merged = np.zeros((len(cells), len(OUTCOMES)), np.int64, order="F")
    for total, column in zip(merged.T, counts.T, strict=True):  # columns one by one: add.at is many times as fast so
        np.add.at(total, which, column)
    return CountTable(groups, cells // (K * K), cells // K % K, cells % K, merged)
