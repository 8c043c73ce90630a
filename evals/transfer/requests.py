"""What of a file of requests becomes tasks: repeated requests are one task, a sample may be drawn, and what identifies
people may be replaced. Nothing is written here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from evals.catalog.conversations import content_text
from evals.catalog.names import BadValueError
from evals.catalog.services.task_sets import TaskRow, task_digest
from evals.collection.checks.rules import read_checks
from evals.transfer.files.errors import Problems
from evals.transfer.redaction.redactor import Redactor, Replacements
from evals.transfer.sampling.drawing import DEFAULT_SEED, By, Drawn, Sampler

__all__ = ["MOST_SAMPLED", "Redaction", "Sample", "asked_text", "confirmation", "drawn_from", "merged", "redacted"]

MOST_SAMPLED = 10_000
# Under this name, a task's metadata says how often its request was made.
TIMES = "requests"


@dataclass(frozen=True)
class Sample:
    """How many tasks to draw. `seed` decides which, and is told with them."""

    size: int
    seed: int = DEFAULT_SEED
    by: By = By.EVEN


@dataclass(frozen=True)
class Redaction:
    """That replacements are wanted, with the user's names. Writing needs `confirmed`: by the command its user's word;
    elsewhere the code that the preview of exactly these replacements shows."""

    names: tuple[str, ...] = ()
    confirmed: bool | str = False


def asked_text(row: TaskRow) -> str:
    """What is said in a task, without its system text, which requests of one service share."""
    said = (content_text(one.get("content")) for one in row.messages if one["role"] not in ("system", "developer"))
    return "\n\n".join(text for text in said if text)


def content_of(row: TaskRow) -> str:
    return task_digest(messages=row.messages, tools=row.tools, reference=row.reference, checks=row.checks)


def merged(rows: Iterable[TaskRow]) -> tuple[list[TaskRow], int]:
    """Requests with equal content are one task, the first of them, whose metadata says how often it was made. Also how
    many rows there were."""
    firsts: dict[tuple[str, str], int] = {}
    tasks: list[TaskRow] = []
    times: list[int] = []
    for row in rows:
        key = (row.category, content_of(row))
        at = firsts.setdefault(key, len(tasks))
        if at == len(tasks):
            tasks.append(row)
            times.append(0)
        times[at] += 1
    return [_made(row, n) for row, n in zip(tasks, times, strict=True)], sum(times)


def drawn_from(first: Iterable[TaskRow], again: Iterable[TaskRow], sample: Sample) -> tuple[list[TaskRow], Drawn]:
    """The sample, and what it was drawn from. Both iterables give the same rows; neither is kept in memory."""
    sampler = Sampler()
    for row in first:
        sampler.add(category=row.category, text=asked_text(row) or content_of(row), content=content_of(row))
    drawn = sampler.draw(sample.size, seed=sample.seed, by=sample.by)
    rows = [_made(row, drawn.rows[n]) for n, row in enumerate(again) if n in drawn.rows]
    return rows, drawn


def redacted(rows: Iterable[TaskRow], redaction: Redaction, problems: Problems) -> tuple[list[TaskRow], Replacements]:
    """Tasks with placeholders. What a replacement would break is a problem."""
    redactor = Redactor(redaction.names, place=problems.place)
    return list(_redacted(rows, redactor, problems)), redactor.replacements


def _redacted(rows: Iterable[TaskRow], redactor: Redactor, problems: Problems) -> Iterator[TaskRow]:
    for row in rows:
        try:
            task = redactor.task(row)
            # A pattern or a schema must still be one.
            yield replace(task, checks=read_checks(task.checks, reference=task.reference))
        except BadValueError as error:
            problems.add(row.line, str(error))


def confirmation(rows: Iterable[TaskRow], task_set: str) -> str:
    """A code for exactly these tasks: of another file, other names or other options it is another."""
    hashed = hashlib.sha256(task_set.encode())
    for row in rows:
        hashed.update(content_of(row).encode())
        told = [row.external_id, row.category, row.metadata]
        hashed.update(json.dumps(told, sort_keys=True, ensure_ascii=False).encode())
    return hashed.hexdigest()[:16]


def _made(row: TaskRow, times: int) -> TaskRow:
    return replace(row, metadata=row.metadata | {TIMES: times}) if times > 1 else row
