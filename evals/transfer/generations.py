"""Imports answers that were collected elsewhere."""

from __future__ import annotations

import tempfile
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO

import msgspec
import numpy as np
from django.db import transaction

from arena.ui.wording import count
from evals.catalog.names import BadValueError
from evals.catalog.queries.task_sets import KnownTask
from evals.models import Contender, FileImport, Task
from evals.transfer.answers import GENERATION_FIELDS, Answer, read_answer
from evals.transfer.files.errors import Problems, UnreadableError
from evals.transfer.files.rows import Layout, read_rows
from evals.transfer.files.text import Limits, Source
from evals.transfer.images import ImageFiles, ImportedImages, ImportLimits
from evals.transfer.names import KnownTasks, Named, contenders_named
from evals.transfer.portions.finishing import finish_left, store
from evals.transfer.portions.generations import StagedAnswer, body_of, names_of_generations, placed
from evals.transfer.portions.staging import accepted, staged

__all__ = ["PORTION", "GenerationsImported", "import_generations"]

# Of one portion: stored in about a tenth of a second.
PORTION = 1_000
_PORTION_BYTES = 4 << 20


@dataclass(frozen=True)
class GenerationsImported:
    """`present` rows were already stored; `failed`, `quarantined` and `moved` are among the new. A moved answer got
    another sample number than its row asks for."""

    rows: int
    new: int
    present: int
    failed: int
    quarantined: int
    moved: int
    contenders: tuple[str, ...]
    contenders_new: tuple[str, ...]
    dry_run: bool


def import_generations(
    *,
    source: Source,
    task_set: str = "",
    file_format: str = "auto",
    columns: Mapping[str, str] | None = None,
    contenders: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    image_files: ImageFiles | None = None,
    image_limits: ImportLimits | None = None,
    dry_run: bool = False,
    portion: int = PORTION,
) -> GenerationsImported:
    """All of the file or, with a RefusedError, nothing; importing a file twice adds nothing.

    Reads the file once, for every error in it, and keeps its answers in a temporary file; checks them; and stores them
    in portions (`evals.transfer.portions`) of so many. Memory grows with a portion, and with the rows by 24 bytes each.
    `task_set` is for rows without one; `contenders` maps names in the file to contenders' slugs.
    """
    layout = Layout(GENERATION_FIELDS, file_format, columns or {}, limits or Limits())
    with (
        ImportedImages(image_files, limits=image_limits, only_png=True) as images,
        tempfile.TemporaryFile(prefix="arena-import-") as spool,
    ):
        answers = _Answers(spool, portion)
        problems = Problems()
        for answer, task_id in _read(source, layout, problems, task_set, images):
            answers.add(answer, task_id)
        problems.raise_if_any()
        before = set(Contender.objects.values_list("slug", flat=True))
        with transaction.atomic():
            # Created only for the checks, and rolled back.
            named = _named(answers, contenders or {})
            transaction.set_rollback(True)
        slugs = {contender.slug for contender in named.values()}
        if dry_run:
            counts = sum((found for _, found in _checked(answers, named, before)), Counter())
        else:
            images.keep_files()
            counts = _store(source.name, answers, named, before, contenders or {}, images)
    return GenerationsImported(
        rows=len(answers),
        new=counts["new"],
        present=len(answers) - counts["new"],
        failed=counts["failed"],
        quarantined=counts["quarantined"],
        moved=counts["moved"],
        contenders=tuple(sorted(slugs)),
        contenders_new=tuple(sorted(slugs - before)),
        dry_run=dry_run,
    )


class _Answers:
    """The answers of a file, in a temporary one: written in its order, read by task and contender, so that whatever
    decides about a sample stands together."""

    def __init__(self, spool: IO[bytes], portion: int) -> None:
        self._spool = spool
        self._most = portion
        self.models: dict[str, int] = {}
        # Of each row its model's number, its task's id, and the length of what is kept of it.
        self._model, self._task, self._length = array("q"), array("q"), array("q")
        self._encoder = msgspec.msgpack.Encoder()
        self.lines: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._model)

    def add(self, answer: Answer, task_id: int) -> None:
        model = self.models.setdefault(answer.model, len(self.models))
        self.lines.setdefault(answer.model, answer.line)
        body = self._encoder.encode(StagedAnswer.of(answer, model, task_id))
        self._spool.write(body)
        for column, value in ((self._model, model), (self._task, task_id), (self._length, len(body))):
            column.append(value)

    def portions(self) -> Iterator[list[StagedAnswer]]:
        """Each has all answers of its contenders to its tasks."""
        model, task, length = (np.array(column) for column in (self._model, self._task, self._length))
        begins = np.cumsum(length) - length
        order = np.lexsort((model, task))
        decoder = msgspec.msgpack.Decoder(StagedAnswer)
        portion: list[StagedAnswer] = []
        size = 0
        last = None
        for at in order.tolist():
            this = (int(task[at]), int(model[at]))
            if this != last and (len(portion) >= self._most or size >= _PORTION_BYTES):
                yield portion
                portion, size = [], 0
            last = this
            self._spool.seek(int(begins[at]))
            portion.append(decoder.decode(self._spool.read(int(length[at]))))
            size += int(length[at])
        if portion:
            yield portion


def _named(answers: _Answers, contenders: Mapping[str, str]) -> Named:
    problems = Problems()
    named = contenders_named(answers.lines, chosen=contenders, problems=problems)
    problems.raise_if_any()
    return named


def _checked(answers: _Answers, named: Named, stored: set[str]) -> Iterator[tuple[list[StagedAnswer], Counter[str]]]:
    """Each portion with what is new in it checked, and what would be stored of it. Outside any transaction. `stored`
    are the slugs of the contenders that are there: `named` has others too."""
    by_model = [named[name] for name in answers.models]
    ids = [contender.pk if contender.slug in stored else None for contender in by_model]
    for portion in answers.portions():
        numbers = placed(portion, ids)
        new = [(answer, number) for answer, number in zip(portion, numbers, strict=True) if number is not None]
        tasks = Task.objects.in_bulk({answer.task_id for answer, _ in new})
        found = Counter({"new": len(new), "failed": 0, "quarantined": 0, "moved": 0})
        for answer, number in new:
            answer.checked = answer.check(by_model[answer.model], tasks[answer.task_id])
            found["failed"] += bool(answer.error)
            found["quarantined"] += bool(answer.checked.quarantine)
            found["moved"] += answer.sample not in (None, number)
        yield _with_something_new(portion, numbers), found


def _with_something_new(portion: Sequence[StagedAnswer], numbers: Sequence[int | None]) -> list[StagedAnswer]:
    """Without those of a contender to a task that are all stored. Of the others every one counts: a text that is stored
    under one number may be asked for under another."""
    pairs = {(a.task_id, a.model) for a, number in zip(portion, numbers, strict=True) if number is not None}
    return [answer for answer in portion if (answer.task_id, answer.model) in pairs]


def _store(
    name: str,
    answers: _Answers,
    named: Named,
    before: set[str],
    contenders: Mapping[str, str],
    images: ImportedImages,
) -> Counter[str]:
    """Returns what was stored."""
    finish_left()
    counts: Counter[str] = Counter()
    with staged(FileImport.Kind.GENERATIONS, name) as staging:
        for portion, found in _checked(answers, named, before):
            if portion:
                staging.add(body_of(portion), len(portion))
            counts += found
        accept = staging.file_import
        with transaction.atomic():
            images.keep_rows()
            final = _named(answers, contenders)
            accept.names = names_of_generations(final[model].pk for model in answers.models)
            accepted(accept)
    stored = store(accept)
    return counts if stored is None else Counter(stored)


def _read(
    source: Source, layout: Layout, problems: Problems, default: str, images: ImportedImages
) -> Iterator[tuple[Answer, int]]:
    """Each valid row with its task's id."""
    known = KnownTasks()
    for row in read_rows(source, layout, problems):
        try:
            where = known.task_set(row.fields.get("task_set"), default)
            if not where:
                raise UnreadableError("Name the task set these answers belong to: --task-set SLUG.")
            answer = read_answer(row, layout.limits)
            if answer.images:
                answer = replace(answer, images=tuple(images.named(answer.images)))
            task = _task(known, where, answer.task)
            _check_turns(answer, task)
            yield answer, task.task_id
        except BadValueError as error:
            problems.add(row.line, str(error))


def _check_turns(answer: Answer, task: KnownTask) -> None:
    """A conversation is judged as a whole, so all of it has to be there."""
    if answer.error or len(answer.turns) == task.turns or (task.turns == 1 and not answer.turns):
        return
    if not answer.turns:
        raise BadValueError(
            f"task “{answer.task}” is a conversation with {task.turns} answers. Give all of them: turns, a JSON list."
        )
    raise BadValueError(f"has {len(answer.turns)} turns; task “{answer.task}” asks for {count(task.turns, 'answer')}.")


def _task(known: KnownTasks, task_set: str, external_id: str) -> KnownTask:
    known.check_id(task_set, external_id)
    task = known.find(task_set, external_id)
    if task is None:
        raise BadValueError(f"task “{external_id}” is not in the task set {task_set}. Import its tasks first.")
    if not task.has_text:
        raise BadValueError(
            f"task “{external_id}” of {task_set} is known only from votes, without its text. Import the task set first."
        )
    return task
