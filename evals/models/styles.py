"""Style: what of an answer's text is counted, and what the counts say about the votes."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from evals.models.generations import Generation
from evals.models.task_sets import Category


class AnswerStyle(models.Model):
    """As `evals.ratings.count_style` reads the text of a finished generation, once."""

    generation = models.OneToOneField(Generation, on_delete=models.PROTECT, primary_key=True, related_name="style")
    length = models.PositiveIntegerField()
    lists = models.PositiveIntegerField()
    headers = models.PositiveIntegerField()
    code = models.PositiveIntegerField()
    bold = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"style of generation {self.pk}"


class StyleReport(models.Model):
    """How style sways the votes up to `seq`, as they counted at `revision`. Never changed; `result` is the document
    that `evals.leaderboards.style` writes. `votes` are those of the ledger then, which says when the next is due."""

    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="style_reports", db_index=False)
    seq = models.BigIntegerField()
    revision = models.BigIntegerField()
    votes = models.PositiveIntegerField()
    result = models.JSONField()
    computed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["category", "-seq", "-revision"]
        constraints = [models.UniqueConstraint(fields=["category", "seq", "revision"], name="style_report_once")]

    def __str__(self) -> str:
        return f"style in {self.category} at {self.seq}"
