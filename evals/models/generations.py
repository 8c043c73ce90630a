"""Collection: runs, the outputs they link, and every call made for them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from evals.models.contenders import Contender
from evals.models.task_sets import Task, TaskSetVersion


class ErrorCategory(models.TextChoices):
    """Why a call failed. One taxonomy for every wire format; `collection.providers.errors` says which are retried."""

    CONNECTION = "connection", "could not connect"
    TIMEOUT_CONNECT = "timeout_connect", "no connection in time"
    TIMEOUT_FIRST_TOKEN = "timeout_first_token", "no first token in time"
    TIMEOUT_TOTAL = "timeout_total", "not finished in time"
    STREAM_TRUNCATED = "stream_truncated", "the answer broke off"
    INVALID_REPLY = "invalid_reply", "the reply was not understood"
    RATE_LIMITED = "rate_limited", "rate limit"
    OVERLOADED = "overloaded", "the provider is overloaded"
    OUT_OF_MEMORY = "out_of_memory", "the model ran out of memory"
    PROVIDER_ERROR = "provider_error", "error at the provider"
    AUTH = "auth", "key refused"
    BILLING = "billing", "no credit left"
    MODEL_NOT_FOUND = "model_not_found", "no such model"
    BAD_REQUEST = "bad_request", "request refused"
    CONTEXT_LENGTH = "context_length", "prompt too long for its context"
    CONTENT_FILTER = "content_filter", "refused by the provider's filter"
    EMPTY = "empty", "empty answer"
    NOT_TEXT = "not_text", "neither text nor an image"
    TOO_LARGE = "too_large", "the reply exceeded our limit"
    NOT_ALLOWED = "not_allowed", "address not allowed"
    LOST = "lost", "the worker died during the call"
    INTERNAL = "internal", "an error in Arena"
    IMPORTED = "imported", "recorded as failed where it was collected"


class CostSource(models.TextChoices):
    """Whose figure a cost is."""

    PROVIDER = "provider", "as the provider told"
    CONTENDER = "contender", "by the contender's prices"
    LIST = "list", "by the price list"


class Run(models.Model):
    """A collection batch over one task set version. Existing answers are linked, not asked for again."""

    class State(models.TextChoices):
        COLLECTING = "collecting"
        PAUSED = "paused"
        STOPPED = "stopped"
        DONE = "done"

    version = models.ForeignKey(TaskSetVersion, on_delete=models.PROTECT, related_name="runs")
    contenders: models.ManyToManyField[Contender, models.Model] = models.ManyToManyField(Contender, related_name="runs")
    samples = models.PositiveSmallIntegerField(default=1)
    fresh = models.BooleanField(default=False)
    budget_usd = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    # Known costs of every call made for this run, added as calls end. Calls without a known price are not included:
    # wherever it is shown, contenders without a price are named.
    spent_usd = models.DecimalField(max_digits=14, decimal_places=8, default=0)
    # Over how many calls: what the next one may cost, so that calls in flight do not run past the budget.
    priced_calls = models.PositiveIntegerField(default=0, editable=False)
    # With a budget: an editor agreed that calls of unknown cost are made, which the budget cannot count.
    allow_unknown_costs = models.BooleanField(default=False)
    # Calls to each contender that are not measured, before the first that is. Null: one at local providers, none at
    # hosted ones.
    warm_up_calls = models.PositiveSmallIntegerField(null=True, blank=True)
    state = models.CharField(max_length=12, choices=State, default=State.COLLECTING)
    reason = models.CharField(max_length=255, blank=True, help_text="Why it is in this state, in words.")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"run {self.pk}"


class RunWarmUp(models.Model):
    """Calls to a contender before a run measures it, so that loading a model counts as nobody's latency. Their answers
    are not stored.

    Its generations are not asked for while it is `waiting` or `running`; a failure only ends the wait. Leased as
    generations are. `spent_usd` and `unpriced_calls` are those of its calls so far, and count towards the run's budget.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="warm_ups")
    contender = models.ForeignKey(Contender, on_delete=models.PROTECT, related_name="warm_ups")
    calls = models.PositiveSmallIntegerField()
    calls_made = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    not_before = models.DateTimeField(default=timezone.now)
    attempts_made = models.PositiveSmallIntegerField(default=0)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=20, choices=ErrorCategory, blank=True)
    error_detail = models.CharField(max_length=500, blank=True)
    spent_usd = models.DecimalField(max_digits=14, decimal_places=8, default=0)
    unpriced_calls = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "contender"], name="warm_up_once"),
            models.CheckConstraint(
                name="warm_up_lease_while_running",
                condition=models.Q(state="running", lease_token__isnull=False, lease_until__isnull=False)
                | (~models.Q(state="running") & models.Q(lease_token__isnull=True, lease_until__isnull=True)),
            ),
        ]
        indexes = [
            # Read with every claim of generations.
            models.Index(fields=["state"], name="warm_up_state"),
        ]

    def __str__(self) -> str:
        return f"warm-up of {self.contender} for {self.run}"


class Generation(models.Model):
    """One stored output with its measurements.

    Also the unit of work: `waiting` may be claimed from `not_before` on; `running` is leased until `lease_until`
    and may be claimed again after it. Finishing must name the `lease_token`, so a worker believed dead writes
    nothing (`arena.leases`). While running, `not_before` is the time of the claim, the start of the call in case its
    worker dies. `attempts_made` counts since the generation was last opened; all calls are in `attempts`.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="generations")
    contender = models.ForeignKey(Contender, on_delete=models.PROTECT, related_name="generations")
    sample = models.PositiveSmallIntegerField(default=1)
    take = models.PositiveSmallIntegerField(default=1)

    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    not_before = models.DateTimeField(default=timezone.now)
    attempts_made = models.PositiveSmallIntegerField(default=0)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    # Leased to a worker that asks for it as soon as another of its calls ends; until then it counts towards no limit.
    ahead = models.BooleanField(default=False, editable=False)

    text = models.TextField(blank=True)
    # What the model wrote before its answer: no part of what is judged, checked or shown on ballots.
    thinking = models.TextField(blank=True)
    finish_reason = models.CharField(max_length=40, blank=True)
    tool_calls = models.JSONField(default=list)
    # The answer's images, by the SHA-256 of what is stored (`Image`), in their order.
    images = models.JSONField(default=list, blank=True)
    # Of a conversation, every answer with its own measurements (`collection.turns`); empty if the task has one answer.
    # The columns here hold the last answer's text, thinking, calls and ending, and the measurements of the whole.
    turns = models.JSONField(default=list)
    error = models.CharField(max_length=20, choices=ErrorCategory, blank=True)
    error_detail = models.CharField(max_length=500, blank=True)
    ttft_ms = models.FloatField(null=True, blank=True)
    latency_ms = models.FloatField(null=True, blank=True)
    # Between the chunks of its stream (`collection.providers.pace`). Null: it came as a whole, or many tokens to a
    # chunk. Of a conversation, those of the answer that came in the most chunks.
    gap_ms_p50 = models.FloatField(null=True, blank=True)
    gap_ms_p95 = models.FloatField(null=True, blank=True)
    chunks = models.PositiveIntegerField(null=True, blank=True)
    tokens_in = models.PositiveIntegerField(null=True, blank=True)
    tokens_out = models.PositiveIntegerField(null=True, blank=True)
    # Parts of the two above: read from and written to the provider's cache, and spent on thinking.
    tokens_in_cached = models.PositiveIntegerField(null=True, blank=True)
    tokens_in_cache_written = models.PositiveIntegerField(null=True, blank=True)
    tokens_thinking = models.PositiveIntegerField(null=True, blank=True)
    # Of the attempt that finished; cost per success counts the sum over attempts. Null: unknown, never 0.
    cost_usd = models.DecimalField(max_digits=14, decimal_places=8, null=True, blank=True)
    cost_source = models.CharField(max_length=10, choices=CostSource, blank=True)
    # [{"type", "ok", "detail"}], in the order of the task's checks.
    checks = models.JSONField(default=list)
    refused = models.BooleanField(default=False)
    # An answer that names its own model is never shown to a reviewer. Empty: not quarantined.
    quarantine = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task", "contender", "sample", "take"], name="generation_once"),
            models.CheckConstraint(
                name="generation_lease_while_running",
                condition=models.Q(state="running", lease_token__isnull=False, lease_until__isnull=False)
                | (~models.Q(state="running") & models.Q(lease_token__isnull=True, lease_until__isnull=True)),
            ),
            models.CheckConstraint(
                name="generation_failed_has_error",
                condition=~models.Q(state="failed") | ~models.Q(error=""),
            ),
        ]
        indexes = [
            models.Index(fields=["state", "not_before"], name="generation_due"),
            models.Index(fields=["task", "state"], name="generation_of_task"),
            models.Index(fields=["contender", "state", "id"], name="generation_of_contender"),
        ]

    def __str__(self) -> str:
        return f"generation {self.pk}"


class RunItem(models.Model):
    """A run's link to a generation; `linked` marks one that existed before the run."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="items")
    generation = models.ForeignKey(Generation, on_delete=models.PROTECT, related_name="run_items")
    linked = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "generation"], name="run_item_once")]

    def __str__(self) -> str:
        return f"{self.run}: {self.generation}"


class Attempt(models.Model):
    """One call to a provider, kept whatever its outcome: cost per success includes retries."""

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="attempts")
    n = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    ttft_ms = models.FloatField(null=True, blank=True)
    latency_ms = models.FloatField(null=True, blank=True)
    tokens_in = models.PositiveIntegerField(null=True, blank=True)
    tokens_out = models.PositiveIntegerField(null=True, blank=True)
    tokens_in_cached = models.PositiveIntegerField(null=True, blank=True)
    tokens_in_cache_written = models.PositiveIntegerField(null=True, blank=True)
    tokens_thinking = models.PositiveIntegerField(null=True, blank=True)
    cost_usd = models.DecimalField(max_digits=14, decimal_places=8, null=True, blank=True)
    cost_source = models.CharField(max_length=10, choices=CostSource, blank=True)
    # Calls of its worker to its provider at once, this one included: latencies compare at equal numbers only.
    in_flight = models.PositiveIntegerField(null=True, blank=True)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=20, choices=ErrorCategory, blank=True)
    error_detail = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["n"]
        constraints = [models.UniqueConstraint(fields=["generation", "n"], name="attempt_n")]

    def __str__(self) -> str:
        return f"attempt {self.n} of {self.generation}"
