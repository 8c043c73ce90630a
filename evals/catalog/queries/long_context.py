"""Long prompts that were made of a task set's tasks: which they are, and who takes prompts so long."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from django.db.models import QuerySet

from evals.models import Contender, Task, TaskSet, TaskSetVersion

__all__ = [
    "LENGTHS",
    "POSITIONS",
    "Position",
    "Probe",
    "as_they_are",
    "derived_from",
    "probes_of",
    "short_length",
    "takes",
]

LENGTHS = (8_000, 32_000, 128_000)
Position = Literal["start", "middle", "end"]
POSITIONS: tuple[Position, ...] = get_args(Position)


@dataclass(frozen=True)
class Probe:
    """What a long prompt is: `task` is the id and `digest` the content of the task in it, `tokens` how long it is by an
    estimate, `position` where in the filler the task stands, and `filler` the version of that text."""

    task: str
    digest: str
    tokens: int
    position: Position
    filler: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def derived_from(task_set: TaskSet) -> TaskSet | None:
    """The set of long prompts that was made of it."""
    return TaskSet.objects.filter(long_context_of=task_set).first()


def probes_of(version: TaskSetVersion) -> dict[int, Probe]:
    """By task id; empty for a version whose prompts are as they are. One query, and one for the task set unless it was
    selected along."""
    if version.task_set.long_context_of_id is None:
        return {}
    rows = version.items.order_by("position").values_list("task_id", "metadata")
    return {task_id: Probe(**metadata["long_context"]) for task_id, metadata in rows}


def as_they_are(version: TaskSetVersion) -> QuerySet[Task]:
    """The tasks that its prompts were made of. Evaluates `probes_of`."""
    above = version.items.values("task__category__long_context_of")
    return Task.objects.filter(category__in=above, digest__in={probe.digest for probe in probes_of(version).values()})


def takes(contender: Contender, probe: Probe | None) -> bool:
    """Whether its context is long enough, as far as is known: a provider may refuse it all the same."""
    return probe is None or contender.context_tokens is None or contender.context_tokens >= probe.tokens


def short_length(tokens: int) -> str:
    """8000 → 8k, 1500 → 1500."""
    return f"{tokens // 1000}k" if tokens % 1000 == 0 else str(tokens)
