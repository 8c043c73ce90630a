"""What is found out about an answer before it is stored: its task's checks, refusals, names it gives away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from evals.models import Contender, Generation, Task
from evals.services.checking.checks import run_checks
from evals.services.checking.declined import looks_like_refusal
from evals.services.importing.generation_rows import Answer, answer_key
from evals.services.importing.samples import Samples
from evals.services.voting.blinding import names_itself

__all__ = ["Judge", "Judgement", "Stored", "stored_samples"]

Stored = dict[tuple[int, int], Samples]

_CHUNK = 500
_TASKS_KEPT = 5_000
_QUARANTINE_LENGTH = Generation._meta.get_field("quarantine").max_length


@dataclass(frozen=True, slots=True)
class Judgement:
    quarantine: str
    refused: bool
    checks: list[dict[str, Any]]


class Judge:
    """Judges answers by the contenders that wrote them, outside any transaction: a pattern may take its time, and
    on SQLite nobody can vote while another writes. `named` need not be stored."""

    def __init__(self, named: Mapping[str, Contender]) -> None:
        self._named = named
        self._tasks: dict[int, Task] = {}
        self._made: dict[int, Judgement] = {}

    def judge_new(self, answers: Iterable[tuple[Answer, int]], task_ids: Iterable[int]) -> None:
        """Those that are not there yet, as far as can be said before the writing transaction."""
        samples = stored_samples(self._named.values(), task_ids)
        for answer, task_id in answers:
            there = samples.get((task_id, self._named[answer.model].pk))
            if there is None or not there.has(answer.key):
                self._made[answer.line] = self._judge(answer, task_id)

    def of(self, answer: Answer, task_id: int) -> Judgement:
        return self._made.get(answer.line) or self._judge(answer, task_id)

    def _judge(self, answer: Answer, task_id: int) -> Judgement:
        task = self._task(task_id)
        quarantine = names_itself(answer.text, self._named[answer.model], messages=task.messages)
        return Judgement(
            quarantine=quarantine[:_QUARANTINE_LENGTH],
            refused=not answer.error and looks_like_refusal(answer.text),
            checks=[] if answer.error else run_checks(task.checks, text=answer.text),
        )

    def _task(self, task_id: int) -> Task:
        """A file usually has its answers sorted by task or by model."""
        if task_id not in self._tasks:
            if len(self._tasks) >= _TASKS_KEPT:
                self._tasks.clear()
            self._tasks[task_id] = Task.objects.get(pk=task_id)
        return self._tasks[task_id]


def stored_samples(contenders: Iterable[Contender], task_ids: Iterable[int]) -> Stored:
    """What these contenders have for these tasks, also what is still being collected. Texts are read, not kept."""
    samples: Stored = {}
    finished = (Generation.State.DONE, Generation.State.FAILED)
    by = sorted({contender.pk for contender in contenders})
    ids = sorted(task_ids)
    for start in range(0, len(ids), _CHUNK):
        rows = Generation.objects.filter(contender__in=by, task__in=ids[start : start + _CHUNK])
        columns = ("task_id", "contender_id", "sample", "state", "text", "error", "error_detail")
        for task_id, contender_id, sample, state, text, error, detail in (
            rows.order_by("sample", "take").values_list(*columns).iterator()
        ):
            key = answer_key(text, detail if error else "") if state in finished else None
            samples.setdefault((task_id, contender_id), Samples()).store(sample, key)
    return samples
