"""Storing a portion of answers: each as a generation with one attempt, or nothing where it is stored already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import numpy as np
from django.utils import timezone

from evals.catalog.conversations import written
from evals.collection.checks.tokens import tokens_of_last
from evals.collection.providers import ToolCall
from evals.collection.quarantine.cases import detected
from evals.models import Attempt, Contender, FileImport, Generation, Task
from evals.models.bulk import insert
from evals.models.generations import ErrorCategory
from evals.transfer.answers import FIGURES, Answer, answer_key
from evals.transfer.checking import Checked, check
from evals.transfer.samples import Samples, stored_samples

__all__ = ["GenerationPortions", "StagedAnswer", "body_of", "names_of_generations", "placed"]


_TOKENS_OUT = list(FIGURES).index("tokens_out")


class StagedAnswer(msgspec.Struct, array_like=True):
    """A row of the file. `model` is the number of its name; `checked` None: it was stored already when the file was
    checked, or it has not been checked yet."""

    model: int
    task_id: int
    text: str
    thinking: str
    images: tuple[str, ...]
    tool_calls: list[dict[str, str]]
    turns: list[dict[str, Any]]
    sample: int | None
    # Amounts of money as texts, which lose nothing.
    figures: list[float | int | str | None]
    error: str
    key: bytes
    checked: Checked | None = None

    @classmethod
    def of(cls, answer: Answer, model: int, task_id: int) -> StagedAnswer:
        said = written(text=answer.text, tool_calls=answer.tool_calls, turns=answer.turns)
        return cls(
            model=model,
            task_id=task_id,
            text=answer.text,
            thinking=answer.thinking,
            images=answer.images,
            tool_calls=answer.tool_calls,
            turns=answer.turns,
            sample=answer.sample,
            figures=[one if one is None or isinstance(one, int | float) else str(one) for one in answer.figures],
            error=answer.error,
            key=answer_key(answer.text, answer.error, said, answer.images),
        )

    def check(self, contender: Contender, task: Task) -> Checked:
        turns = self.turns or [{"tool_calls": self.tool_calls}]
        calls = [ToolCall(**call) for turn in turns for call in turn["tool_calls"]]
        said = written(text=self.text, tool_calls=self.tool_calls, turns=self.turns)
        told = self.figures[_TOKENS_OUT]
        tokens = tokens_of_last(
            turns=self.turns,
            tokens_out=None if told is None else int(told),
            tokens_thinking=None,
            thinking=self.thinking,
        )
        return check(
            said, text=self.text, tool_calls=calls, tokens=tokens, error=self.error, contender=contender, task=task
        )


def body_of(answers: Sequence[StagedAnswer]) -> bytes:
    return msgspec.msgpack.encode(answers)


_decoder = msgspec.msgpack.Decoder(list[StagedAnswer])


def names_of_generations(contenders: Iterable[int]) -> bytes:
    """The ids of the contenders, in the order of their numbers, as the import keeps them."""
    return np.asarray(list(contenders), "<i8").tobytes()


class _New(NamedTuple):
    answer: StagedAnswer
    checked: Checked
    # Its task, contender and sample.
    place: tuple[int, int, int]


def placed(answers: Sequence[StagedAnswer], contender_ids: Sequence[int | None]) -> list[int | None]:
    """The sample that each becomes, None for one that is stored already. The answers are all that the file has of their
    contenders for their tasks. A contender without an id is new."""
    there = {pk for pk in {contender_ids[answer.model] for answer in answers} if pk is not None}
    stored = stored_samples(there, {answer.task_id for answer in answers})
    samples: dict[tuple[int, int], Samples] = {}
    numbers: list[int | None] = []
    for answer in answers:
        place = (answer.task_id, answer.model)
        pk = contender_ids[answer.model]
        if place not in samples:
            samples[place] = stored.get((answer.task_id, pk), Samples()) if pk is not None else Samples()
        numbers.append(samples[place].place(answer.key, answer.sample))
    return numbers


class GenerationPortions:
    """Stores the portions of one accepted import of answers."""

    def __init__(self, file_import: FileImport) -> None:
        self._contenders: list[int] = np.frombuffer(bytes(file_import.names), "<i8").tolist()
        self._by_id: dict[int, Contender] = {}

    def prepare(self, body: bytes) -> list[StagedAnswer]:
        return _decoder.decode(body)

    def store(self, prepared: list[StagedAnswer]) -> dict[str, int]:
        """In the transaction of the portion."""
        tasks = {answer.task_id for answer in prepared}
        # Another import of answers to these tasks waits, and then finds what is stored here.
        list(Task.objects.select_for_update(no_key=True).filter(pk__in=tasks).order_by("pk").values_list("pk"))
        numbers = placed(prepared, self._contenders)
        new = [
            _New(answer, self._checked(answer), (answer.task_id, self._contenders[answer.model], number))
            for answer, number in zip(prepared, numbers, strict=True)
            if number is not None
        ]
        _insert(new)
        return {
            "new": len(new),
            "failed": sum(bool(one.answer.error) for one in new),
            "quarantined": sum(bool(one.checked.quarantine) for one in new),
            "moved": sum(one.answer.sample not in (None, one.place[2]) for one in new),
        }

    def finish(self) -> None:
        pass

    def _checked(self, answer: StagedAnswer) -> Checked:
        """It was checked, unless what was stored of it has changed since."""
        if answer.checked is not None:
            return answer.checked
        pk = self._contenders[answer.model]
        if pk not in self._by_id:
            self._by_id[pk] = Contender.objects.select_related("provider").get(pk=pk)
        return answer.check(self._by_id[pk], Task.objects.get(pk=answer.task_id))


_PLACE = ("task_id", "contender_id", "sample")
_ATTEMPTED = [n for n, figure in enumerate(FIGURES.values()) if figure.of_attempt]
_ATTEMPT = ("generation_id", "n", "started_at", "error", "error_detail", "cost_source")


def _insert(new: Sequence[_New]) -> None:
    if not new:
        return
    now = timezone.now()
    insert(
        Generation,
        (*_PLACE, *FIGURES, *_generation(new[0], now)),
        ((*one.place, *one.answer.figures, *_generation(one, now).values()) for one in new),
    )
    ids = _ids(new)
    shown = (one for one in new if one.checked.quarantine and not one.answer.error)
    detected({ids[one.place]: one.checked.quarantine for one in shown}, at=now)
    # One attempt each, so that cost per success counts imported answers like collected ones.
    figures = list(FIGURES)
    insert(
        Attempt,
        (*_ATTEMPT, *(figures[n] for n in _ATTEMPTED)),
        (
            (ids[one.place], 1, now, _error(one), one.answer.error, "", *(one.answer.figures[n] for n in _ATTEMPTED))
            for one in new
        ),
    )


def _generation(new: _New, now: datetime) -> dict[str, Any]:
    return {
        "take": 1,
        "state": Generation.State.FAILED.value if new.answer.error else Generation.State.DONE.value,
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
    return ErrorCategory.IMPORTED.value if new.answer.error else ""


def _ids(new: Sequence[_New]) -> dict[tuple[int, int, int], int]:
    tasks, contenders = {one.place[0] for one in new}, {one.place[1] for one in new}
    rows = Generation.objects.filter(task__in=tasks, contender__in=contenders, take=1)
    return {row[1:]: row[0] for row in rows.values_list("pk", *_PLACE).iterator()}
