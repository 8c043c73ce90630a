"""What pages count, kept as it moves: no page adds up answers, items of runs or votes.

Triggers (`evals.counters`) write these rows in the statement that moves what they count, whichever code that is: a
worker, an import, a form. On SQLite, where one transaction writes at a time, there is one row for each key. On
PostgreSQL a change is a row of its own, so that no two writers wait for each other, and `fold` adds up what there is
once a minute. So a count is always the sum over the rows of a key. `recount` makes them anew from what they count.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import AppConfig
from django.db import connection, models, transaction
from django.db.models import Max, Sum

from evals.counters import RECOUNT, RECOUNT_RUN, TABLES, lock_statements
from evals.models.contenders import Contender
from evals.models.generations import Run
from evals.models.task_sets import Category
from evals.models.votes import Reviewer

__all__ = [
    "AnswerCount",
    "ContenderVotes",
    "KeptFigures",
    "ReviewerVotes",
    "RunCount",
    "fold",
    "recount",
    "recount_after_migrate",
    "recount_runs",
]

# Rows of one table folded at once.
_FOLDED = 20_000


def _of(model: type[models.Model] | str) -> Any:
    """Triggers write these columns, of rows that are never deleted, or go with what they refer to."""
    return models.ForeignKey(model, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False)


class AnswerCount(models.Model):
    """Generations that ended, by category and contender, every take of them. `moved` rises with each that ends, begins
    again or is scored anew: whatever is computed from a category's answers is good as long as it stays."""

    category = _of(Category)
    contender = _of(Contender)
    done = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    moved = models.IntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["category", "contender"], name="answer_count")]


class RunCount(models.Model):
    """A run's generations, all of them and those that ended."""

    run = _of(Run)
    contender = _of(Contender)
    total = models.IntegerField(default=0)
    done = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    moved = models.IntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["run", "contender"], name="run_count")]


class ReviewerVotes(models.Model):
    """A reviewer's effective votes, counted or not, and how often the answer on either side won. `last_cast_at`: when
    the newest was cast, one that was taken back included."""

    category = _of(Category)
    reviewer = _of(Reviewer)
    votes = models.IntegerField(default=0)
    left_won = models.IntegerField(default=0)
    right_won = models.IntegerField(default=0)
    last_cast_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["category", "reviewer"], name="reviewer_votes"),
            models.Index(fields=["reviewer"], name="votes_of_reviewer"),
        ]


class ContenderVotes(models.Model):
    """Votes that count, of a contender on either side: moved with the tallies, under the ledger's lock
    (`evals.voting.tallies`), so there is one row for each key on both engines."""

    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="+", db_index=False)
    contender = models.ForeignKey(Contender, on_delete=models.PROTECT, related_name="+", db_index=False)
    votes = models.IntegerField(default=0)
    both_bad = models.IntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["category", "contender"], name="contender_votes_once")]


class KeptFigures(models.Model):
    """What a page shows and takes long to compute, as of `version` of what it is computed from."""

    name = models.CharField(max_length=120, unique=True)
    version = models.CharField(max_length=200)
    figures = models.JSONField()
    computed_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


_KEYS: dict[type[models.Model], tuple[str, ...]] = {
    AnswerCount: ("category_id", "contender_id"),
    RunCount: ("run_id", "contender_id"),
    ReviewerVotes: ("category_id", "reviewer_id"),
}
_LATEST = "last_cast_at"


def fold() -> int:
    """Add up the rows of each key into one; returns how many rows are fewer. Any number of processes at once, beside
    any number of writers: rows that another one is adding up are left to it."""
    return sum(_fold(model, keys) for model, keys in _KEYS.items())


@transaction.atomic
def _fold(model: type[models.Model], keys: tuple[str, ...]) -> int:
    rows = model._default_manager
    if not rows.values(*keys).annotate(n=models.Count("pk")).filter(n__gt=1).exists():
        return 0
    locked = rows.select_for_update(skip_locked=True) if connection.vendor == "postgresql" else rows
    ids = list(locked.order_by("pk").values_list("pk", flat=True)[:_FOLDED])
    some = rows.filter(pk__in=ids)
    sums = [field.attname for field in model._meta.concrete_fields if field.attname not in ("id", *keys, _LATEST)]
    figures: dict[str, Any] = {f"sum_{name}": Sum(name) for name in sums}
    if _LATEST in {field.attname for field in model._meta.concrete_fields}:
        figures[f"sum_{_LATEST}"] = Max(_LATEST)
    added = [
        model(**{name.removeprefix("sum_"): value for name, value in row.items()})
        for row in some.order_by().values(*keys).annotate(**figures)
    ]
    some.delete()
    rows.bulk_create(added)
    return len(ids) - len(added)


def recount_runs(runs: Iterable[int]) -> None:
    """Count the items of these runs anew, which the caller has locked. Where others write meanwhile, it is one
    statement: what it counts and what they have appended are of the same moment."""
    for pk in runs:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute(f"WITH gone AS (DELETE FROM evals_runcount WHERE run_id = %s) {RECOUNT_RUN}", [pk, pk])  # noqa: S608
            else:
                cursor.execute("DELETE FROM evals_runcount WHERE run_id = %s", [pk])
                cursor.execute(RECOUNT_RUN, [pk])


@transaction.atomic
def recount(tables: Iterable[str] = TABLES) -> None:
    """Count anew, from the answers, the items of runs and the votes themselves. All writers of these wait meanwhile:
    some seconds for a million votes. The database does it, whatever the number of rows."""
    # Their version is `moved`, which begins again.
    KeptFigures.objects.filter(name__startswith="evidence:").delete()
    with connection.cursor() as cursor:
        for statement in lock_statements(connection.vendor):
            cursor.execute(statement)
        for table in tables:
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608 (one of our own tables)
            cursor.execute(RECOUNT[table])


def recount_after_migrate(sender: AppConfig, using: str, plan: object = None, **_: Any) -> None:
    """Receiver of `post_migrate`: while tables are changed, nothing follows them on SQLite, and a migration may move
    what is counted. After migrating backwards the tables may not be there."""
    if sender.name == "evals" and plan and using == connection.alias:
        there = set(connection.introspection.table_names())
        if there.issuperset([*TABLES, KeptFigures._meta.db_table]):
            recount()
