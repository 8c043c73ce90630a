"""Categories, task sets, and tasks, which are identified by their content."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Category(models.Model):
    """A kind of request. Global: task sets share it, and so do its guidelines, leaderboard and routes."""

    class SpeaksFor(models.TextChoices):
        PANEL = "panel", "these reviewers, as they voted"
        PEOPLE = "people", "people like these reviewers"

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    guidelines = models.TextField(blank=True, help_text="Markdown, shown to reviewers beside the answers.")
    speaks_for = models.CharField(max_length=10, choices=SpeaksFor, default=SpeaksFor.PANEL)
    single_reviewer = models.BooleanField(
        default=False, help_text="One person decides here: routes may change on a single reviewer's votes."
    )
    retired_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


class Ledger(models.Model):
    """One row per category, whose numbers drive ranking.

    A vote's transaction increments `seq` first, under the row's lock, so `Vote.seq` is gapless and in commit order.
    `revision` rises when existing votes count differently (exclusion, retirement, parameters). Work is left while
    (seq, revision) is ahead of (ranked_seq, ranked_revision), whatever chores were lost or doubled.
    """

    category = models.OneToOneField(Category, on_delete=models.PROTECT, primary_key=True, related_name="ledger")
    seq = models.BigIntegerField(default=0)
    revision = models.BigIntegerField(default=0)
    ranked_seq = models.BigIntegerField(default=0)
    ranked_revision = models.BigIntegerField(default=0)
    # Null: no rank chore is waiting. A time, not a flag, so that a lost chore is noticed.
    rank_enqueued_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="ledger_ranked_not_ahead",
                condition=models.Q(ranked_seq__lte=models.F("seq"), ranked_revision__lte=models.F("revision")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.category} at {self.seq}"


class TaskSet(models.Model):
    """A named, versioned list of tasks. `local_only`: hosted providers never receive it."""

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    local_only = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug


class Task(models.Model):
    """One request, identified by its content: the same messages, tools, reference and checks in a category are one
    task, so an unchanged task keeps its generations and votes across versions of a task set.

    `messages` and `tools` are in OpenAI's form. An assistant message without content is a gap for the model
    (`evals.catalog.conversations`). `messages` is empty for a task known only by id, from imported votes. Images in
    them are named by their content (`image:sha256:…`), and listed in `images`.
    """

    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="tasks")
    digest = models.CharField(max_length=64)
    messages = models.JSONField(default=list)
    images = models.JSONField(default=list, blank=True, editable=False)
    tools = models.JSONField(default=list)
    reference = models.TextField(blank=True)
    checks = models.JSONField(default=list)
    # Sticky: once in a local_only task set, a task's text is never sent to a hosted provider.
    local_only = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["category", "digest"], name="task_known_by_content")]

    def __str__(self) -> str:
        return f"task {self.pk}"


class TaskSetVersion(models.Model):
    """An immutable list of tasks with their external ids. `sha256` is over the ordered content."""

    task_set = models.ForeignKey(TaskSet, on_delete=models.PROTECT, related_name="versions")
    n = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    source = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    tasks: models.ManyToManyField[Task, TaskSetItem] = models.ManyToManyField(
        Task, through="TaskSetItem", related_name="task_set_versions"
    )

    class Meta:
        ordering = ["task_set", "-n"]
        constraints = [models.UniqueConstraint(fields=["task_set", "n"], name="task_set_version_n")]

    def __str__(self) -> str:
        return f"{self.task_set} version {self.n}"


class TaskSetItem(models.Model):
    """A task's position and external id in one version. Two ids may name one task (equal content)."""

    version = models.ForeignKey(TaskSetVersion, on_delete=models.CASCADE, related_name="items")
    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="items")
    external_id = models.CharField(max_length=200)
    position = models.PositiveIntegerField()
    metadata = models.JSONField(default=dict)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["version", "external_id"], name="task_set_item_external_id"),
            models.UniqueConstraint(fields=["version", "position"], name="task_set_item_position"),
        ]

    def __str__(self) -> str:
        return self.external_id
