"""django-q2's entry point for imports. It may run twice, late or not at all: the rows say what is left to do."""

from __future__ import annotations

from arena.ui.wording import count
from evals.transfer.portions.finishing import finish_left
from evals.transfer.portions.staging import delete_left

__all__ = ["finish_imports"]

# Well within the minute that a chore may take.
_FINISH_S = 20


def finish_imports() -> str:
    """Every minute: go on with imports whose process has died, and delete what others had staged and not accepted.
    Returns the outcome in words."""
    finished = finish_left(seconds=_FINISH_S)
    deleted = delete_left()
    return f"{count(finished, 'import')} finished, {deleted:,} given up before all of the file was read."
