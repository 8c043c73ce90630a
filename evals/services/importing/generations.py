"""Answers collected elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone

from evals.models import Attempt, Contender, Generation, Task, TaskSet
from evals.models.generations import ErrorCategory
from evals.services.blinding import names_itself
from evals.services.checks import run_checks
from evals.services.declined import looks_like_refusal
from evals.services.importing.contender_names import Named, contenders_named
from evals.services.importing.errors import BadValueError, Problems, UnreadableError
from evals.services.importing.generation_rows import GENERATION_FIELDS, Answer, answer_key, read_answer
from evals.services.importing.known import KnownTasks
from evals.services.importing.limits import Limits
from evals.services.importing.lines import Source
from evals.services.importing.reading import Layout, read_rows
from evals.services.importing.samples import Samples

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

    Reads the file twice: once to find every error without holding the database, once to write. `task_set` is for
    rows that name none; `contenders` maps names in the file to contenders' slugs.
    """
    layout = Layout(GENERATION_FIELDS, file_format, columns or {}, limits or Limits())
    known = KnownTasks()
    problems = Problems()
    found = _Found()
    for answer, where, task_id in _answers(source, layout, problems, known, task_set):
        found.models.setdefault(answer.model, answer.line)
        found.tasks.add(task_id)
        found.task_sets.add(where)
    problems.raise_if_any()
    with transaction.atomic():
        # The same file imported twice at once: the second waits here, and then finds the first one's rows.
        list(TaskSet.objects.select_for_update().filter(slug__in=found.task_sets).order_by("pk"))
        before = set(Contender.objects.values_list("slug", flat=True))
        named = contenders_named(found.models, chosen=contenders or {}, problems=problems)
        problems.raise_if_any()
        answers = ((answer, task_id) for answer, _, task_id in _answers(source, layout, problems, known, task_set))
        counts = _write(answers, named, found.tasks)
        problems.raise_if_any()
        if dry_run:
            transaction.set_rollback(True)
    slugs = {contender.slug for contender in named.values()}
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


def _write(answers: Iterable[tuple[Answer, int]], named: Named, task_ids: set[int]) -> _Counts:
    samples = _stored(named, task_ids)
    tasks = _Tasks()
    counts = _Counts()
    batch: list[tuple[Generation, Answer]] = []
    for answer, task_id in answers:
        counts.rows += 1
        contender = named[answer.model]
        sample = samples.setdefault((task_id, contender.pk), Samples()).place(answer.key, answer.sample)
        if sample is None:
            continue
        generation = _generation(tasks.get(task_id), contender, sample, answer)
        counts.new += 1
        counts.failed += generation.state == Generation.State.FAILED
        counts.quarantined += bool(generation.quarantine)
        counts.moved += answer.sample is not None and sample != answer.sample
        batch.append((generation, answer))
        if len(batch) == _BATCH:
            _store(batch)
            batch = []
    _store(batch)
    return counts


def _stored(named: Named, task_ids: set[int]) -> dict[tuple[int, int], Samples]:
    """What these contenders have for these tasks, also what is still being collected. Texts are read, not kept."""
    samples: dict[tuple[int, int], Samples] = {}
    finished = (Generation.State.DONE, Generation.State.FAILED)
    contenders = sorted({contender.pk for contender in named.values()})
    ids = sorted(task_ids)
    for start in range(0, len(ids), _BATCH):
        rows = Generation.objects.filter(contender__in=contenders, task__in=ids[start : start + _BATCH])
        columns = ("task_id", "contender_id", "sample", "state", "text", "error", "error_detail")
        for task_id, contender_id, sample, state, text, error, detail in (
            rows.order_by("sample", "take").values_list(*columns).iterator()
        ):
            key = answer_key(text, detail if error else "") if state in finished else None
            samples.setdefault((task_id, contender_id), Samples()).store(sample, key)
    return samples


class _Tasks:
    """Tasks as they come up; a file usually has its answers sorted by task or by model."""

    def __init__(self) -> None:
        self._kept: dict[int, Task] = {}

    def get(self, task_id: int) -> Task:
        if task_id not in self._kept:
            if len(self._kept) >= 5_000:
                self._kept.clear()
            self._kept[task_id] = Task.objects.get(pk=task_id)
        return self._kept[task_id]


def _generation(task: Task, contender: Contender, sample: int, answer: Answer) -> Generation:
    failed = bool(answer.error)
    quarantine = names_itself(answer.text, contender, messages=task.messages)
    return Generation(
        task=task,
        contender=contender,
        sample=sample,
        state=Generation.State.FAILED if failed else Generation.State.DONE,
        attempts_made=1,
        text=answer.text,
        error=ErrorCategory.IMPORTED if failed else "",
        error_detail=answer.error,
        quarantine=quarantine[: Generation._meta.get_field("quarantine").max_length],
        finished_at=timezone.now(),
        **_measured(answer),
        refused=not failed and looks_like_refusal(answer.text),
        checks=[] if failed else run_checks(task.checks, text=answer.text),
    )


def _measured(answer: Answer) -> dict[str, Any]:
    names = ("latency_ms", "ttft_ms", "tokens_in", "tokens_out", "cost_usd")
    return {name: getattr(answer, name) for name in names}


def _store(batch: list[tuple[Generation, Answer]]) -> None:
    now = timezone.now()
    Generation.objects.bulk_create(generation for generation, _ in batch)
    # One call each, so that cost per success counts an imported answer as it counts our own.
    Attempt.objects.bulk_create(
        Attempt(
            generation=generation,
            n=1,
            started_at=now,
            error=generation.error,
            error_detail=generation.error_detail,
            **_measured(answer),
        )
        for generation, answer in batch
    )
