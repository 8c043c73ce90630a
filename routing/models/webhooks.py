"""Webhooks and their deliveries."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from routing.models.tables import RoutingTable

# What a webhook can be told of, besides tests.
PUBLISHED, BAKE_OFF_FINISHED = "routing_table.published", "bake_off.finished"


def published_only() -> list[str]:
    return [PUBLISHED]


class Webhook(models.Model):
    """An address that receives a signed message for each event it asked for (Standard Webhooks). Disabled, never
    deleted: its deliveries stay readable."""

    url = models.CharField(max_length=500, unique=True)
    description = models.CharField(max_length=200, blank=True)
    events = models.JSONField(default=published_only)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(default=timezone.now)
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(max_length=300, blank=True)
    # After an attempt that failed nothing goes there for a while: one that hangs must not hold up the others again and
    # again, and one that asked us to wait is let wait.
    paused_until = models.DateTimeField(null=True, blank=True)
    paused_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.url


class WebhookSecret(models.Model):
    """What messages to one webhook are signed with; sealed, and shown once. Replaced, it signs along until `until`, so
    that a receiver can change over without missing a message."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="secrets")
    sealed = models.TextField()
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["webhook"], condition=models.Q(until__isnull=True), name="webhook_one_newest_secret"
            )
        ]

    def __str__(self) -> str:
        return f"secret {self.pk} of webhook {self.webhook_id}"


class Delivery(models.Model):
    """One message to one webhook. Made in the transaction that publishes, so that none is forgotten; claimed with a
    lease, so that none is sent by two at once; sent again until it is taken or the attempts are used up."""

    class State(models.TextChoices):
        WAITING = "waiting"
        DELIVERED = "delivered"
        FAILED = "failed", "given up"

    webhook = models.ForeignKey(Webhook, on_delete=models.PROTECT, related_name="deliveries")
    message_id = models.CharField(max_length=64, help_text="The same for every attempt: receivers know it again.")
    event = models.CharField(max_length=64)
    table = models.ForeignKey(RoutingTable, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    body = models.TextField()
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    reason = models.CharField(max_length=300, blank=True, help_text="Why it was given up.")
    attempts = models.PositiveIntegerField(default=0, help_text="In all; the number of the newest.")
    # A replay starts the schedule of attempts anew.
    attempts_before = models.PositiveIntegerField(default=0, help_text="Of them, those before the newest replay.")
    not_before = models.DateTimeField(default=timezone.now)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    replayed_at = models.DateTimeField(null=True, blank=True)
    replayed_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["webhook", "message_id"], name="message_once_a_webhook"),
            models.CheckConstraint(
                name="delivery_lease_while_waiting",
                condition=models.Q(lease_token__isnull=True, lease_until__isnull=True)
                | models.Q(state="waiting", lease_token__isnull=False, lease_until__isnull=False),
            ),
            models.CheckConstraint(
                name="delivery_given_up_says_why", condition=~models.Q(state="failed") | ~models.Q(reason="")
            ),
        ]
        indexes = [
            models.Index(fields=["not_before"], condition=models.Q(state="waiting"), name="delivery_due"),
            models.Index(fields=["webhook", "-id"], name="delivery_of_webhook"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} to webhook {self.webhook_id}: {self.state}"


class DeliveryAttempt(models.Model):
    """One POST and what came of it. `answer` is the start of what the receiver said: hostile."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries")
    n = models.PositiveIntegerField()
    at = models.DateTimeField(default=timezone.now)
    duration_ms = models.FloatField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=300, blank=True)
    answer = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["n"]
        constraints = [models.UniqueConstraint(fields=["delivery", "n"], name="attempt_n_of_delivery")]

    def __str__(self) -> str:
        return f"{self.delivery_id}, attempt {self.n}: {self.status or self.error}"
