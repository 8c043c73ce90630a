"""Files of answers to import, and the tasks that were asked."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from benchmarks.application.world import Shape
from evals.transfer.files.text import Source
from evals.transfer.tasks import import_tasks

__all__ = ["SMALL", "TENTH", "Sizes", "write_answers", "write_tasks"]

_SYLLABLES = ("ba", "de", "fi", "go", "lu", "mer", "nal", "pir")
_WORDS = tuple(f"{one}{end}" for one in _SYLLABLES for end in "aeioubdfgklmnprst")


class Sizes(NamedTuple):
    votes: int = 1_000_000
    contenders: int = 100
    reviewers: int = 50
    tasks: int = 2_000
    answered: int = 1_000
    world: Shape = Shape(votes=20_000, contenders=20, tasks=500, reviewers=20)

    @property
    def answers(self) -> int:
        return self.answered * self.contenders


TENTH = Sizes(votes=100_000, answered=100)
SMALL = Sizes(3_000, 5, 5, 40, 60, Shape(votes=300, contenders=5, tasks=40, reviewers=5))


def write_tasks(sizes: Sizes) -> None:
    """Imports them as well. Each has two checks."""
    checks = [{"type": "contains", "value": "b"}, {"type": "max_chars", "value": 3000}]
    path = settings.VAR_DIR / "asked.jsonl"
    with path.open("w") as file:
        for n in range(sizes.answered):
            file.write(json.dumps({"id": f"a{n}", "prompt": f"Request {n}: help me.", "checks": checks}) + "\n")
    with path.open("rb") as file:
        import_tasks(source=Source(file, path.name), task_set="answered", category="answered")


def write_answers(path: Path, sizes: Sizes, seed: int) -> None:
    """Of 3 to 14 sentences each, in no language."""
    chance = random.Random(seed)
    with path.open("w") as file:
        for task in range(sizes.answered):
            for contender in range(sizes.contenders):
                text = " ".join(
                    " ".join(chance.choices(_WORDS, k=chance.randint(6, 18))).capitalize() + "."
                    for _ in range(chance.randint(3, 14))
                )
                row = {"task": f"a{task}", "model": f"answerer-{contender}", "text": text, "latency_ms": 900}
                file.write(json.dumps(row | {"tokens_in": 90, "tokens_out": 250, "cost_usd": 0.0012}) + "\n")
