"""Who is told of a publication, and what became of telling."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from routing.models.tables import RoutingTable


class Webhook(models.Model):
    """An address that is told of every publication, signed with its own secret (Standard Webhooks)."""

    url = models.CharField(max_length=500)
    description = models.CharField(max_length=200, blank=True)
    secret_encrypted = models.TextField()
    # Signs beside the newer one for a while, so that a receiver can change over without missing a message.
    old_secret_encrypted = models.TextField(blank=True)
    old_secret_until = models.DateTimeField(null=True, blank=True)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(default=timezone.now)
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.url


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
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now)
    lease_token = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["webhook", "message_id"], name="message_once_a_webhook")]
        indexes = [
            models.Index(fields=["not_before"], condition=models.Q(state="waiting"), name="delivery_due"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} to {self.webhook_id}: {self.state}"


class DeliveryAttempt(models.Model):
    """One POST and what came of it. `answer` is the start of what the receiver said: hostile."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries")
    n = models.PositiveSmallIntegerField()
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
