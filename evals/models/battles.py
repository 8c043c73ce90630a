"""What reviewers are shown: battles, and one blinded ballot for each showing."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.db import models
from django.utils import timezone

from evals.models.generations import Generation
from evals.models.task_sets import Task
from evals.models.votes import Reviewer, Side

# A slip is noticed at once. Later, leaderboards have moved with the vote: a reviewer who watched them could tell which
# model wrote which answer, undo the vote, and vote again unblinded.
UNDO_WITHIN = timedelta(minutes=2)


def new_token() -> str:
    """22 random characters, which reveal nothing about the ballot."""
    return secrets.token_urlsafe(16)


class Battle(models.Model):
    """Two generations of one task by different contenders, lower id first; made when first drawn."""

    # No separate index, here and below, if another one begins with the same column.
    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="battles", db_index=False)
    lo = models.ForeignKey(Generation, on_delete=models.PROTECT, related_name="battles_as_lo")
    hi = models.ForeignKey(Generation, on_delete=models.PROTECT, related_name="battles_as_hi")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task", "lo", "hi"], name="battle_once"),
            models.CheckConstraint(name="battle_lo_before_hi", condition=models.Q(lo__lt=models.F("hi"))),
        ]

    def __str__(self) -> str:
        return f"battle {self.pk}"


class Ballot(models.Model):
    """One blinded showing of a battle to one reviewer. `left` (which of `lo`, `hi` is shown as answer A) is
    drawn once and kept, even after an undo. An open ballot reserves its battle: no other draw counts it as unseen."""

    class State(models.TextChoices):
        OPEN = "open"
        VOTED = "voted"
        SKIPPED = "skipped"
        REPORTED = "reported"

    token = models.CharField(max_length=32, unique=True, default=new_token)
    battle = models.ForeignKey(Battle, on_delete=models.PROTECT, related_name="ballots", db_index=False)
    reviewer = models.ForeignKey(Reviewer, on_delete=models.PROTECT, related_name="ballots", db_index=False)
    left = models.CharField(max_length=2, choices=Side)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    reserved_until = models.DateTimeField()
    shown_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["battle", "reviewer"], name="ballot_once")]
        indexes = [models.Index(fields=["reviewer", "state", "closed_at"], name="ballot_of_reviewer")]

    def __str__(self) -> str:
        return f"ballot {self.pk}"

    @property
    def can_be_undone(self) -> bool:
        """A skip can always be undone, a vote within `UNDO_WITHIN`, a report never."""
        if self.state == self.State.VOTED:
            return self.closed_at is not None and timezone.now() - self.closed_at <= UNDO_WITHIN
        return self.state == self.State.SKIPPED
