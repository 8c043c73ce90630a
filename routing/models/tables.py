"""Policies, publications, and the reason behind each decision."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class PolicyVersion(models.Model):
    """The admin's rules as one validated document; every edit is a new version."""

    version = models.PositiveIntegerField(primary_key=True)
    document = models.JSONField()
    sha256 = models.CharField(max_length=64)
    reason = models.CharField(max_length=500, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    actor = models.CharField(max_length=150, blank=True, help_text="Who: a person's name, a token's, or command line.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-version"]

    def __str__(self) -> str:
        return f"policy {self.version}"


class RoutingTable(models.Model):
    """One immutable publication. `body` is what is hashed, signed and served, byte for byte; triggers in the
    database refuse UPDATE and DELETE."""

    class Cause(models.TextChoices):
        FIRST = "first"
        SWITCHED = "switched"
        POLICY = "policy"
        MODELS = "models"
        ROLLBACK = "rollback"
        REFRESH = "refresh"

    version = models.PositiveIntegerField(primary_key=True)
    body = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    decision_digest = models.CharField(max_length=71)
    signature = models.CharField(max_length=500, help_text="The Arena-Table-Signature header as sent.")
    cause = models.CharField(max_length=10, choices=Cause)
    reason = models.CharField(max_length=500, blank=True)
    actor = models.CharField(max_length=150, help_text="Who: a person's name, or automatic.")
    policy = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="tables")
    rolled_back_to = models.PositiveIntegerField(null=True, blank=True)
    published_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ["-version"]

    def __str__(self) -> str:
        return f"version {self.version}"


class Publication(models.Model):
    """One row (pk 1), locked by whoever publishes: one publisher at a time, gapless versions."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    newest = models.PositiveIntegerField(default=0)
    frozen_at = models.DateTimeField(null=True, blank=True)
    frozen_by = models.CharField(max_length=150, blank=True)
    frozen_reason = models.CharField(max_length=500, blank=True)
    publish_enqueued_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(name="publication_single_row", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return f"newest version {self.newest}"

    @property
    def frozen_since(self) -> str:
        """Tells one freeze from the next; empty while there is none."""
        return self.frozen_at.isoformat() if self.frozen_at else ""


class Decision(models.Model):
    """What became of one category when publishing looked at it, with the reason in words and numbers.

    Kept for each look whose outcome or standing evidence differs from the category's decision before.
    """

    class Outcome(models.TextChoices):
        FIRST = "first"
        SWITCHED = "switched"
        KEPT = "kept"
        HELD = "held"
        PINNED = "pinned"
        DEFAULT = "default"

    category = models.SlugField(max_length=80)
    outcome = models.CharField(max_length=10, choices=Outcome)
    model_from = models.CharField(max_length=120, blank=True)
    model_to = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=1000)
    numbers = models.JSONField(default=dict)
    votes_to_go = models.PositiveIntegerField(null=True, blank=True)
    leaderboard_digest = models.CharField(max_length=64, blank=True)
    leaderboard_seq = models.BigIntegerField(null=True, blank=True)
    leaderboard_revision = models.BigIntegerField(null=True, blank=True)
    table = models.ForeignKey(RoutingTable, on_delete=models.PROTECT, null=True, blank=True, related_name="decisions")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["category", "-id"], name="decision_of_category")]

    def __str__(self) -> str:
        return f"{self.category}: {self.outcome}"
