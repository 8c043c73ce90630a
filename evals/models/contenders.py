"""Providers, and contenders: a model plus its settings at one provider."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

# The capability of contenders that take images: without it, tasks with images are not asked of them.
VISION = "vision"


class Provider(models.Model):
    """Where contenders are asked. Its key is typed once, stored encrypted, and never shown again."""

    class Kind(models.TextChoices):
        OPENAI = "openai", "OpenAI-compatible chat completions"
        RESPONSES = "responses", "OpenAI responses"
        ANTHROPIC = "anthropic", "Anthropic messages"
        GEMINI = "gemini", "Gemini"
        OLLAMA = "ollama", "Ollama's own"
        REPLICATE = "replicate", "Replicate predictions"
        FAL = "fal", "fal queue"
        LLAMA_CPP = "llama_cpp", "llama.cpp: a model file on this machine"
        IMPORTED = "imported", "imported: outputs collected elsewhere, never asked"

    class Locality(models.TextChoices):
        LOCAL = "local", "local: stays on our own machines"
        HOSTED = "hosted", "hosted: leaves the house"

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.OPENAI)
    base_url = models.URLField(max_length=500, blank=True)
    locality = models.CharField(max_length=10, choices=Locality, default=Locality.HOSTED)
    # Fernet token; see arena.sealing. Empty: no key was typed.
    api_key_encrypted = models.TextField(blank=True)
    api_key_env = models.CharField(max_length=120, blank=True, help_text="Read the key from this variable instead.")
    # Limits over all workers and machines. Null: none.
    max_concurrency = models.PositiveIntegerField(default=4)
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    tokens_per_minute = models.PositiveIntegerField(null=True, blank=True)
    first_token_timeout_s = models.FloatField(default=60)
    total_timeout_s = models.FloatField(default=300)
    # A provider that asked for a pause (429 with Retry-After) is not asked until then.
    paused_until = models.DateTimeField(null=True, blank=True)
    # When the requests and tokens asked for so far will have been due at the limits' pace.
    requests_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    tokens_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Calls that found it down since one last got through: it is then tried with one call at a time.
    down_in_a_row = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(name="provider_concurrency_positive", condition=models.Q(max_concurrency__gte=1)),
            models.CheckConstraint(
                name="provider_asked_has_url",
                condition=models.Q(kind__in=["imported", "llama_cpp"]) | ~models.Q(base_url=""),
            ),
        ]

    def __str__(self) -> str:
        return self.slug


class Contender(models.Model):
    """A model plus its settings at one provider; frozen once used. `slug` names a revision: `gpt-x`, then
    `gpt-x@2`. Ratings, tables and the outside call this slug `model`; `model_name` is the provider's id for it.

    `used_at` marks the first use; from then on `kind` and `base_url` hold what the provider's were at that
    moment, and a database trigger (`evals.apps`) refuses a change of any frozen column.
    """

    slug = models.CharField(max_length=120, unique=True)
    family = models.SlugField(max_length=100)
    revision = models.PositiveIntegerField(default=1)
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="contenders")
    model_name = models.CharField(max_length=255)
    settings = models.JSONField(default=dict, help_text="Sent with each request: temperature, max_tokens, system, …")
    kind = models.CharField(max_length=20, blank=True, editable=False)
    base_url = models.CharField(max_length=500, blank=True, editable=False)
    used_at = models.DateTimeField(null=True, blank=True, editable=False)
    tier = models.PositiveSmallIntegerField(default=1)
    capabilities = models.JSONField(default=list)
    context_tokens = models.PositiveIntegerField(null=True, blank=True)
    # Null is an unknown price, never 0. Of the last three it means that these tokens cost what the others of their
    # side do (`evals.catalog.price_list`).
    usd_per_mtok_input = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    usd_per_mtok_output = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    usd_per_mtok_cached_input = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    usd_per_mtok_cache_write = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    usd_per_mtok_reasoning = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    # Where the prices were read, and the day they were last checked.
    price_source = models.CharField(max_length=255, blank=True)
    priced_at = models.DateField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["slug"]
        constraints = [models.UniqueConstraint(fields=["family", "revision"], name="contender_revision")]

    def __str__(self) -> str:
        return self.slug
