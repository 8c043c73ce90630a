"""django-q2's entry points for voting. Each may run twice, late or not at all: the rows say what is due."""

from __future__ import annotations

from arena.ui import wording
from evals.models import Category
from evals.voting import counting, flags

__all__ = ["count", "flag_reviewers"]

# Well within the minute that a chore may take.
_FLAG_S = 20


def count(category_id: int) -> int:
    """Enqueued with the first vote that is held, for the time at which it is due."""
    return counting.count_due(category=Category.objects.get(pk=category_id))


def flag_reviewers() -> str:
    """Looks at how people vote. Returns the outcome in words."""
    return f"{wording.count(flags.flag_reviewers(seconds=_FLAG_S), 'reviewer')} worth a look."
