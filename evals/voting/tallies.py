"""Votes counted per pair, by reviewer and by task: all that ratings read.

They change with the votes (−old +new, in the vote's transaction) and always equal what `rebuild` counts from the
effective votes of reviewers who are not excluded: the same rows with the same numbers, and no row of zeros. What they
add up to stands in the ledger (`votes`, `comparing`), and beside it how many votes of excluded reviewers there are
(`excluded`); what they add up to for each contender, in `ContenderVotes`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Count, F

from evals.models import Category, ContenderVotes, Ledger, Reviewer, ReviewerTally, TaskTally, Vote
from evals.models.votes import effective_votes
from evals.voting import ledger

__all__ = [
    "Counted",
    "TallyDriftError",
    "VoteFacts",
    "add",
    "excluded_among",
    "facts",
    "move",
    "move_excluded",
    "rebuild",
]

_FLIPPED = {"lo": "hi", "hi": "lo"}
_OUTCOMES = ("lo", "hi", "tie", "both_bad")
_COUNTS = ("lo_wins", "hi_wins", "ties", "both_bad")
_REVIEWER_KEY = ("reviewer_id", "lo_id", "hi_id", "left")
_TASK_KEY = ("task_id", "lo_id", "hi_id")
# Rows read and written at once; keeps a statement's parameters below SQLite's limit.
_CHUNK = 500

Key = tuple[int | str, ...]
Rows = Sequence[tuple[int | str, ...]]
Fields = tuple[str, ...]
Tally = type[ReviewerTally | TaskTally]
Counts = type[ReviewerTally | TaskTally | ContenderVotes]


class TallyDriftError(RuntimeError):
    """A tally would fall below zero: the stored rows no longer follow from the votes."""


class VoteFacts(NamedTuple):
    """What a tally needs to know about one effective vote, in the vote's own order of `lo` and `hi`."""

    reviewer_id: int
    task_id: int
    lo_id: int
    hi_id: int
    left: str
    outcome: str

    @classmethod
    def of(cls, vote: Vote) -> VoteFacts:
        """Of a vote that is not a retraction; a retraction counts nothing and raises ValueError."""
        if vote.outcome is None:
            raise ValueError(f"{vote} is a retraction: nothing to count.")
        return cls(vote.reviewer_id, vote.task_id, vote.lo_id, vote.hi_id, vote.left, vote.outcome)


Counted = Counter[VoteFacts]
Votes = Iterable[VoteFacts] | Mapping[VoteFacts, int]


def facts(category: Category, *, reviewer: Reviewer | None = None) -> Counted:
    """The effective votes, counted: those of every reviewer who is not excluded, or of this reviewer, excluded or
    not."""
    votes = effective_votes(category)
    votes = votes.filter(reviewer=reviewer) if reviewer else votes.filter(reviewer__excluded_at__isnull=True)
    columns = ("reviewer_id", "task_id", "lo_id", "hi_id", "left", "outcome")
    rows = votes.order_by().values_list(*columns).annotate(n=Count("id"))
    return Counter({VoteFacts(*row[:6]): row[6] for row in rows.iterator(chunk_size=10_000)})


@transaction.atomic
def move(*, category: Category, removed: Votes = (), added: Votes = ()) -> None:
    """Subtract `removed` and add `added`; each is an iterable of votes, or a mapping of votes to counts.

    Votes of excluded reviewers are left out here, so callers need not check. Takes the ledger's lock (free for a caller
    that holds it), since it reads rows to write sums, and then the reviewers' locks, so that none is excluded
    meanwhile. Raises TallyDriftError, writing nothing, if more is removed than was counted.
    """
    ledger.lock(category)
    change: Counted = Counter(added)
    change.subtract(Counter(removed))
    excluded = excluded_among({vote.reviewer_id for vote in change})
    _apply(category, {vote: n for vote, n in change.items() if vote.reviewer_id not in excluded})
    move_excluded(category, sum(n for vote, n in change.items() if vote.reviewer_id in excluded))


def add(
    category: Category, *, by_reviewer: Rows, by_task: Rows, by_contender: Mapping[int, Sequence[int]], comparing: int
) -> None:
    """Add votes that were counted elsewhere, as many at once: each row is a key (category, reviewer, lo, hi, left; or
    category, task, lo, hi; `lo` < `hi`) and its four counts, in the order of the keys; of each contender, its votes and
    those that were both bad. None of them by an excluded reviewer.

    The caller holds the ledger's lock, and then the reviewers' (`excluded_among`).
    """
    for model, fields, rows in ((ReviewerTally, _REVIEWER_KEY, by_reviewer), (TaskTally, _TASK_KEY, by_task)):
        for start in range(0, len(rows), _CHUNK):
            _upsert(model, fields, rows[start : start + _CHUNK], _COUNTS, plus=True)
    _move_contenders(category, by_contender)
    votes = sum(voted for voted, _ in by_contender.values()) // 2
    Ledger.objects.filter(category=category).update(votes=F("votes") + votes, comparing=F("comparing") + comparing)


def move_excluded(category: Category, votes: int) -> None:
    """Add to the number of votes that stand excluded. The caller holds the ledger's lock."""
    if votes:
        Ledger.objects.filter(category=category).update(excluded=F("excluded") + votes)


@transaction.atomic
def rebuild(category: Category) -> None:
    """Rebuild the tallies from the votes. If they were right, only the rows' ids change."""
    ledger.lock(category)
    ReviewerTally.objects.filter(category=category).delete()
    TaskTally.objects.filter(category=category).delete()
    ContenderVotes.objects.filter(category=category).delete()
    excluded = effective_votes(category).filter(reviewer__excluded_at__isnull=False).count()
    Ledger.objects.filter(category=category).update(votes=0, comparing=0, excluded=excluded)
    _apply(category, facts(category))


def excluded_among(reviewer_ids: set[int]) -> set[int]:
    """Those of these reviewers who are excluded; all of them are locked, so that none is excluded or included
    meanwhile. The caller holds the ledger's lock."""
    # `no_key`: new ballots that refer to these rows need not wait.
    rows = Reviewer.objects.select_for_update(no_key=True).filter(pk__in=reviewer_ids).order_by("pk")
    return {pk for pk, excluded_at in rows.values_list("pk", "excluded_at") if excluded_at is not None}


def _apply(category: Category, change: Mapping[VoteFacts, int]) -> None:
    by_reviewer: dict[Key, list[int]] = {}
    by_task: dict[Key, list[int]] = {}
    by_contender: dict[int, list[int]] = {}
    for vote, n in change.items():
        lo, hi, left, outcome = vote.lo_id, vote.hi_id, vote.left, vote.outcome
        if lo > hi:
            lo, hi, left, outcome = hi, lo, _FLIPPED.get(left, left), _FLIPPED.get(outcome, outcome)
        if outcome not in _OUTCOMES:
            raise ValueError(f"{outcome!r} is not an outcome of a vote; the outcomes are {', '.join(_OUTCOMES)}.")
        column = _OUTCOMES.index(outcome)
        by_reviewer.setdefault((vote.reviewer_id, lo, hi, left), [0, 0, 0, 0])[column] += n
        by_task.setdefault((vote.task_id, lo, hi), [0, 0, 0, 0])[column] += n
        for contender in (lo, hi):
            counts = by_contender.setdefault(contender, [0, 0])
            counts[0] += n
            counts[1] += n if outcome == "both_bad" else 0
    _add(ReviewerTally, _REVIEWER_KEY, category, by_reviewer)
    _add(TaskTally, _TASK_KEY, category, by_task)
    _move_contenders(category, by_contender)
    bad = sum(n for vote, n in change.items() if vote.outcome == "both_bad")
    votes = sum(change.values())
    if votes or bad:
        Ledger.objects.filter(category=category).update(
            votes=F("votes") + votes, comparing=F("comparing") + votes - bad
        )


def _move_contenders(category: Category, change: Mapping[int, Sequence[int]]) -> None:
    """Votes and both bad, by contender."""
    rows: list[tuple[int | str, ...]] = [(category.pk, key, *change[key]) for key in sorted(change) if any(change[key])]
    for start in range(0, len(rows), _CHUNK):
        _upsert(ContenderVotes, ("contender_id",), rows[start : start + _CHUNK], ("votes", "both_bad"), plus=True)


def _add(model: Tally, key_fields: Fields, category: Category, change: dict[Key, list[int]]) -> None:
    # Sorted, so that the index is written in order.
    keys = sorted(key for key, counts in change.items() if any(counts))
    # Most rows only gain votes, so their stored counts need not be read.
    for chunk in _chunks([key for key in keys if min(change[key]) >= 0]):
        _upsert(model, key_fields, [(category.pk, *key, *change[key]) for key in chunk], _COUNTS, plus=True)
    for chunk in _chunks([key for key in keys if min(change[key]) < 0]):
        _lower(model, key_fields, category, {key: change[key] for key in chunk})


def _chunks(keys: list[Key]) -> Iterator[list[Key]]:
    return (keys[start : start + _CHUNK] for start in range(0, len(keys), _CHUNK))


def _lower(model: Tally, key_fields: Fields, category: Category, change: dict[Key, list[int]]) -> None:
    stored = _stored(model, key_fields, category, list(change))
    rows: list[tuple[int | str, ...]] = []
    emptied: list[int] = []
    for key, counts in change.items():
        pk, before = stored.get(key, (None, (0, 0, 0, 0)))
        after = tuple(old + new for old, new in zip(before, counts, strict=True))
        if pk is None or min(after) < 0:
            raise TallyDriftError(
                f"The tallies of {category.slug} no longer follow from its votes (at {model.__name__} "
                f"{key}). Rebuild them: manage.py rank --category {category.slug} --rebuild"
            )
        if any(after):
            rows.append((category.pk, *key, *after))
        else:
            emptied.append(pk)
    _upsert(model, key_fields, rows, _COUNTS, plus=False)
    if emptied:
        model._default_manager.filter(pk__in=emptied).delete()


def _stored(
    model: Tally, key_fields: Fields, category: Category, chunk: list[Key]
) -> dict[Key, tuple[int, tuple[int, ...]]]:
    """The rows of these keys, and possibly more: the filter takes each part of the key separately."""
    parts = {f"{name}__in": sorted({key[i] for key in chunk}) for i, name in enumerate(key_fields)}
    rows = model._default_manager.filter(category=category, **parts).values_list("pk", *key_fields, *_COUNTS)
    width = 1 + len(key_fields)
    return {row[1:width]: (row[0], row[width:]) for row in rows}


def _upsert(model: Counts, key_fields: Fields, rows: Rows, columns: Fields, *, plus: bool) -> None:
    """Add the rows' counts to the stored ones, or replace them.

    Raw SQL, since `bulk_create` takes five times as long: an import of 100,000 votes may write as many rows.
    """
    if not rows:
        return
    quote = connection.ops.quote_name  # `left` is an SQL keyword
    table = quote(model._meta.db_table)
    keys = [quote(name) for name in ("category_id", *key_fields)]
    counts = [quote(name) for name in columns]
    into = ", ".join(keys + counts)
    update = f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET " + ", ".join(
        f"{count} = {f'{table}.{count} + ' if plus else ''}excluded.{count}" for count in counts
    )
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Each column as one array, which is three times as fast as rows of values.
            kinds = ("text" if isinstance(value, str) else "bigint" for value in rows[0])
            arrays = ", ".join(f"%s::{kind}[]" for kind in kinds)
            values = [list(column) for column in zip(*rows, strict=True)]
            sql = f"INSERT INTO {table} ({into}) SELECT * FROM unnest({arrays}){update}"  # noqa: S608
            cursor.execute(sql, values)
        else:
            marks = ", ".join(["%s"] * len(rows[0]))
            cursor.executemany(f"INSERT INTO {table} ({into}) VALUES ({marks}){update}", rows)  # noqa: S608
