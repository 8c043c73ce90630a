"""Answers collected elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.db import transaction
from django.utils import timezone

from evals.models import Attempt, Contender, Generation, TaskSet
from evals.models.generations import ErrorCategory
from evals.services.importing.contender_names import Named, contenders_named
from evals.services.importing.errors import BadValueError, Problems, UnreadableError
from evals.services.importing.generation_rows import GENERATION_FIELDS, Answer, read_answer
from evals.services.importing.judging import Judge, Judgement, Stored, stored_samples
from evals.services.importing.known import KnownTasks
from evals.services.importing.limits import Limits
from evals.services.importing.lines import Source
from evals.services.importing.reading import Layout, read_rows
from evals.services.importing.samples import Samples
from evals.services.inserting import insert

__all__ = ["GenerationsImported", "import_generations"]

_BATCH = 500


@dataclass(frozen=True)
class GenerationsImported:
    """`present` rows were there already; `failed`, `quarantined` and `moved` are among the new. A moved answer
    got another sample number than its row asks for."""

    rows: int
    new: int
    present: int
    failed: int
    quarantined: int
    moved: int
    contenders: tuple[str, ...]
    contenders_new: tuple[str, ...]
    dry_run: bool


@dataclass
class _Counts:
    rows: int = 0
    new: int = 0
    failed: int = 0
    quarantined: int = 0
    moved: int = 0


@dataclass
class _Found:
    """What a first reading of the file learned: every row is sound, and these are the names in it."""

    models: dict[str, int] = field(default_factory=dict)
    tasks: set[int] = field(default_factory=set)
    task_sets: set[str] = field(default_factory=set)


def import_generations(
    *,
    source: Source,
    task_set: str = "",
    file_format: str = "auto",
    columns: Mapping[str, str] | None = None,
    contenders: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    dry_run: bool = False,
) -> GenerationsImported:
    """All of the file or, with a RefusedError, nothing; the same file twice adds nothing.

    Reads the file three times: to find every error, to judge the answers, and to write. Only the last holds the
    database. `task_set` is for rows that name none; `contenders` maps names in the file to contenders' slugs.
    """
    layout = Layout(GENERATION_FIELDS, file_format, columns or {}, limits or Limits())
    known, problems, found = KnownTasks(), Problems(), _Found()
    for answer, where, task_id in _answers(source, layout, problems, known, task_set):
        found.models.setdefault(answer.model, answer.line)
        found.tasks.add(task_id)
        found.task_sets.add(where)
    problems.raise_if_any()

    def answers() -> Iterator[tuple[Answer, int]]:
        return ((answer, task_id) for answer, _, task_id in _answers(source, layout, problems, known, task_set))

    def named() -> Named:
        made = contenders_named(found.models, chosen=contenders or {}, problems=problems)
        problems.raise_if_any()
        return made

    with transaction.atomic():
        # Made only to be judged by, and taken back.
        before = set(Contender.objects.values_list("slug", flat=True))
        judge = Judge(named())
        transaction.set_rollback(True)
    judge.judge_new(answers(), found.tasks)
    with transaction.atomic():
        # The same file imported twice at once: the second waits here, and then finds the first one's rows.
        list(TaskSet.objects.select_for_update().filter(slug__in=found.task_sets).order_by("pk"))
        final = named()
        counts = _write(answers(), final, judge, stored_samples(final.values(), found.tasks))
        problems.raise_if_any()
        if dry_run:
            transaction.set_rollback(True)
    slugs = {contender.slug for contender in final.values()}
    return GenerationsImported(
        rows=counts.rows,
        new=counts.new,
        present=counts.rows - counts.new,
        failed=counts.failed,
        quarantined=counts.quarantined,
        moved=counts.moved,
        contenders=tuple(sorted(slugs)),
        contenders_new=tuple(sorted(slugs - before)),
        dry_run=dry_run,
    )


def _answers(
    source: Source, layout: Layout, problems: Problems, known: KnownTasks, default: str
) -> Iterator[tuple[Answer, str, int]]:
    """Each sound row with its task set and its task's id."""
    for row in read_rows(source, layout, problems):
        try:
            where = known.task_set(row.fields.get("task_set"), default)
            if not where:
                raise UnreadableError("Name the task set these answers belong to: --task-set SLUG.")
            answer = read_answer(row)
            yield answer, where, _task_id(known, where, answer.task)
        except BadValueError as error:
            problems.add(row.line, str(error))


def _task_id(known: KnownTasks, task_set: str, external_id: str) -> int:
    task = known.find(task_set, external_id)
    if task is None:
        raise BadValueError(f"task “{external_id}” is not in the task set {task_set}. Import its tasks first.")
    if not task.asked:
        raise BadValueError(
            f"task “{external_id}” of {task_set} is known only from votes, without its text. Import the tasks first."
        )
    return task.task_id


def _write(answers: Iterable[tuple[Answer, int]], named: Named, judge: Judge, samples: Stored) -> _Counts:
    counts = _Counts()
    batch: list[_New] = []
    for answer, task_id in answers:
        counts.rows += 1
        contender = named[answer.model]
        sample = samples.setdefault((task_id, contender.pk), Samples()).place(answer.key, answer.sample)
        if sample is None:
            continue
        judgement = judge.of(answer, task_id)
        counts.new += 1
        counts.failed += bool(answer.error)
        counts.quarantined += bool(judgement.quarantine)
        counts.moved += answer.sample is not None and sample != answer.sample
        batch.append(_New(answer, judgement, (task_id, contender.pk, sample)))
        if len(batch) == _BATCH:
            _store(batch)
            batch = []
    if batch:
        _store(batch)
    return counts


@dataclass(frozen=True, slots=True)
class _New:
    answer: Answer
    judgement: Judgement
    place: tuple[int, int, int]


_PLACE = ("task_id", "contender_id", "sample")
_MEASURED = ("latency_ms", "ttft_ms", "tokens_in", "tokens_out", "cost_usd")
_measured = attrgetter(*_MEASURED)


def _store(batch: list[_New]) -> None:
    now = timezone.now()
    insert(Generation, (*_PLACE, *_MEASURED, *_generation(batch[0], now)), (_row(new, now) for new in batch))
    ids = _ids(batch)
    # One call each, so that cost per success counts an imported answer as it counts our own.
    columns = ("generation_id", "n", "started_at", "error", "error_detail", *_MEASURED)
    insert(
        Attempt,
        columns,
        ((ids[new.place], 1, now, _error(new), new.answer.error, *_measured(new.answer)) for new in batch),
    )


def _row(new: _New, now: datetime) -> tuple[Any, ...]:
    return (*new.place, *_measured(new.answer), *_generation(new, now).values())


def _generation(new: _New, now: datetime) -> dict[str, Any]:
    return {
        "take": 1,
        "state": Generation.State.FAILED if new.answer.error else Generation.State.DONE,
        "not_before": now,
        "attempts_made": 1,
        "text": new.answer.text,
        "finish_reason": "",
        "tool_calls": [],
        "error": _error(new),
        "error_detail": new.answer.error,
        "checks": new.judgement.checks,
        "refused": new.judgement.refused,
        "quarantine": new.judgement.quarantine,
        "created_at": now,
        "finished_at": now,
    }


def _error(new: _New) -> str:
    return ErrorCategory.IMPORTED if new.answer.error else ""


def _ids(batch: list[_New]) -> dict[tuple[int, int, int], int]:
    tasks, contenders = {new.place[0] for new in batch}, {new.place[1] for new in batch}
    rows = Generation.objects.filter(task__in=tasks, contender__in=contenders, take=1)
    return {row[1:]: row[0] for row in rows.values_list("pk", *_PLACE).iterator()}
