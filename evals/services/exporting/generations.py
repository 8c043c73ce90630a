"""Answers out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.models import Generation
from evals.models.generations import ErrorCategory
from evals.services.exporting.ids import TaskId, task_ids, tasks_of
from evals.services.exporting.writing import ExportError, write_rows
from evals.services.importing.generation_rows import GENERATION_FIELDS

__all__ = ["GenerationsExported", "export_generations"]


@dataclass(frozen=True)
class GenerationsExported:
    """`left_out`: answers to tasks whose id stands for another content in a later version."""

    generations: int
    left_out: int


def export_generations(*, path: str | Path, task_set: str = "") -> GenerationsExported:
    """The newest finished take of each sample; a task with several ids under one of them."""
    ids = task_ids(task_set)
    if task_set and not ids:
        raise ExportError(f"There is no task set “{task_set}”, or it has no tasks.")
    left_out = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal left_out
        for generation in _newest_finished(task_set):
            task = ids.get(generation.task_id)
            if task is None or not task.current:
                left_out += 1
            else:
                yield _row(generation, task)

    return GenerationsExported(write_rows(path, GENERATION_FIELDS, rows()), left_out)


def _newest_finished(task_set: str) -> Iterator[Generation]:
    finished = Generation.objects.filter(state__in=[Generation.State.DONE, Generation.State.FAILED])
    if task_set:
        finished = finished.filter(task__in=tasks_of(task_set))
    last = None
    ordered = finished.select_related("contender").order_by("task_id", "contender_id", "sample", "-take")
    for generation in ordered.iterator(chunk_size=500):
        this = (generation.task_id, generation.contender_id, generation.sample)
        if this != last:
            yield generation
        last = this


def _row(generation: Generation, task: TaskId) -> dict[str, Any]:
    return {
        "task_set": task.task_set,
        "task": task.external_id,
        "model": generation.contender.slug,
        "text": generation.text,
        "sample": generation.sample,
        "latency_ms": generation.latency_ms,
        "ttft_ms": generation.ttft_ms,
        "tokens_in": generation.tokens_in,
        "tokens_out": generation.tokens_out,
        "cost_usd": generation.cost_usd,
        "error": _error(generation) if generation.state == Generation.State.FAILED else None,
    }


def _error(generation: Generation) -> str:
    if generation.error == ErrorCategory.IMPORTED:
        return generation.error_detail
    return ": ".join(filter(None, (ErrorCategory(generation.error).label, generation.error_detail)))
