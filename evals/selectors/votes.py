"""Which votes count."""

from __future__ import annotations

from django.db.models import QuerySet

from evals.models import Category, Vote

__all__ = ["effective_votes"]


def effective_votes(category: Category) -> QuerySet[Vote]:
    """Votes that nothing supersedes and that are no retraction; excluded reviewers' votes are among them."""
    return Vote.objects.filter(category=category, superseded_by__isnull=True, outcome__isnull=False)
