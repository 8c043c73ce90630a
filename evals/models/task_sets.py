"""Categories, task sets, and tasks, which are identified by their content."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone


class CategoryManager(models.Manager["Category"]):
    """Categories of tasks that are voted on and routed. Left out are the categories below one: the dimensions of a
    rubric, and the long prompts that are made of a category's tasks."""

    def get_queryset(self) -> models.QuerySet[Category]:
        return super().get_queryset().filter(dimension_of__isnull=True, long_context_of__isnull=True)


class Category(models.Model):
    """A kind of request. Global: task sets share it, and so do its guidelines, leaderboard and routes.

    A dimension of a category's rubric ("correct", "tone") is a category below it, without tasks of its own: reviewers
    judge it on the category's battles, and it has its own ledger, tallies and leaderboard. `objects` leaves dimensions
    out; `with_dimensions` has them all.

    So is `long_context_of`: the category below one that holds its tasks in long prompts, which are asked and measured,
    and never voted on, ranked or routed (`evals.catalog.services.long_context`).
    """

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
    overlap = models.PositiveSmallIntegerField(
        default=1, help_text="Reviewers wanted for each battle; 1: agreement is measured on one battle in ten."
    )
    gold_percent = models.PositiveSmallIntegerField(
        default=5,
        help_text="How many draws in a hundred are battles whose right outcome is known, where there are any.",
    )
    boards_open = models.BooleanField(
        default=False, help_text="Reviewers may read the leaderboard of this category while they vote in it."
    )
    ask_strength = models.BooleanField(
        default=False, help_text="Ask how much better an answer is: slightly or clearly."
    )
    dimension_of = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="dimensions", db_index=False
    )
    long_context_of = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False, editable=False
    )
    retired_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = CategoryManager()
    with_dimensions = models.Manager()  # noqa: DJ012 (taken for a field)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "categories"
        # Related categories, such as a vote's, are found whether they are dimensions or not.
        base_manager_name = "with_dimensions"
        constraints = [
            models.CheckConstraint(name="category_gold_is_a_percentage", condition=models.Q(gold_percent__lte=100)),
            models.CheckConstraint(name="category_overlap_positive", condition=models.Q(overlap__gte=1)),
            models.UniqueConstraint(
                fields=["long_context_of"],
                name="category_long_context_once",
                condition=models.Q(long_context_of__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["dimension_of"],
                name="category_dimensions",
                condition=models.Q(dimension_of__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A category comes with its ledger, which the first vote finds."""
        new = self._state.adding
        super().save(*args, **kwargs)
        if new:
            Ledger.objects.get_or_create(category=self)


class Ledger(models.Model):
    """One row per category, whose numbers drive ranking.

    Votes are counted under the row's lock, which increments `seq`, so `Vote.seq` is gapless and in commit order.
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
    # The same for the chore that counts held votes.
    count_enqueued_at = models.DateTimeField(null=True, blank=True)
    # What the tallies add up to, kept as they move: all votes that count, and those of them that compare two answers
    # (without "both bad").
    votes = models.BigIntegerField(default=0)
    comparing = models.BigIntegerField(default=0)
    # Votes that were cast and stand, but do not count because their reviewer is excluded.
    excluded = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="ledger_counts_not_negative",
                condition=models.Q(comparing__gte=0, votes__gte=models.F("comparing")),
            ),
            models.CheckConstraint(name="ledger_excluded_not_negative", condition=models.Q(excluded__gte=0)),
            models.CheckConstraint(
                name="ledger_ranked_not_ahead",
                condition=models.Q(ranked_seq__lte=models.F("seq"), ranked_revision__lte=models.F("revision")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.category} at {self.seq}"


class TaskSet(models.Model):
    """A named, versioned list of tasks. `local_only`: hosted providers never receive it. `long_context_of`: the task
    set whose tasks these are, in long prompts."""

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    local_only = models.BooleanField(default=False)
    long_context_of = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False, editable=False
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.UniqueConstraint(
                fields=["long_context_of"],
                name="task_set_long_context_once",
                condition=models.Q(long_context_of__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.slug


class Task(models.Model):
    """One request, identified by its content: the same messages, tools, reference and checks in a category are one
    task, so an unchanged task keeps its generations and votes across versions of a task set.

    `messages` and `tools` are in OpenAI's form. An assistant message without content is a gap for the model
    (`evals.catalog.conversations`). Filler that makes a prompt long stands in it as a part that says which is meant
    (`evals.catalog.filler`). `messages` is empty for a task known only by id, from imported votes. Images in
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
    # Ballots voted on so far, counted with them: draws take the tasks with the fewest first.
    votes_cast = models.PositiveIntegerField(default=0)
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
