"""Imports votes that were cast elsewhere, by default with LMArena's columns."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import PurePath
from typing import Any

import numpy as np
from django.db import IntegrityError, transaction

from evals.catalog.names import BadValueError, derived_slug
from evals.catalog.services.categories import CategoryNameError, named_categories
from evals.catalog.services.task_sets import TaskSetError, add_tasks_known_by_id, check_task_set_slug
from evals.models import Category, Contender, FileImport, TaskSet, VoteImport
from evals.transfer.files.errors import Problems, UnreadableError
from evals.transfer.files.rows import Layout
from evals.transfer.files.text import Limits, Source, check_size
from evals.transfer.files.values import name_text
from evals.transfer.names import KnownTasks, Named, contenders_named
from evals.transfer.portions.finishing import finish_left, store
from evals.transfer.portions.staging import accepted, staged
from evals.transfer.portions.votes import VOTES, names_of_votes
from evals.transfer.vote_files import LABELS, PORTION, VOTE_FIELDS, WINNERS, VoteFile, read_labels
from evals.voting.reviewers import imported_reviewers

__all__ = ["VotesImported", "import_votes"]


@dataclass(frozen=True)
class VotesImported:
    """`already`: this file was imported before with the same options, and nothing was added. `resumed`: an import of
    this file had been interrupted, and what was left of it has been stored now."""

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
    resumed: bool = False

    @classmethod
    def of_report(cls, report: Mapping[str, Any]) -> VotesImported:
        """As `asdict` made it, after JSON."""
        told: dict[str, Any] = {one.name: report[one.name] for one in fields(cls) if one.name in report}
        lists = {name: tuple(value) for name, value in told.items() if isinstance(value, list)}
        return cls(**(told | lists))


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
    portion: int = PORTION,
) -> VotesImported:
    """Every row is a vote, repeats included. All of the file or, with a RefusedError, nothing.

    The same file with the same options adds nothing. Unknown task sets, tasks, categories and contenders are created.
    `task_set` (by default the file's name) and `category` are for rows without one. `values` says what the file's
    labels mean: {"left": "a"}. Once all of it is read and accepted, the votes are stored in portions
    (`evals.transfer.portions`) of so many, and then the categories are marked for ranking. Memory grows with the names
    in the file, and not with its votes.
    """
    labels = read_labels(values or {})
    layout = Layout(VOTE_FIELDS, file_format, columns or {}, limits or Limits())
    check_size(source, layout.limits)
    task_set = _task_set(task_set, source)
    way = _ReadingOptions(task_set, category, dict(columns or {}), dict(values or {}), dict(contenders or {}))
    sha256 = way.digest(source)
    earlier = VoteImport.objects.filter(sha256=sha256).first()
    if earlier is not None:
        return _again(earlier, dry_run=dry_run)
    if category:
        category = _category(category)
    problems = Problems()
    with tempfile.TemporaryFile(prefix="arena-import-") as spool:
        votes = VoteFile(spool, portion)
        votes.read(source, layout, problems, task_set=task_set, labels=labels)
        _check_voted_on(votes, problems)
        problems.raise_if_any()
        vote_import = VoteImport(sha256=sha256, name=source.name[:255], rows=votes.rows)
        if dry_run:
            with transaction.atomic():
                accepting = _Accepting(votes, vote_import, category=category, contenders=way.contenders)
                transaction.set_rollback(True)
            return replace(accepting.report, dry_run=True)
        finish_left()
        try:
            return _stored(votes, vote_import, category=category, contenders=way.contenders)
        except IntegrityError:
            earlier = VoteImport.objects.filter(sha256=sha256).first()
            if earlier is None:
                raise
            # The same file is being imported twice at once, and the other import was first.
            return replace(_again(earlier, dry_run=False), votes=0, already=True)


def _again(earlier: VoteImport, *, dry_run: bool) -> VotesImported:
    """Its votes are stored, or will be now: its process may have been killed, or is still at it."""
    left = FileImport.objects.filter(vote_import=earlier).first()
    if left is None or dry_run:
        return VotesImported(votes=0, already=True, dry_run=dry_run)
    store(left)
    return replace(VotesImported.of_report(left.report), resumed=True)


def _stored(votes: VoteFile, vote_import: VoteImport, *, category: str, contenders: Mapping[str, str]) -> VotesImported:
    with staged(FileImport.Kind.VOTES, vote_import.name) as staging:
        for body in votes.portions():
            staging.add(body, len(body) // VOTES.itemsize)
        file_import = staging.file_import
        with transaction.atomic():
            accepting = _Accepting(votes, vote_import, category=category, contenders=contenders)
            file_import.vote_import = vote_import
            file_import.names = accepting.names
            file_import.categories = accepting.categories
            file_import.report = asdict(accepting.report)
            accepted(file_import)
    store(file_import)
    return accepting.report


def _check_voted_on(votes: VoteFile, problems: Problems) -> None:
    """Tasks in long prompts are measured and never voted on. A vote on one is not one on the task itself either: the
    answers were other ones."""
    lines: dict[str, int] = {}
    for (task_set, _), line in zip(votes.questions.numbers, votes.questions.lines, strict=True):
        lines.setdefault(task_set, line)
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


class _Accepting:
    """Creates what the file names, in the caller's transaction, and tells what its numbers stand for. Raises
    BadRowsError."""

    names: bytes
    categories: list[int]
    report: VotesImported

    def __init__(
        self, votes: VoteFile, vote_import: VoteImport, *, category: str, contenders: Mapping[str, str]
    ) -> None:
        vote_import.save(force_insert=True)
        task_sets = sorted({task_set for task_set, _ in votes.questions.numbers})
        # Another import may be adding the same new tasks: one waits for the other.
        list(TaskSet.objects.select_for_update().filter(slug__in=task_sets).order_by("pk"))
        problems = Problems()
        before = set(Contender.objects.values_list("slug", flat=True))
        lines = dict(zip(votes.models.numbers, votes.models.lines, strict=True))
        named = contenders_named(lines, chosen=contenders, problems=problems)
        _check_two(votes, named, problems)
        tasks, tasks_new = _tasks_voted_on(votes, category=category, source=vote_import.name, problems=problems)
        problems.raise_if_any()
        reviewers = _reviewers(votes.judges.numbers, vote_import)
        ids = {
            "contenders": np.array([named[name].pk for name in votes.models.numbers], np.int64),
            "tasks": np.array([task.task_id for task in tasks], np.int64),
            "categories": np.array([task.category_id for task in tasks], np.int64),
            "reviewers": np.array(reviewers, np.int64),
        }
        slugs = {contender.slug for contender in named.values()}
        by_category = _by_category(ids["categories"], np.array(votes.votes_of, np.int64))
        self.names = names_of_votes(**ids)
        self.categories = sorted(one.pk for one in by_category)
        self.report = VotesImported(
            votes=votes.rows,
            already=False,
            reviewers=len(set(reviewers)),
            task_sets=tuple(task_sets),
            tasks=len(votes.questions),
            tasks_new=tasks_new,
            contenders=tuple(sorted(slugs)),
            contenders_new=tuple(sorted(slugs - before)),
            by_category={one.slug: n for one, n in by_category.items()},
            by_winner={name: n for name, n in zip(WINNERS, votes.winners.tolist(), strict=True) if n},
            notices=_notices(votes, category, {one.slug: n for one, n in by_category.items()}),
        )


def _check_two(votes: VoteFile, named: Named, problems: Problems) -> None:
    """Two names may have been mapped to one contender; a vote between them would be meaningless."""
    names = list(votes.models.numbers)
    # -1 and below for names that are problems themselves.
    ids = np.array([named[name].pk if name in named else -1 - n for n, name in enumerate(names)], np.int64)
    if len(set(ids.tolist())) == len(names):
        return
    for body in votes.portions():
        rows = np.frombuffer(body, VOTES)
        for row in rows[ids[rows["a"]] == ids[rows["b"]]]:
            a, b = names[row["a"]], names[row["b"]]
            problems.add(int(row["line"]), f"“{a}” and “{b}” are both contender {named[a].slug}.")


@dataclass(frozen=True, slots=True)
class _Place:
    task_id: int
    category_id: int


def _tasks_voted_on(votes: VoteFile, *, category: str, source: str, problems: Problems) -> tuple[list[_Place], int]:
    """The task and category of each question, in the order of their numbers, and how many tasks are new.

    A task in the set keeps its category, and a row that names another one is a problem: a vote cannot count in two.
    A task that is not in the set is created, known by its id, in the category its rows name, or in `category`.
    """
    known = KnownTasks()
    names = list(votes.categories.numbers)
    lines = {name: line for name, line in zip(names, votes.categories.lines, strict=True) if name}
    # The default is a category of the file only if a row needs it.
    for number, (task_set, question) in enumerate(votes.questions.numbers):
        if category and category not in lines and known.find(task_set, question) is None:
            unnamed = (line for one, line in votes.categories_of(number).items() if not names[one])
            lines.update((category, line) for line in unnamed)
    try:
        categories = named_categories(lines)
    except CategoryNameError as error:
        problems.add(lines[error.name], str(error))
        return [], 0
    by_id = {one.pk: one for one in categories.values()}
    by_id |= Category.objects.in_bulk({one.category_id for slug in known.seen for one in known.of(slug).values()})
    places: list[_Place | None] = []
    new: dict[str, dict[str, Category]] = {}
    for number, (task_set, question) in enumerate(votes.questions.numbers):
        there = known.find(task_set, question)
        meant = by_id[there.category_id] if there else None
        for one, line in votes.categories_of(number).items():
            name = names[one] or ("" if there else category)
            says = categories[name] if name else None
            meant = meant or says
            if meant is None:
                problems.add(line, f"question “{question}” has no category. Give --category, or a column for it.")
            elif says is not None and says != meant:
                problems.add(line, _conflict(task_set, question, meant, says))
        places.append(_Place(there.task_id, there.category_id) if there else None)
        if there is None and meant is not None:
            new.setdefault(task_set, {})[question] = meant
    if problems.total:
        return [], 0
    made = {
        task_set: add_tasks_known_by_id(task_set_slug=task_set, categories=questions, source=f"votes in {source}")
        for task_set, questions in new.items()
    }
    return [
        place or _Place(made[task_set][question], new[task_set][question].pk)
        for place, (task_set, question) in zip(places, votes.questions.numbers, strict=True)
    ], sum(map(len, new.values()))


def _conflict(task_set: str, question: str, meant: Category, says: Category) -> str:
    return (
        f"question “{question}” of {task_set} is in the category “{meant.name}”, and this row has “{says.name}”. "
        "Correct whichever is wrong: the row, or the task's category in the task set."
    )


def _reviewers(judges: Iterable[tuple[str, str]], vote_import: VoteImport) -> list[int]:
    """Reviewers' ids, in the order of the judges, which are (source, name)."""
    judges = list(judges)
    ids: dict[tuple[str, str], int] = {}
    for source in {source for source, _ in judges}:
        # Without a judge's name, all rows of the file are one person's.
        of = source or f"import {vote_import.sha256[:16]}"
        names = {(source, name): name if source else vote_import.name for one, name in judges if one == source}
        found = imported_reviewers(source=of, names=names.values())
        ids |= {judge: found[name].pk for judge, name in names.items()}
    return [ids[judge] for judge in judges]


def _by_category(category_of: np.ndarray[Any, Any], votes_of: np.ndarray[Any, Any]) -> dict[Category, int]:
    """Votes by category, from those of each question."""
    categories = Category.with_dimensions.in_bulk(np.unique(category_of).tolist())
    return {one: int(votes_of[category_of == pk].sum()) for pk, one in sorted(categories.items())}


def _notices(votes: VoteFile, category: str, by_category: Mapping[str, int]) -> tuple[str, ...]:
    notices = []
    without = votes.rows_without(("", ""))
    if without:
        notices.append(f"{without:,} rows name no judge: they count as one reviewer's votes.")
    elsewhere = {slug: n for slug, n in by_category.items() if slug != derived_slug(category, longest=80)}
    if category and elsewhere and "" in votes.categories.numbers:
        counts = ", ".join(f"{slug} {n:,}" for slug, n in elsewhere.items())
        notices.append(f"Votes count in the category of their task: {counts}.")
    return tuple(notices)
