"""Imports answers that were collected elsewhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from django.db import transaction
from django.utils import timezone

from arena.ui.wording import count
from evals.catalog.conversations import written
from evals.catalog.names import BadValueError
from evals.catalog.queries.task_sets import KnownTask
from evals.collection.checks.refusals import looks_like_refusal
from evals.collection.checks.run import run_checks
from evals.collection.checks.tokens import tokens_of_last
from evals.collection.providers import ToolCall
from evals.collection.providers.answer import without_thinking
from evals.collection.quarantine import reveals_its_model
from evals.collection.quarantine.cases import detected
from evals.models import Attempt, Contender, Generation, Task, TaskSet
from evals.models.bulk import insert
from evals.models.generations import ErrorCategory
from evals.transfer.files.errors import Problems, UnreadableError
from evals.transfer.files.rows import Layout, Row, read_rows
from evals.transfer.files.text import Limits, Source
from evals.transfer.files.values import (
    Fields,
    id_text,
    is_missing,
    json_value,
    money,
    name_text,
    number,
    prose,
    required,
    whole_number,
)
from evals.transfer.images import ImageFiles, ImportedImages, ImportLimits
from evals.transfer.messages import MOST_TURNS, read_calls
from evals.transfer.names import KnownTasks, Named, contenders_named

__all__ = [
    "GENERATION_FIELDS",
    "TURN_FIELDS",
    "Answer",
    "AnswerChecker",
    "CheckedAnswer",
    "GenerationsImported",
    "Samples",
    "Stored",
    "answer_key",
    "import_generations",
    "in_openai_form",
    "read_answer",
    "stored_samples",
]

GENERATION_FIELDS = (
    "task_set",
    "task",
    "model",
    "text",
    "images",
    "tool_calls",
    "turns",
    "sample",
    "latency_ms",
    "ttft_ms",
    "gap_ms_p50",
    "gap_ms_p95",
    "tokens_in",
    "tokens_out",
    "cost_usd",
    "error",
)
# Of one turn, beside its text and tool calls.
TURN_FIELDS = (
    "thinking",
    "finish_reason",
    "latency_ms",
    "ttft_ms",
    "tokens_in",
    "tokens_out",
    "tokens_in_cached",
    "tokens_thinking",
    "cost_usd",
)
# Of the whole answer alone: those of its turns do not add up.
_GAPS = ("gap_ms_p50", "gap_ms_p95")
_TURN_COUNTS = ("tokens_in", "tokens_out", "tokens_in_cached", "tokens_thinking")
_ERROR_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """`error` empty: the call succeeded, even if the text is empty. `images`: as the file names them, until they are
    read; then by their content."""

    line: int
    task: str
    model: str
    text: str
    thinking: str
    images: tuple[str, ...]
    tool_calls: list[dict[str, str]]
    turns: list[dict[str, Any]]
    sample: int | None
    latency_ms: float | None
    ttft_ms: float | None
    gap_ms_p50: float | None
    gap_ms_p95: float | None
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: Decimal | None
    error: str

    @property
    def key(self) -> bytes:
        return answer_key(self.text, self.error, self.written, self.images)

    @property
    def written(self) -> list[tuple[str, tuple[str, ...]]]:
        return written(text=self.text, tool_calls=self.tool_calls, turns=self.turns)

    @property
    def calls(self) -> list[ToolCall]:
        """Of all turns."""
        turns = self.turns or [{"tool_calls": self.tool_calls}]
        return [ToolCall(**call) for turn in turns for call in turn["tool_calls"]]


def answer_key(text: str, error: str, answers: list[tuple[str, tuple[str, ...]]], images: Sequence[str] = ()) -> bytes:
    """Two answers of a contender to a task are the same if their keys are equal. `answers`: the texts and calls of all
    turns (`evals.catalog.conversations.written`)."""
    more = json.dumps(answers) if len(answers) > 1 or answers[0][1] else ""
    return hashlib.sha256("\x00".join([f"{len(error)}:{error}{text}{more}", *images]).encode()).digest()


def read_answer(row: Row, limits: Limits | None = None) -> Answer:
    fields = row.fields
    limits = limits or Limits()
    error = " ".join(prose(fields.get("error"), "error").split())[:_ERROR_LENGTH]
    turns = _turns(fields.get("turns"), limits)
    if turns and not is_missing(fields.get("tool_calls")) and is_missing(fields.get("text")):
        raise BadValueError("has turns and tool_calls. Write the calls of a conversation into its turns.")
    calls = fields.get("tool_calls")
    calls = [] if is_missing(calls) else _calls(json_value(calls, "tool_calls", limits), "the row")
    images = _images(fields, limits)
    if "text" not in fields and not error and not turns and not calls and not images:
        raise BadValueError("has no text. If it is in another column, use --map text=…")
    text, thinking = without_thinking(prose(fields.get("text"), "text"))
    if turns:
        last = turns[-1]
        if not is_missing(fields.get("text")) and text != last["text"]:
            raise BadValueError("text is not the text of the last of its turns. Leave it out, or correct one of them.")
        text, thinking, calls = last["text"], last["thinking"], last["tool_calls"]
    return Answer(
        line=row.line,
        task=id_text(required(fields, "task"), "task", longest=200),
        model=name_text(required(fields, "model"), "model", longest=255),
        text=text,
        thinking=thinking,
        images=images,
        tool_calls=calls,
        turns=turns,
        sample=whole_number(fields, "sample", least=1, most=32_767),
        error=error,
        **_figures(fields, turns),
    )


def _images(fields: Fields, limits: Limits | None) -> tuple[str, ...]:
    given = fields.get("images")
    if is_missing(given):
        return ()
    named = json_value(given, "images", limits or Limits())
    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        raise BadValueError('images must be a JSON list of files, data: URLs or addresses, such as ["cat.png"].')
    return tuple(named)


def _figures(fields: Mapping[str, Any], turns: list[dict[str, Any]]) -> dict[str, Any]:
    """Of the whole answer: as the row tells them, else from the turns, unknown if one of them does not tell its own."""
    read: dict[str, Callable[[Mapping[str, Any], str], Any]] = {
        "latency_ms": number,
        "ttft_ms": number,
        "tokens_in": whole_number,
        "tokens_out": whole_number,
        "cost_usd": money,
    }
    told = {name: of(fields, name) for name, of in read.items()}
    gaps = {name: number(fields, name) for name in _GAPS}
    p50, p95 = (gaps[name] for name in _GAPS)
    if p50 is not None and p95 is not None and p95 < p50:
        raise BadValueError("gap_ms_p95 is less than gap_ms_p50. Correct one of them.")
    for name in [name for name, value in told.items() if value is None and turns]:
        values = [turn[name] for turn in turns]
        if name == "ttft_ms":
            told[name] = values[0]
        elif None not in values:
            total = sum(Decimal(str(one)) for one in values)
            # The sum has the limits of a figure that a row gives itself.
            told[name] = read[name]({name: str(total)}, name)
    return told | gaps


def _turns(given: Any, limits: Limits) -> list[dict[str, Any]]:
    """As `Generation.turns` keeps them. One turn may be a text alone."""
    if is_missing(given):
        return []
    given = json_value(given, "turns", limits)
    if not isinstance(given, list):
        raise BadValueError('turns must be a JSON list, such as ["…", "…"] or [{"text": "…", "latency_ms": 900}, …].')
    if len(given) > MOST_TURNS:
        raise BadValueError(f"has {len(given):,} turns; the limit is {MOST_TURNS}.")
    return [_turn(f"turn {n}", {"text": one} if isinstance(one, str) else one) for n, one in enumerate(given, start=1)]


def _turn(where: str, given: Any) -> dict[str, Any]:
    known = {"text", "tool_calls", *TURN_FIELDS}
    if not isinstance(given, dict) or set(given) - known:
        what = str(min(set(given) - known) if isinstance(given, dict) else given)[:40]
        raise BadValueError(f"{where} has “{what}”; a turn is a text, or an object of {', '.join(sorted(known))}.")
    try:
        text, thinking = without_thinking(prose(given.get("text"), "text"))
        cost = money(given, "cost_usd")
        return {
            "text": text,
            "thinking": prose(given.get("thinking"), "thinking") or thinking,
            "tool_calls": _calls(given.get("tool_calls") or [], where),
            "finish_reason": prose(given.get("finish_reason"), "finish_reason")[:40],
            "ttft_ms": number(given, "ttft_ms"),
            "latency_ms": number(given, "latency_ms"),
            **{name: whole_number(given, name) for name in _TURN_COUNTS},
            "cost_usd": None if cost is None else float(cost),
        }
    except BadValueError as error:
        raise BadValueError(f"{where}: {error}" if where not in str(error) else str(error)) from None


def _calls(given: Any, where: str) -> list[dict[str, str]]:
    """From OpenAI's form to the one that generations store."""
    return [{"id": call["id"], **call["function"]} for call in read_calls(given, where)]


def in_openai_form(calls: list[dict[str, str]]) -> list[dict[str, Any]]:
    return [
        {
            "id": call.get("id", ""),
            "type": "function",
            "function": {"name": call.get("name", ""), "arguments": call.get("arguments", "")},
        }
        for call in calls
    ]


class Samples:
    """The samples of one contender for one task: those stored, and those this import adds.

    An answer that is already stored is recognised, so importing a file twice adds nothing. A different one takes the
    number it asks for or, if that is taken, the next free one: ids whose tasks have equal content are one task, and
    each of them may have its own "sample 1".
    """

    def __init__(self) -> None:
        self._taken: set[int] = set()
        self._by_key: dict[bytes, list[int]] = {}
        self._claimed: set[int] = set()

    def store(self, sample: int, key: bytes | None) -> None:
        """`key` None: the number is reserved for an answer that is still being collected."""
        self._taken.add(sample)
        if key is not None:
            self._by_key.setdefault(key, []).append(sample)

    def has(self, key: bytes) -> bool:
        return key in self._by_key

    def place(self, key: bytes, wanted: int | None) -> int | None:
        """The number for a new answer; None if the answer is already stored."""
        there = self._by_key.get(key, [])
        if wanted is None and there:
            self._claimed.add(there[0])
            return None
        if wanted in there:
            self._claimed.add(wanted)
            return None
        if wanted in self._taken:
            # It may have got another number when the file was first imported.
            moved = next((sample for sample in there if sample not in self._claimed), None)
            if moved is not None:
                self._claimed.add(moved)
                return None
        sample = wanted if wanted is not None and wanted not in self._taken else self._next()
        self.store(sample, key)
        self._claimed.add(sample)
        return sample

    def _next(self) -> int:
        return max(self._taken, default=0) + 1


Stored = dict[tuple[int, int], Samples]

_CHUNK = 500
_TASKS_KEPT = 5_000


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    quarantine: str
    refused: bool
    checks: list[dict[str, Any]]


class AnswerChecker:
    """Runs the tasks' checks on answers and looks for model names, outside any transaction: a pattern may take long,
    and on SQLite no vote can be stored meanwhile. Contenders in `named` need not be stored."""

    def __init__(self, named: Mapping[str, Contender]) -> None:
        self._named = named
        self._tasks: dict[int, Task] = {}
        self._made: dict[int, CheckedAnswer] = {}

    def check_new(self, answers: Iterable[tuple[Answer, int]], task_ids: Iterable[int]) -> None:
        """Check the answers that are not stored yet, as far as is known before the writing transaction."""
        samples = stored_samples(self._named.values(), task_ids)
        for answer, task_id in answers:
            there = samples.get((task_id, self._named[answer.model].pk))
            if there is None or not there.has(answer.key):
                self._made[answer.line] = self._check(answer, task_id)

    def of(self, answer: Answer, task_id: int) -> CheckedAnswer:
        return self._made.get(answer.line) or self._check(answer, task_id)

    def _check(self, answer: Answer, task_id: int) -> CheckedAnswer:
        task = self._task(task_id)
        quarantine = reveals_its_model(answer.written, self._named[answer.model], task)
        if answer.error:
            return CheckedAnswer(quarantine, refused=False, checks=[])
        refused = any(looks_like_refusal(text) for text, _ in answer.written)
        tokens = tokens_of_last(
            turns=answer.turns, tokens_out=answer.tokens_out, tokens_thinking=None, thinking=answer.thinking
        )
        checks = run_checks(task.checks, text=answer.text, tool_calls=answer.calls, refused=refused, tokens=tokens)
        return CheckedAnswer(quarantine, refused, checks)

    def _task(self, task_id: int) -> Task:
        """Cached: a file usually has its answers sorted by task or by model."""
        if task_id not in self._tasks:
            if len(self._tasks) >= _TASKS_KEPT:
                self._tasks.clear()
            self._tasks[task_id] = Task.objects.get(pk=task_id)
        return self._tasks[task_id]


def stored_samples(contenders: Iterable[Contender], task_ids: Iterable[int]) -> Stored:
    """The samples of these contenders for these tasks, including those still being collected. Texts are read, not
    kept."""
    samples: Stored = {}
    finished = (Generation.State.DONE, Generation.State.FAILED)
    by = sorted({contender.pk for contender in contenders})
    ids = sorted(task_ids)
    for start in range(0, len(ids), _CHUNK):
        rows = Generation.objects.filter(contender__in=by, task__in=ids[start : start + _CHUNK])
        told = ("error", "error_detail", "text", "tool_calls", "turns", "images")
        columns = ("task_id", "contender_id", "sample", "state", *told)
        for task_id, contender_id, sample, state, error, detail, text, calls, turns, images in (
            rows.order_by("sample", "take").values_list(*columns).iterator()
        ):
            answers = written(text=text, tool_calls=calls, turns=turns)
            key = answer_key(text, detail if error else "", answers, images) if state in finished else None
            samples.setdefault((task_id, contender_id), Samples()).store(sample, key)
    return samples


_BATCH = 500


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


@dataclass
class _Counts:
    rows: int = 0
    new: int = 0
    failed: int = 0
    quarantined: int = 0
    moved: int = 0


@dataclass
class _Found:
    """The result of the first pass over the file: every row is valid, and these are the names in it."""

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
    image_files: ImageFiles | None = None,
    image_limits: ImportLimits | None = None,
    dry_run: bool = False,
) -> GenerationsImported:
    """All of the file or, with a RefusedError, nothing; importing a file twice adds nothing.

    Reads the file three times: to find every error, to check the answers, and to write. Only the last pass locks the
    database. `task_set` is for rows without one; `contenders` maps names in the file to contenders' slugs.
    """
    layout = Layout(GENERATION_FIELDS, file_format, columns or {}, limits or Limits())
    with ImportedImages(image_files, limits=image_limits, only_png=True) as images:
        return _import(source, layout, task_set, contenders or {}, images, dry_run=dry_run)


def _import(
    source: Source,
    layout: Layout,
    task_set: str,
    contenders: Mapping[str, str],
    images: ImportedImages,
    *,
    dry_run: bool,
) -> GenerationsImported:
    known, problems, found = KnownTasks(), Problems(), _Found()
    for answer, where, task_id in _answers(source, layout, problems, known, task_set, images):
        found.models.setdefault(answer.model, answer.line)
        found.tasks.add(task_id)
        found.task_sets.add(where)
    problems.raise_if_any()

    def answers() -> Iterator[tuple[Answer, int]]:
        given = _answers(source, layout, problems, known, task_set, images)
        return ((answer, task_id) for answer, _, task_id in given)

    def named() -> Named:
        made = contenders_named(found.models, chosen=contenders, problems=problems)
        problems.raise_if_any()
        return made

    with transaction.atomic():
        # Created only for the checks, and rolled back.
        before = set(Contender.objects.values_list("slug", flat=True))
        checker = AnswerChecker(named())
        transaction.set_rollback(True)
    checker.check_new(answers(), found.tasks)
    if not dry_run:
        images.keep_files()
    with transaction.atomic():
        # If the same file is imported twice at once, the second waits here and then finds the first one's rows.
        list(TaskSet.objects.select_for_update().filter(slug__in=found.task_sets).order_by("pk"))
        images.keep_rows()
        final = named()
        counts = _write(answers(), final, checker, stored_samples(final.values(), found.tasks))
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
    source: Source, layout: Layout, problems: Problems, known: KnownTasks, default: str, images: ImportedImages
) -> Iterator[tuple[Answer, str, int]]:
    """Each valid row with its task set and its task's id."""
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
            yield answer, where, task.task_id
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


def _write(answers: Iterable[tuple[Answer, int]], named: Named, checker: AnswerChecker, samples: Stored) -> _Counts:
    counts = _Counts()
    batch: list[_New] = []
    for answer, task_id in answers:
        counts.rows += 1
        contender = named[answer.model]
        sample = samples.setdefault((task_id, contender.pk), Samples()).place(answer.key, answer.sample)
        if sample is None:
            continue
        checked = checker.of(answer, task_id)
        counts.new += 1
        counts.failed += bool(answer.error)
        counts.quarantined += bool(checked.quarantine)
        counts.moved += answer.sample is not None and sample != answer.sample
        batch.append(_New(answer, checked, (task_id, contender.pk, sample)))
        if len(batch) == _BATCH:
            _store(batch)
            batch = []
    if batch:
        _store(batch)
    return counts


@dataclass(frozen=True, slots=True)
class _New:
    answer: Answer
    checked: CheckedAnswer
    place: tuple[int, int, int]


_PLACE = ("task_id", "contender_id", "sample")
_MEASURED = ("latency_ms", "ttft_ms", "tokens_in", "tokens_out", "cost_usd")
_measured, _gaps = attrgetter(*_MEASURED), attrgetter(*_GAPS)


def _store(batch: list[_New]) -> None:
    now = timezone.now()
    insert(Generation, (*_PLACE, *_MEASURED, *_GAPS, *_generation(batch[0], now)), (_row(new, now) for new in batch))
    ids = _ids(batch)
    shown = (new for new in batch if new.checked.quarantine and not new.answer.error)
    detected({ids[new.place]: new.checked.quarantine for new in shown}, at=now)
    # One attempt each, so that cost per success counts imported answers like collected ones.
    columns = ("generation_id", "n", "started_at", "error", "error_detail", "cost_source", *_MEASURED)
    insert(
        Attempt,
        columns,
        ((ids[new.place], 1, now, _error(new), new.answer.error, "", *_measured(new.answer)) for new in batch),
    )


def _row(new: _New, now: datetime) -> tuple[Any, ...]:
    return (*new.place, *_measured(new.answer), *_gaps(new.answer), *_generation(new, now).values())


def _generation(new: _New, now: datetime) -> dict[str, Any]:
    return {
        "take": 1,
        "state": Generation.State.FAILED if new.answer.error else Generation.State.DONE,
        "not_before": now,
        "attempts_made": 1,
        "ahead": False,
        "text": new.answer.text,
        "thinking": new.answer.thinking,
        "cost_source": "",
        "finish_reason": "",
        "tool_calls": new.answer.tool_calls,
        "images": list(new.answer.images),
        "turns": new.answer.turns,
        "error": _error(new),
        "error_detail": new.answer.error,
        "checks": new.checked.checks,
        "refused": new.checked.refused,
        "quarantine": new.checked.quarantine,
        "created_at": now,
        "finished_at": now,
    }


def _error(new: _New) -> str:
    return ErrorCategory.IMPORTED if new.answer.error else ""


def _ids(batch: list[_New]) -> dict[tuple[int, int, int], int]:
    tasks, contenders = {new.place[0] for new in batch}, {new.place[1] for new in batch}
    rows = Generation.objects.filter(task__in=tasks, contender__in=contenders, take=1)
    return {row[1:]: row[0] for row in rows.values_list("pk", *_PLACE).iterator()}
