"""Storing a portion of votes: rows of `Vote` with their numbers in the ledgers, and the tallies with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import numpy as np
from django.utils import timezone

from evals.models import Category, FileImport, Vote
from evals.models.bulk import insert
from evals.models.votes import LeftSide, Outcome
from evals.voting import ledger, tallies

__all__ = ["NO_TIME", "VOTES", "VotePortions", "names_of_votes", "since_1970"]

# Of a staged vote: numbers of names (`names_of_votes`), 0 to 3 for a, b, tie and both bad, and microseconds since 1970.
VOTES = np.dtype(
    [
        ("row", "<u4"),
        ("line", "<u4"),
        ("question", "<u4"),
        ("a", "<u4"),
        ("b", "<u4"),
        ("judge", "<u4"),
        ("winner", "u1"),
        ("at", "<i8"),
    ]
)
NO_TIME = -(2**63)
_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_OUTCOMES = (Outcome.LO.value, Outcome.HI.value, Outcome.TIE.value, Outcome.BOTH_BAD.value)
_BOTH_BAD = 3
# The file says which model was called a, not where it was shown.
_LEFT = LeftSide.UNKNOWN.value
_COLUMNS = (
    *("category_id", "seq", "n", "vote_import_id", "row", "cast_at", "created_at"),
    *("reviewer_id", "task_id", "lo_id", "hi_id", "left", "outcome"),
)

Array = np.ndarray[Any, Any]


def since_1970(at: datetime) -> int:
    return (at - _1970) // _MICROSECOND


class _Names(msgspec.Struct):
    """Ids, eight bytes each, in the order of the numbers: contenders; each question's task and category; reviewers."""

    contenders: bytes
    tasks: bytes
    categories: bytes
    reviewers: bytes


def names_of_votes(*, contenders: Array, tasks: Array, categories: Array, reviewers: Array) -> bytes:
    """What the numbers in the portions stand for, as the import keeps it."""
    ids = (np.asarray(one, "<i8").tobytes() for one in (contenders, tasks, categories, reviewers))
    return msgspec.msgpack.encode(_Names(*ids))


class _Votes(NamedTuple):
    """Of one category, in the file's order. `outcome` is an index of `_OUTCOMES`."""

    category_id: int
    row: Array
    at: Array
    reviewer: Array
    task: Array
    lo: Array
    hi: Array
    outcome: Array

    def only(self, kept: Array) -> _Votes:
        return _Votes(self.category_id, *(column[kept] for column in self[1:]))


class VotePortions:
    """Stores the portions of one accepted import of votes."""

    def __init__(self, file_import: FileImport) -> None:
        self._import = file_import
        names = msgspec.msgpack.decode(bytes(file_import.names), type=_Names)
        self._contenders, self._tasks, self._categories, self._reviewers = (
            np.frombuffer(one, "<i8") for one in (names.contenders, names.tasks, names.categories, names.reviewers)
        )
        self._ledgers = Category.with_dimensions.in_bulk(file_import.categories)

    def prepare(self, body: bytes) -> list[_Votes]:
        """Outside any transaction, all that can be done there."""
        rows = np.frombuffer(body, VOTES)
        a, b = self._contenders[rows["a"]], self._contenders[rows["b"]]
        winner = rows["winner"].astype(np.int64)
        votes = _Votes(
            0,
            rows["row"],
            rows["at"],
            self._reviewers[rows["judge"]],
            self._tasks[rows["question"]],
            np.minimum(a, b),
            np.maximum(a, b),
            np.where(winner < 2, winner ^ (a > b), winner),
        )
        category = self._categories[rows["question"]]
        # In the order of their ids, in which every writer of several ledgers locks them.
        return [votes.only(category == pk)._replace(category_id=pk) for pk in np.unique(category).tolist()]

    def store(self, prepared: list[_Votes]) -> dict[str, int]:
        """In the transaction of the portion."""
        ledgers = [ledger.lock(self._ledgers[votes.category_id]) for votes in prepared]
        for votes, book in zip(prepared, ledgers, strict=True):
            insert(Vote, _COLUMNS, self._rows(votes, ledger.take_seqs(book, len(votes.row))))
            self._count(votes)
        return {"votes": sum(len(votes.row) for votes in prepared)}

    def finish(self) -> None:
        """In the transaction that ends the import: it is ranked as a whole."""
        for pk in sorted(self._ledgers):
            ledger.enqueue_rank(ledger.lock(self._ledgers[pk]))

    def _rows(self, votes: _Votes, seqs: range) -> Iterator[tuple[Any, ...]]:
        now = timezone.now()
        columns = (column.tolist() for column in votes[1:])
        for seq, row, at, reviewer, task, lo, hi, outcome in zip(seqs, *columns, strict=True):
            cast = now if at == NO_TIME else _1970 + at * _MICROSECOND
            known = (votes.category_id, seq, 1, self._import.vote_import_id, row, cast, now)
            yield (*known, reviewer, task, lo, hi, _LEFT, _OUTCOMES[outcome])

    def _count(self, votes: _Votes) -> None:
        category = self._ledgers[votes.category_id]
        excluded = tallies.excluded_among(set(votes.reviewer.tolist()))
        if excluded:
            left_out = np.isin(votes.reviewer, list(excluded))
            tallies.move_excluded(category, int(left_out.sum()))
            votes = votes.only(~left_out)
        pk, pair = votes.category_id, (votes.lo, votes.hi)
        by_contender = _counted((np.concatenate(pair),), np.tile(votes.outcome, 2))
        tallies.add(
            category,
            by_reviewer=_counted((votes.reviewer, *pair), votes.outcome, before=(pk,), after=(_LEFT,)),
            by_task=_counted((votes.task, *pair), votes.outcome, before=(pk,)),
            by_contender={int(one): (sum(map(int, counts)), int(counts[_BOTH_BAD])) for one, *counts in by_contender},
            comparing=int((votes.outcome != _BOTH_BAD).sum()),
        )


Row = tuple[int | str, ...]


def _counted(keys: Sequence[Array], outcome: Array, *, before: Row = (), after: Row = ()) -> list[Row]:
    """Each distinct key in order, with what stands before and after every one, and how often it has each outcome."""
    if not len(outcome):
        return []
    order = np.lexsort(tuple(reversed(keys)))
    ordered = [key[order] for key in keys]
    new = np.ones(len(outcome), bool)
    new[1:] = np.any([key[1:] != key[:-1] for key in ordered], axis=0)
    counts = np.zeros((int(new.sum()), len(_OUTCOMES)), np.int64)
    np.add.at(counts, (np.cumsum(new) - 1, outcome[order]), 1)
    distinct = zip(*(key[new].tolist() for key in ordered), strict=True)
    return [(*before, *key, *after, *row) for key, row in zip(distinct, counts.tolist(), strict=True)]
