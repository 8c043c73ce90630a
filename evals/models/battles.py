"""What reviewers are shown: battles, and one blinded ballot for each showing."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models
from django.utils import timezone

from evals.models.contenders import Contender
from evals.models.generations import Generation
from evals.models.task_sets import Category, Task
from evals.models.votes import Outcome, Reviewer, Side


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


class GoldBattle(models.Model):
    """A battle whose right outcome an editor knows, mixed into draws to see how carefully reviewers judge. A wrong
    answer tells about the reviewer; the vote counts like any other."""

    battle = models.OneToOneField(Battle, on_delete=models.PROTECT, related_name="gold")
    outcome = models.CharField(max_length=8, choices=Outcome)
    why = models.CharField(max_length=500, help_text="Shown after the vote in a practice round, and to editors.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="gold_outcome_known", condition=models.Q(outcome__in=Outcome.values)),
        ]

    def __str__(self) -> str:
        return f"gold {self.battle}"


class Reason(models.Model):
    """A tag by which reviewers of a category say why an answer is better, by one key."""

    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="reasons", db_index=False)
    key = models.CharField(max_length=1, help_text="The key that chooses it on the voting page: a digit.")
    label = models.CharField(max_length=40)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["key", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["category", "key"], condition=models.Q(retired_at__isnull=True), name="reason_key_once"
            ),
            models.CheckConstraint(name="reason_key_is_a_digit", condition=models.Q(key__in=list("123456789"))),
        ]

    def __str__(self) -> str:
        return self.label


class ReasonTally(models.Model):
    """How often a reason was given for a contender's answer being better, over the votes that count."""

    reason = models.ForeignKey(Reason, on_delete=models.PROTECT, related_name="tallies", db_index=False)
    contender = models.ForeignKey(Contender, on_delete=models.PROTECT, related_name="+", db_index=False)
    votes = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reason", "contender"], name="reason_tally_once")]

    def __str__(self) -> str:
        return f"{self.reason}: {self.votes}"


class Ballot(models.Model):
    """One blinded showing of a battle to one reviewer. `left` (which of `lo`, `hi` is shown as answer A) is drawn once
    and kept, even after an undo.

    An open ballot reserves its battle: no other draw counts it as unseen. `shown_at` is null while the ballot is drawn
    ahead and its battle not yet on the reviewer's screen.

    A vote is held on its ballot (`choice` and what belongs to it, in the page's words) until `counted_at`, when it has
    become a row of `Vote`. While it is held nothing that anybody can read has moved, so that it can be undone and the
    battle judged anew; from then on it is final.
    """

    class State(models.TextChoices):
        OPEN = "open"
        VOTED = "voted"
        SKIPPED = "skipped"
        REPORTED = "reported"

    class Choice(models.TextChoices):
        LEFT = "left"
        RIGHT = "right"
        TIE = "tie"
        BOTH_BAD = "both_bad"

    class Strength(models.TextChoices):
        SLIGHTLY = "slightly"
        CLEARLY = "clearly"

    class SkipReason(models.TextChoices):
        UNSURE = "unsure", "cannot decide"
        TOO_LONG = "too_long", "too long to judge"
        NOT_MY_FIELD = "not_my_field", "not my field"
        BROKEN = "broken", "broken or unreadable"

    token = models.CharField(max_length=32, unique=True, default=new_token)
    battle = models.ForeignKey(Battle, on_delete=models.PROTECT, related_name="ballots", db_index=False)
    # The task's, so that what a reviewer has open or closed in a category is found without joins.
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="+", db_index=False)
    reviewer = models.ForeignKey(Reviewer, on_delete=models.PROTECT, related_name="ballots", db_index=False)
    left = models.CharField(max_length=2, choices=Side)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    reserved_until = models.DateTimeField()
    shown_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)
    choice = models.CharField(max_length=8, choices=Choice, blank=True, default="")
    strength = models.CharField(max_length=8, choices=Strength, blank=True, default="")
    # Ids of reasons, and the choices on the rubric's dimensions by slug.
    reasons = models.JSONField(default=list, blank=True)
    dimensions = models.JSONField(default=dict, blank=True)
    comment = models.CharField(max_length=2000, blank=True, default="")
    skip_reason = models.CharField(max_length=12, choices=SkipReason, blank=True, default="")
    counted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["battle", "reviewer"], name="ballot_once"),
            # Of two windows that draw ahead at once, one does.
            models.UniqueConstraint(
                fields=["reviewer", "category"],
                name="ballot_one_ahead",
                condition=models.Q(state="open", shown_at__isnull=True),
            ),
            models.CheckConstraint(
                name="ballot_counted_was_voted", condition=models.Q(counted_at__isnull=True) | models.Q(state="voted")
            ),
        ]
        indexes = [
            models.Index(fields=["reviewer", "state", "category", "closed_at"], name="ballot_of_reviewer"),
            models.Index(
                fields=["category", "closed_at"],
                name="ballot_held",
                condition=models.Q(state="voted", counted_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"ballot {self.pk}"
