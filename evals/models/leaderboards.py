"""Leaderboards: immutable, one for each state of a category's ledger and parameters."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from evals.models.task_sets import Category


class Leaderboard(models.Model):
    """The result of the votes up to `seq`, computed from tallies whose digest is `digest`.

    Reproducible from the votes in any order of arrival to 1e-9. `result` is the JSON form of
    `evals.ratings.Standings`; `params_digest` names the parameters it was computed with.
    """

    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="leaderboards")
    seq = models.BigIntegerField()
    revision = models.BigIntegerField()
    params_digest = models.CharField(max_length=64)
    params = models.JSONField()
    digest = models.CharField(max_length=64)
    method = models.CharField(max_length=120)
    votes = models.PositiveIntegerField()
    reviewers = models.PositiveIntegerField()
    result = models.JSONField()
    computed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["category", "-seq", "-revision"]
        constraints = [
            models.UniqueConstraint(fields=["category", "seq", "revision", "params_digest"], name="leaderboard_once")
        ]

    def __str__(self) -> str:
        return f"{self.category} at {self.seq}"
