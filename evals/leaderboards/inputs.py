"""What the ratings are computed from, as `evals.ratings` takes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Q, QuerySet, Value

from evals.models import Category, Contender, Ledger, Reviewer, ReviewerTally, TaskTally, Vote
from evals.ratings import OUTCOMES, Tallies, TallyMismatchError
from evals.ratings.types import Ints
from evals.voting.tallies import facts

__all__ = ["RatingInputs", "outcomes_between", "rating_inputs"]

_COUNTS = ("lo_id", "hi_id", "lo_wins", "hi_wins", "ties", "both_bad")
_CHUNK = 5000
# What a row of `counted` tells.
_LEDGER, _BY_REVIEWER, _BY_TASK, _EXCLUDED, _RETIRED = range(5)
_WIDTH = 8


@dataclass(frozen=True, eq=False)
class RatingInputs:
    """A category's votes as counted up to `seq` under `revision`: contenders by slug, reviewers and tasks by id.

    `excluded` are ids of reviewers whose votes were left out, `retired` slugs of contenders that have no rank.
    """

    seq: int
    revision: int
    tallies: Tallies
    excluded: frozenset[int]
    retired: frozenset[str]


def rating_inputs(category_id: int, *, without: Reviewer | None = None) -> RatingInputs:
    """Everything a leaderboard is computed from, at one moment. The category must have a ledger.

    One statement sees one moment on either engine: no vote waits for a lock while a hundred thousand rows are
    read, and yet they match the ledger's numbers. (A second statement reads contenders' names, which never change.)

    `without`: as if this reviewer had never voted. Their votes by task are read by a statement of their own, so it
    raises TallyMismatchError if some were counted in between.
    """
    read = _integers(
        [
            (_LEDGER, Ledger.objects.filter(category=category_id), ("seq", "revision")),
            (_BY_REVIEWER, ReviewerTally.objects.filter(category=category_id), ("reviewer_id", *_COUNTS)),
            (_BY_TASK, TaskTally.objects.filter(category=category_id), ("task_id", *_COUNTS)),
            (_EXCLUDED, Reviewer.objects.filter(excluded_at__isnull=False), ("pk",)),
            (_RETIRED, Contender.objects.filter(retired_at__isnull=False), ("pk",)),
        ]
    )
    slugs = dict(Contender.objects.values_list("pk", "slug"))
    seq, revision = read[_LEDGER][0, :2].tolist()
    by_reviewer, by_task = read[_BY_REVIEWER], read[_BY_TASK]
    if without is not None and (own := by_reviewer[:, 0] == without.pk).any():
        by_reviewer, by_task = by_reviewer[~own], _less(by_task, category_id, without)
    return RatingInputs(
        seq=seq,
        revision=revision,
        tallies=Tallies.from_arrays(by_reviewer, by_task, slugs),
        excluded=frozenset(read[_EXCLUDED][:, 0].tolist()),
        retired=frozenset(slugs[pk] for pk in read[_RETIRED][:, 0].tolist()),
    )


def _less(by_task: Ints, category_id: int, reviewer: Reviewer) -> Ints:
    """Tallies by task, less the votes of one reviewer."""
    own: Counter[tuple[int, int, int, str]] = Counter()
    for vote, n in facts(Category.with_dimensions.get(pk=category_id), reviewer=reviewer).items():
        if vote.lo_id < vote.hi_id:
            own[vote.task_id, vote.lo_id, vote.hi_id, vote.outcome] += n
        else:
            outcome = {"lo": "hi", "hi": "lo"}.get(vote.outcome, vote.outcome)
            own[vote.task_id, vote.hi_id, vote.lo_id, outcome] += n
    left = by_task.copy()
    rows = np.flatnonzero(np.isin(left[:, 0], [task for task, *_ in own])).tolist()
    places = {tuple(left[row, :3].tolist()): row for row in rows}
    for (task, lo, hi, outcome), n in own.items():
        row = places.get((task, lo, hi))
        if row is None:
            raise TallyMismatchError(f"task {task} has votes that its tallies do not count")
        left[row, 3 + OUTCOMES.index(outcome)] -= n
    if (left[:, 3:] < 0).any():
        raise TallyMismatchError("a task has more votes of one reviewer than its tallies count in all")
    return left


def _integers(parts: list[tuple[int, QuerySet[Any], tuple[str, ...]]]) -> list[np.ndarray]:
    """The columns of each part, (n, 7), padded with zeros; all read by one statement."""
    first, *rest = (
        rows.order_by().values_list(Value(part), *columns, *[Value(0)] * (_WIDTH - 1 - len(columns)))
        for part, rows, columns in parts
    )
    # Composed by Django but fetched without it: converting so many rows takes longer than reading them.
    sql, values = first.union(*rest, all=True).query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows = cursor.fetchall()
    table = np.fromiter(chain.from_iterable(rows), np.int64, len(rows) * _WIDTH).reshape(-1, _WIDTH)
    return [table[table[:, 0] == part, 1:] for part, _, _ in parts]


def outcomes_between(
    category_id: int, *, after: int, seq: int, excluded: Collection[int]
) -> Iterator[tuple[str, str, str]]:
    """(lo, hi, outcome) of the votes that count as of `seq`, from `after` on, in the order they were cast.

    `excluded` are reviewers' ids. Streamed: there may be a million.
    """
    slugs = dict(Contender.objects.values_list("pk", "slug"))
    standing = Q(superseded_by__isnull=True) | Q(superseded_by__seq__gt=seq)
    votes = (
        Vote.objects.filter(standing, category_id=category_id, seq__gt=after, seq__lte=seq, outcome__isnull=False)
        .exclude(reviewer_id__in=excluded)
        .order_by("seq")
        .values_list("lo_id", "hi_id", "outcome")
    )
    for lo, hi, outcome in votes.iterator(chunk_size=_CHUNK):
        assert outcome is not None  # filtered above
        yield slugs[lo], slugs[hi], outcome
