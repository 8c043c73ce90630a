"""Votes cast elsewhere."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import PurePath
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from evals.models import Category, Contender, TaskSet, Vote, VoteImport
from evals.models.votes import LeftSide
from evals.services import ledger, tallies
from evals.services.importing.contender_names import Named, contenders_named
from evals.services.importing.errors import BadValueError, Problems, UnreadableError
from evals.services.importing.known import KnownTasks
from evals.services.importing.limits import Limits
from evals.services.importing.lines import Source, check_size
from evals.services.importing.reading import Layout, read_rows
from evals.services.importing.values import name_text
from evals.services.importing.vote_rows import LABELS, VOTE_FIELDS, Verdict, read_labels, read_verdict
from evals.services.importing.vote_tasks import Place, tasks_voted_on
from evals.services.inserting import insert
from evals.services.naming import derived_slug
from evals.services.task_sets import TaskSetError, check_task_set_slug
from evals.services.voting.reviewers import imported_reviewers

__all__ = ["VotesImported", "import_votes"]

_COLUMNS = (
    *("category_id", "seq", "n", "vote_import_id", "row", "cast_at", "created_at"),
    *("reviewer_id", "task_id", "lo_id", "hi_id", "left", "outcome"),
)
_FACTS = attrgetter(*_COLUMNS[7:])


@dataclass(frozen=True)
class VotesImported:
    """`already`: this file was imported before, read in the same way, and nothing was added."""

    votes: int
    already: bool
    reviewers: int = 0
    without_judge: int = 0
    task_sets: tuple[str, ...] = ()
    tasks: int = 0
    tasks_new: int = 0
    contenders: tuple[str, ...] = ()
    contenders_new: tuple[str, ...] = ()
    by_category: dict[str, int] = field(default_factory=dict)
    by_winner: dict[str, int] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True)
class _Way:
    """How the file is read; part of what makes an import this import."""

    task_set: str
    category: str
    columns: dict[str, str]
    values: dict[str, str]
    contenders: dict[str, str]

    def digest(self, source: Source) -> str:
        told = {
            "task_set": self.task_set,
            "category": self.category,
            "columns": {name: column for name, column in self.columns.items() if name != column},
            "values": {label: ours for label, ours in self.values.items() if LABELS.get(label) != LABELS[ours]},
            "contenders": self.contenders,
        }
        sha256 = hashlib.sha256(json.dumps(told, sort_keys=True).encode() + b"\n")
        source.stream.seek(0)
        while piece := source.stream.read(1024 * 1024):
            sha256.update(piece)
        return sha256.hexdigest()


def import_votes(
    *,
    source: Source,
    task_set: str = "",
    category: str = "",
    file_format: str = "auto",
    columns: Mapping[str, str] | None = None,
    values: Mapping[str, str] | None = None,
    contenders: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    dry_run: bool = False,
) -> VotesImported:
    """Every row is a vote, repeats included. All of the file or, with a RefusedError, nothing.

    The same file read in the same way adds nothing. Unknown task sets, tasks, categories and contenders are made.
    `task_set` (else the file's name) is for rows that name none, and so is `category`. `values` says what the
    file's labels mean: {"left": "a"}. Marks the categories for ranking in the same transaction.
    """
    labels = read_labels(values or {})
    layout = Layout(VOTE_FIELDS, file_format, columns or {}, limits or Limits())
    check_size(source, layout.limits)
    task_set = _task_set(task_set, source)
    way = _Way(task_set, category, dict(columns or {}), dict(values or {}), dict(contenders or {}))
    sha256 = way.digest(source)
    if VoteImport.objects.filter(sha256=sha256).exists():
        return VotesImported(votes=0, already=True, dry_run=dry_run)
    if category:
        category = _category(category)
    problems = Problems()
    verdicts = list(_verdicts(source, layout, problems, task_set, labels))
    problems.raise_if_any()
    try:
        with transaction.atomic():
            vote_import = VoteImport.objects.create(sha256=sha256, name=source.name[:255], rows=len(verdicts))
            imported = _store(verdicts, vote_import, category=category, contenders=way.contenders, dry_run=dry_run)
            if dry_run:
                transaction.set_rollback(True)
    except IntegrityError:
        if not VoteImport.objects.filter(sha256=sha256).exists():
            raise
        # The same file, imported twice at once: the other one was first.
        return VotesImported(votes=0, already=True, dry_run=dry_run)
    return imported


def _task_set(slug: str, source: Source) -> str:
    slug = slug or derived_slug(PurePath(source.name).stem, longest=80)
    try:
        check_task_set_slug(slug)
    except TaskSetError as error:
        raise UnreadableError(f"{error} Give it with --task-set.") from None
    return slug


def _category(name: str) -> str:
    try:
        return name_text(name, "category", longest=120)
    except BadValueError as error:
        raise UnreadableError(f"--category: {error}") from None


def _verdicts(
    source: Source, layout: Layout, problems: Problems, task_set: str, labels: Mapping[str, str]
) -> Iterator[Verdict]:
    known = KnownTasks()
    for number, row in enumerate(read_rows(source, layout, problems), start=1):
        try:
            where = known.task_set(row.fields.get("task_set"), task_set)
            yield read_verdict(row, number=number, task_set=where, labels=labels)
        except BadValueError as error:
            problems.add(row.line, str(error))


def _store(
    verdicts: Sequence[Verdict],
    vote_import: VoteImport,
    *,
    category: str,
    contenders: Mapping[str, str],
    dry_run: bool,
) -> VotesImported:
    task_sets = sorted({verdict.task_set for verdict in verdicts})
    # Another import may be naming the same new tasks: one after the other.
    list(TaskSet.objects.select_for_update().filter(slug__in=task_sets).order_by("pk"))
    problems = Problems()
    lines: dict[str, int] = {}
    for verdict in verdicts:
        lines.setdefault(verdict.model_a, verdict.line)
        lines.setdefault(verdict.model_b, verdict.line)
    before = set(Contender.objects.values_list("slug", flat=True))
    named = contenders_named(lines, chosen=contenders, problems=problems)
    _check_two(verdicts, named, problems)
    places, tasks_new = tasks_voted_on(verdicts, category=category, source=vote_import.name, problems=problems)
    problems.raise_if_any()
    reviewers = _reviewers(verdicts, vote_import)
    by_category = _cast(verdicts, vote_import, named, places, reviewers)
    slugs = {contender.slug for contender in named.values()}
    return VotesImported(
        votes=len(verdicts),
        already=False,
        reviewers=len(set(reviewers.values())),
        without_judge=sum(1 for verdict in verdicts if not verdict.judge),
        task_sets=tuple(task_sets),
        tasks=len(places),
        tasks_new=tasks_new,
        contenders=tuple(sorted(slugs)),
        contenders_new=tuple(sorted(slugs - before)),
        by_category=by_category,
        by_winner=dict(Counter(verdict.winner for verdict in verdicts)),
        notices=_notices(category, by_category, verdicts),
        dry_run=dry_run,
    )


def _check_two(verdicts: Sequence[Verdict], named: Named, problems: Problems) -> None:
    """Two names may have been said to be one contender, and then a vote between them says nothing."""
    for verdict in verdicts:
        a, b = named.get(verdict.model_a), named.get(verdict.model_b)
        if a is not None and a == b:
            problems.add(verdict.line, f"“{verdict.model_a}” and “{verdict.model_b}” are both contender {a.slug}.")


def _reviewers(verdicts: Sequence[Verdict], vote_import: VoteImport) -> dict[tuple[str, str], int]:
    """Reviewer ids by (whose, judge)."""
    judges: dict[str, set[str]] = {}
    for verdict in verdicts:
        judges.setdefault(verdict.judged_for, set()).add(verdict.judge)
    ids: dict[tuple[str, str], int] = {}
    for source, names in judges.items():
        if source:
            found = imported_reviewers(source=source, names=names)
            ids |= {(source, name): reviewer.pk for name, reviewer in found.items()}
    if "" in judges:
        source = f"import {vote_import.sha256[:16]}"
        ids["", ""] = imported_reviewers(source=source, names=[vote_import.name])[vote_import.name].pk
    return ids


def _cast(
    verdicts: Sequence[Verdict],
    vote_import: VoteImport,
    named: Named,
    places: Mapping[tuple[str, str], Place],
    reviewers: Mapping[tuple[str, str], int],
) -> dict[str, int]:
    """Write the votes, in the file's order within each category; returns how many each category got."""
    sizes = Counter(places[verdict.task_set, verdict.question].category_id for verdict in verdicts)
    # Locked in one order, as by every writer of several ledgers.
    categories = {one.pk: one for one in Category.objects.filter(pk__in=sizes).order_by("pk")}
    ledgers = {pk: ledger.lock(category) for pk, category in categories.items()}
    seqs = {pk: iter(ledger.take_seqs(ledgers[pk], sizes[pk])) for pk in ledgers}
    added: dict[int, Counter[tallies.VoteFacts]] = {pk: Counter() for pk in ledgers}
    now = timezone.now()

    def rows() -> Iterator[tuple[Any, ...]]:
        for verdict in verdicts:
            place = places[verdict.task_set, verdict.question]
            a, b = named[verdict.model_a].pk, named[verdict.model_b].pk
            lo, hi = (a, b) if a < b else (b, a)
            # The file says which was called a, not where it was shown. Plain strings: members of an enumeration are
            # hashed and stored several times as slowly, while others wait to write.
            facts = tallies.VoteFacts(
                reviewer_id=reviewers[verdict.judged_for, verdict.judge],
                task_id=place.task_id,
                lo_id=lo,
                hi_id=hi,
                left=LeftSide.UNKNOWN.value,
                outcome=verdict.outcome(a_is_lo=a == lo).value,
            )
            added[place.category_id][facts] += 1
            at = verdict.at or now
            seq = next(seqs[place.category_id])
            yield (place.category_id, seq, 1, vote_import.pk, verdict.row, at, now, *_FACTS(facts))

    insert(Vote, _COLUMNS, rows())
    for pk, category in categories.items():
        tallies.move(category=category, added=added[pk])
        ledger.enqueue_rank(ledgers[pk])
    return {category.slug: sizes[pk] for pk, category in categories.items()}


def _notices(category: str, by_category: Mapping[str, int], verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    notices = []
    without = sum(1 for verdict in verdicts if not verdict.judge)
    if without:
        notices.append(f"{without:,} rows name no judge: they count as the votes of one reviewer.")
    elsewhere = {slug: n for slug, n in by_category.items() if slug != derived_slug(category, longest=80)}
    if category and elsewhere and not all(verdict.category for verdict in verdicts):
        told = ", ".join(f"{slug} {n:,}" for slug, n in elsewhere.items())
        notices.append(f"Votes count in the category of their task: {told}.")
    return tuple(notices)
