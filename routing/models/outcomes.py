"""What became of requests, as services report it."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class ReportedOutcome(models.Model):
    """One request that a service sent somewhere by a table's decision. The id is the reporter's: a batch that comes
    again adds nothing. Versions and routes are kept as reported, since a service may know more of them than a restored
    database. Old ones are swept; what they added to `OutcomeTally` stays."""

    id = models.UUIDField(primary_key=True, editable=False)
    table_version = models.PositiveIntegerField()
    route_id = models.CharField(max_length=200)
    category = models.CharField(max_length=200, blank=True)
    model = models.CharField(max_length=200)
    ok = models.BooleanField()
    error = models.CharField(max_length=200, blank=True)
    latency_ms = models.FloatField(null=True)
    ttft_ms = models.FloatField(null=True)
    tokens = models.PositiveBigIntegerField(null=True)
    cost_usd = models.FloatField(null=True)
    at = models.DateTimeField(help_text="By the reporter's clock.")
    reported_by = models.CharField(max_length=150, help_text="Who: a token's name, or a person's.")
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-at"]
        indexes = [models.Index(fields=["at"], name="outcome_at")]

    def __str__(self) -> str:
        return f"{self.route_id} to {self.model}: {'ok' if self.ok else self.error or 'failed'}"


class OutcomeTally(models.Model):
    """One day's outcomes of one route with one model, counted: a page over a week reads a few rows, however many
    requests there were. Values that were not reported are in no sum; `tokens_told` and `cost_told` count those
    that were."""

    day = models.DateField(help_text="Of the requests, UTC.")
    route_id = models.CharField(max_length=200)
    model = models.CharField(max_length=200)
    requests = models.PositiveBigIntegerField(default=0)
    succeeded = models.PositiveBigIntegerField(default=0)
    tokens = models.PositiveBigIntegerField(default=0)
    tokens_told = models.PositiveBigIntegerField(default=0, help_text="Requests whose tokens were told.")
    cost_usd = models.FloatField(default=0.0)
    cost_told = models.PositiveBigIntegerField(default=0, help_text="Requests whose cost was told.")
    cost_unknown = models.PositiveBigIntegerField(default=0, help_text="Of those that succeeded: cost was not told.")
    latency = models.JSONField(default=dict, help_text="Of those that succeeded: bucket to count.")
    ttft = models.JSONField(default=dict, help_text="Of those that succeeded: bucket to count.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["route_id", "model", "day"], name="outcome_tally_of_day")]
        indexes = [models.Index(fields=["day"], name="outcome_tally_day")]

    def __str__(self) -> str:
        return f"{self.day}: {self.route_id} to {self.model}, {self.requests}"
