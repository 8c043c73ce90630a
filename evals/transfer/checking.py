"""Checks of imported answers: the tasks' own, and the search for models' names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from evals.collection.checks.refusals import looks_like_refusal
from evals.collection.checks.run import run_checks
from evals.collection.providers import ToolCall
from evals.collection.quarantine import reveals_its_model
from evals.models import Contender, Task

__all__ = ["Checked", "check"]


class Checked(msgspec.Struct, array_like=True):
    """What was found in an answer. `quarantine` empty: nothing that gives its writer away."""

    quarantine: str
    refused: bool
    checks: list[dict[str, Any]]


def check(
    written: Sequence[tuple[str, tuple[str, ...]]],
    *,
    text: str,
    tool_calls: Sequence[ToolCall],
    tokens: int | None,
    error: str,
    contender: Contender,
    task: Task,
) -> Checked:
    """Of an answer. `error`: why the call failed, if it did; `tokens`: of the last of its texts, if they are known. The
    contender need not be stored. Outside any transaction: a pattern may take long, and on SQLite no vote can be stored
    meanwhile."""
    quarantine = reveals_its_model(written, contender, task)
    if error:
        return Checked(quarantine, refused=False, checks=[])
    refused = any(looks_like_refusal(said) for said, _ in written)
    checks = run_checks(task.checks, text=text, tool_calls=tool_calls, refused=refused, tokens=tokens)
    return Checked(quarantine, refused, checks)
