"""django-q2's entry point for counting votes. It may run twice, late or not at all: the ballots say what is due."""

from __future__ import annotations

from evals.models import Category
from evals.voting import counting

__all__ = ["count"]


def count(category_id: int) -> int:
    """Enqueued with the first vote that is held, for the time at which it is due."""
    return counting.count_due(category=Category.objects.get(pk=category_id))
