"""Imports votes that were cast elsewhere, by default with LMArena's columns."""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from pathlib import PurePath
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from evals.catalog.names import BadValueError, derived_slug
from evals.catalog.services.categories import CategoryNameError, named_categories
from evals.catalog.services.task_sets import TaskSetError, add_tasks_known_by_id, check_task_set_slug
from evals.models import Category, Contender, TaskSet, Vote, VoteImport
from evals.models.bulk import insert
from evals.models.votes import LeftSide, Outcome
from evals.transfer.files.errors import Problems, UnreadableError
from evals.transfer.files.rows import Layout, Row, read_rows
from evals.transfer.files.text import Limits, Source, check_size
from evals.transfer.files.values import id_text, is_missing, moment, name_text, prose, required
from evals.transfer.names import KnownTasks, Named, contenders_named
from evals.voting import ledger, tallies
from evals.voting.reviewers import imported_reviewers

__all__ = [
    "JUDGES",
    "LABELS",
    "VOTE_FIELDS",
    "Place",
    "VoteRow",
    "VotesImported",
    "import_votes",
    "read_labels",
    "read_vote",
    "tasks_voted_on",
]

VOTE_FIELDS = ("task_set", "question_id", "model_a", "model_b", "winner", "judge", "category", "tstamp")

# The source of judges' names in files whose rows name their task sets: one name is one person across these.
JUDGES = "judge"

# Labels of the winner column. "a" and "b" are short forms, for --value.
LABELS: dict[str, str] = {
    "model_a": "a",
    "model_b": "b",
    "tie": "tie",
    "tie (bothbad)": "both_bad",
    "a": "a",
    "b": "b",
    "both_bad": "both_bad",
}


@dataclass(frozen=True, slots=True)
class VoteRow:
    """`winner` is a, b, tie or both_bad. `row` counts the votes of the file, `line` its lines.

    `judged_for` is the source within which a judge's name is one person: the task set or, if rows name their task sets
    themselves, as exports do, all such files. Empty: no judge is named.
    """

    line: int
    row: int
    task_set: str
    question: str
    model_a: str
    model_b: str
    winner: str
    judge: str
    judged_for: str
    category: str
    at: datetime | None

    def outcome(self, *, a_is_lo: bool) -> Outcome:
        if self.winner in ("a", "b"):
            return Outcome.LO if (self.winner == "a") == a_is_lo else Outcome.HI
        return Outcome(self.winner)


def read_labels(given: Mapping[str, str]) -> dict[str, str]:
    """The labels known by default and those given: `{"left": "a"}`. A value may be any of `LABELS`."""
    labels = dict(LABELS)
    for theirs, ours in given.items():
        if ours not in LABELS:
            raise UnreadableError(
                f"--value {theirs}={ours}: “{ours}” is not one of {', '.join(LABELS)}. The file's label comes first, "
                "Arena's second, as in --value left=a."
            )
        labels[theirs] = LABELS[ours]
    return labels


def read_vote(row: Row, *, number: int, task_set: str, labels: Mapping[str, str]) -> VoteRow:
    fields = row.fields
    model_a = name_text(required(fields, "model_a"), "model_a", longest=255)
    model_b = name_text(required(fields, "model_b"), "model_b", longest=255)
    if model_a == model_b:
        raise BadValueError(f"model_a and model_b are both “{model_a}”.")
    label = prose(required(fields, "winner"), "winner").strip()
    if label not in labels:
        raise BadValueError(
            f"winner “{label[:40]}” is not known; it is one of {', '.join(labels)}. Say what it means with "
            f'--value "{label[:40]}=…".'
        )
    judge, category = fields.get("judge"), fields.get("category")
    # A few distinct strings, repeated on every row.
    return VoteRow(
        line=row.line,
        row=number,
        task_set=sys.intern(task_set),
        question=sys.intern(id_text(required(fields, "question_id"), "question_id", longest=200)),
        model_a=sys.intern(model_a),
        model_b=sys.intern(model_b),
        winner=labels[label],
        judge="" if is_missing(judge) else sys.intern(name_text(judge, "judge", longest=200)),
        judged_for="" if is_missing(judge) else _judged_for(task_set, own=not is_missing(fields.get("task_set"))),
        category="" if is_missing(category) else sys.intern(name_text(category, "category", longest=120)),
        at=moment(fields.get("tstamp"), "tstamp"),
    )


def _judged_for(task_set: str, *, own: bool) -> str:
    """ "user" by itself is the source of Arena's own users."""
    if own:
        return JUDGES
    return "user-set" if task_set == "user" else task_set


_Question = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Place:
    task_id: int
    category_id: int


def tasks_voted_on(
    rows: Iterable[VoteRow], *, category: str, source: str, problems: Problems
) -> tuple[dict[_Question, Place], int]:
    """The task and category of each (task set, question), and how many tasks are new.

    A task in the set keeps its category, and a row that names another one is a problem: a vote cannot count in two.
    A task that is not in the set is created, known by its id, in the category its rows name, or in `category`.
    """
    known = KnownTasks()
    named, lines = _named_by(rows, category, known)
    try:
        categories = named_categories(lines)
    except CategoryNameError as error:
        problems.add(lines[error.name], str(error))
        return {}, 0
    by_id = {one.pk: one for one in categories.values()}
    by_id |= Category.objects.in_bulk({one.category_id for slug in known.seen for one in known.of(slug).values()})
    places: dict[_Question, Place] = {}
    new: dict[str, dict[str, Category]] = {}
    for (task_set, question), names in named.items():
        there = known.find(task_set, question)
        meant = by_id[there.category_id] if there else None
        for name, line in names.items():
            says = categories[name] if name else None
            meant = meant or says
            if meant is None:
                problems.add(line, f"question “{question}” has no category. Give --category, or a column for it.")
            elif says is not None and says != meant:
                problems.add(line, _conflict(task_set, question, meant, says))
        if there:
            places[task_set, question] = Place(there.task_id, there.category_id)
        elif meant is not None:
            new.setdefault(task_set, {})[question] = meant
    if problems.total:
        return {}, 0
    for task_set, questions in new.items():
        made = add_tasks_known_by_id(task_set_slug=task_set, categories=questions, source=f"votes in {source}")
        places |= {(task_set, question): Place(made[question], one.pk) for question, one in questions.items()}
    return places, sum(map(len, new.values()))


def _named_by(
    rows: Iterable[VoteRow], default: str, known: KnownTasks
) -> tuple[dict[_Question, dict[str, int]], dict[str, int]]:
    """For each question, the categories its rows name; for each category's name, the first line with it."""
    named: dict[_Question, dict[str, int]] = {}
    lines: dict[str, int] = {}
    for row in rows:
        name = row.category
        if not name and known.find(row.task_set, row.question) is None:
            name = default
        named.setdefault((row.task_set, row.question), {}).setdefault(name, row.line)
        if name:
            lines.setdefault(name, row.line)
    return named, lines


def _conflict(task_set: str, question: str, meant: Category, says: Category) -> str:
    return (
        f"question “{question}” of {task_set} is in the category “{meant.name}”, and this row has “{says.name}”. "
        "Correct whichever is wrong: the row, or the task's category in the task set."
    )


_COLUMNS = (
    *("category_id", "seq", "n", "vote_import_id", "row", "cast_at", "created_at"),
    *("reviewer_id", "task_id", "lo_id", "hi_id", "left", "outcome"),
)
_FACTS = attrgetter(*_COLUMNS[7:])


@dataclass(frozen=True)
class VotesImported:
    """`already`: this file was imported before with the same options, and nothing was added."""

    votes: int
    already: bool
    reviewers: int = 0
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
class _ReadingOptions:
    """How the file is read, which with its content identifies an import."""

    task_set: str
    category: str
    columns: dict[str, str]
    values: dict[str, str]
    contenders: dict[str, str]

    def digest(self, source: Source) -> str:
        options = {
            "task_set": self.task_set,
            "category": self.category,
            "columns": {name: column for name, column in self.columns.items() if name != column},
            "values": {label: ours for label, ours in self.values.items() if LABELS.get(label) != LABELS[ours]},
            "contenders": self.contenders,
        }
        sha256 = hashlib.sha256(json.dumps(options, sort_keys=True).encode() + b"\n")
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

    The same file with the same options adds nothing. Unknown task sets, tasks, categories and contenders are created.
    `task_set` (by default the file's name) and `category` are for rows without one. `values` says what the file's
    labels mean: {"left": "a"}. Marks the categories for ranking in the same transaction.
    """
    labels = read_labels(values or {})
    layout = Layout(VOTE_FIELDS, file_format, columns or {}, limits or Limits())
    check_size(source, layout.limits)
    task_set = _task_set(task_set, source)
    way = _ReadingOptions(task_set, category, dict(columns or {}), dict(values or {}), dict(contenders or {}))
    sha256 = way.digest(source)
    if VoteImport.objects.filter(sha256=sha256).exists():
        return VotesImported(votes=0, already=True, dry_run=dry_run)
    if category:
        category = _category(category)
    problems = Problems()
    rows = list(_vote_rows(source, layout, problems, task_set, labels))
    problems.raise_if_any()
    _check_voted_on(rows, problems)
    problems.raise_if_any()
    try:
        with transaction.atomic():
            vote_import = VoteImport.objects.create(sha256=sha256, name=source.name[:255], rows=len(rows))
            imported = _store(rows, vote_import, category=category, contenders=way.contenders, dry_run=dry_run)
            if dry_run:
                transaction.set_rollback(True)
    except IntegrityError:
        if not VoteImport.objects.filter(sha256=sha256).exists():
            raise
        # The same file is being imported twice at once, and the other import was first.
        return VotesImported(votes=0, already=True, dry_run=dry_run)
    return imported


def _check_voted_on(rows: Iterable[VoteRow], problems: Problems) -> None:
    """Tasks in long prompts are measured and never voted on. A vote on one is not one on the task itself either: the
    answers were other ones."""
    lines: dict[str, int] = {}
    for row in rows:
        lines.setdefault(row.task_set, row.line)
    for slug, short in TaskSet.objects.filter(slug__in=lines, long_context_of__isnull=False).values_list(
        "slug", "long_context_of__slug"
    ):
        reason = f"task set “{slug}” holds the tasks of {short} in long prompts, which are measured and not voted on."
        problems.add(lines[slug], f"{reason} If these are votes on the tasks themselves, name {short}.")


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


def _vote_rows(
    source: Source, layout: Layout, problems: Problems, task_set: str, labels: Mapping[str, str]
) -> Iterator[VoteRow]:
    known = KnownTasks()
    for number, row in enumerate(read_rows(source, layout, problems), start=1):
        try:
            where = known.task_set(row.fields.get("task_set"), task_set)
            vote = read_vote(row, number=number, task_set=where, labels=labels)
            known.check_id(where, vote.question)
            yield vote
        except BadValueError as error:
            problems.add(row.line, str(error))


def _store(
    rows: Sequence[VoteRow],
    vote_import: VoteImport,
    *,
    category: str,
    contenders: Mapping[str, str],
    dry_run: bool,
) -> VotesImported:
    task_sets = sorted({row.task_set for row in rows})
    # Another import may be adding the same new tasks: one waits for the other.
    list(TaskSet.objects.select_for_update().filter(slug__in=task_sets).order_by("pk"))
    problems = Problems()
    lines: dict[str, int] = {}
    for row in rows:
        lines.setdefault(row.model_a, row.line)
        lines.setdefault(row.model_b, row.line)
    before = set(Contender.objects.values_list("slug", flat=True))
    named = contenders_named(lines, chosen=contenders, problems=problems)
    _check_two(rows, named, problems)
    places, tasks_new = tasks_voted_on(rows, category=category, source=vote_import.name, problems=problems)
    problems.raise_if_any()
    reviewers = _reviewers(rows, vote_import)
    by_category = _cast(rows, vote_import, named, places, reviewers)
    slugs = {contender.slug for contender in named.values()}
    return VotesImported(
        votes=len(rows),
        already=False,
        reviewers=len(set(reviewers.values())),
        task_sets=tuple(task_sets),
        tasks=len(places),
        tasks_new=tasks_new,
        contenders=tuple(sorted(slugs)),
        contenders_new=tuple(sorted(slugs - before)),
        by_category=by_category,
        by_winner=dict(Counter(row.winner for row in rows)),
        notices=_notices(category, by_category, rows),
        dry_run=dry_run,
    )


def _check_two(rows: Sequence[VoteRow], named: Named, problems: Problems) -> None:
    """Two names may have been mapped to one contender; a vote between them would be meaningless."""
    for row in rows:
        a, b = named.get(row.model_a), named.get(row.model_b)
        if a is not None and a == b:
            problems.add(row.line, f"“{row.model_a}” and “{row.model_b}” are both contender {a.slug}.")


def _reviewers(rows: Sequence[VoteRow], vote_import: VoteImport) -> dict[tuple[str, str], int]:
    """Reviewer ids by (source, judge)."""
    judges: dict[str, set[str]] = {}
    for row in rows:
        judges.setdefault(row.judged_for, set()).add(row.judge)
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
    rows: Sequence[VoteRow],
    vote_import: VoteImport,
    named: Named,
    places: Mapping[tuple[str, str], Place],
    reviewers: Mapping[tuple[str, str], int],
) -> dict[str, int]:
    """Write the votes, in the file's order within each category; returns how many each category got."""
    sizes = Counter(places[row.task_set, row.question].category_id for row in rows)
    # Locked in one order, in which every writer of several ledgers locks them.
    categories = {one.pk: one for one in Category.objects.filter(pk__in=sizes).order_by("pk")}
    ledgers = {pk: ledger.lock(category) for pk, category in categories.items()}
    seqs = {pk: iter(ledger.take_seqs(ledgers[pk], sizes[pk])) for pk in ledgers}
    added: dict[int, Counter[tallies.VoteFacts]] = {pk: Counter() for pk in ledgers}
    now = timezone.now()

    def votes() -> Iterator[tuple[Any, ...]]:
        for row in rows:
            place = places[row.task_set, row.question]
            a, b = named[row.model_a].pk, named[row.model_b].pk
            lo, hi = (a, b) if a < b else (b, a)
            # The file says which model was called a, not where it was shown. Plain strings: enumeration members are
            # hashed and stored several times as slowly, while others wait to write.
            facts = tallies.VoteFacts(
                reviewer_id=reviewers[row.judged_for, row.judge],
                task_id=place.task_id,
                lo_id=lo,
                hi_id=hi,
                left=LeftSide.UNKNOWN.value,
                outcome=row.outcome(a_is_lo=a == lo).value,
            )
            added[place.category_id][facts] += 1
            at = row.at or now
            seq = next(seqs[place.category_id])
            yield (place.category_id, seq, 1, vote_import.pk, row.row, at, now, *_FACTS(facts))

    insert(Vote, _COLUMNS, votes())
    for pk, category in categories.items():
        tallies.move(category=category, added=added[pk])
        ledger.enqueue_rank(ledgers[pk])
    return {category.slug: sizes[pk] for pk, category in categories.items()}


def _notices(category: str, by_category: Mapping[str, int], rows: Sequence[VoteRow]) -> tuple[str, ...]:
    notices = []
    without = sum(1 for row in rows if not row.judge)
    if without:
        notices.append(f"{without:,} rows name no judge: they count as one reviewer's votes.")
    elsewhere = {slug: n for slug, n in by_category.items() if slug != derived_slug(category, longest=80)}
    if category and elsewhere and not all(row.category for row in rows):
        counts = ", ".join(f"{slug} {n:,}" for slug, n in elsewhere.items())
        notices.append(f"Votes count in the category of their task: {counts}.")
    return tuple(notices)
