"""Scoring stored answers again, with the checks as they are now and without asking for the answers again."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from evals.models.generations import Run
from evals.models.task_sets import TaskSet


class Rescore(models.Model):
    """Somebody asked to score the answers of a run, or of all runs of a task set, again; how far that is, and what it
    changed. Chores go on where the last one stopped: the answers up to `read_to` are done."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, null=True, blank=True, related_name="rescores")
    task_set = models.ForeignKey(TaskSet, on_delete=models.PROTECT, null=True, blank=True, related_name="rescores")
    asked_by = models.CharField(max_length=150, help_text="A person's name, or a token's.")
    asked_at = models.DateTimeField(default=timezone.now)
    # The id of the last generation that was scored again.
    read_to = models.BigIntegerField(default=0)
    # When it last moved on: a chore that was lost is noticed by it.
    moved_at = models.DateTimeField(default=timezone.now)
    read = models.PositiveIntegerField(default=0)
    # Of answers whose verdicts changed. An answer passes if all of its checks do.
    changed = models.PositiveIntegerField(default=0)
    now_pass = models.PositiveIntegerField(default=0)
    now_fail = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="rescore_of_a_run_or_a_task_set",
                condition=models.Q(run__isnull=False, task_set__isnull=True)
                | models.Q(run__isnull=True, task_set__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["run"], condition=models.Q(finished_at__isnull=True), name="rescore_of_run_once_at_a_time"
            ),
            models.UniqueConstraint(
                fields=["task_set"],
                condition=models.Q(finished_at__isnull=True),
                name="rescore_of_task_set_once_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"rescore {self.pk}"
