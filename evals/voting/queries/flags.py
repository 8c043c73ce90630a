"""Reviewers whose votes are worth a look, as they were found last (`evals.voting.flags`)."""

from __future__ import annotations

from dataclasses import dataclass

from evals.models import ReviewerFlag

__all__ = ["Flagged", "flagged_reviewers"]


@dataclass(frozen=True)
class Flagged:
    """`why`: what is unusual, in words and numbers that follow a colon."""

    id: int
    name: str
    why: str


def flagged_reviewers(limit: int) -> list[Flagged]:
    """Those whose votes count; the newest first. One query."""
    open_ones = ReviewerFlag.objects.filter(reviewer__excluded_at__isnull=True)
    rows = open_ones.order_by("-found_at", "-pk").values_list("reviewer_id", "reviewer__name", "why")
    return [Flagged(*row) for row in rows[:limit]]
