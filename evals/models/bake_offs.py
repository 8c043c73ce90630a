"""Bake-offs: a task set asked again on a schedule, what each time found, and what its report said."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from evals.models.contenders import Provider
from evals.models.generations import Run
from evals.models.task_sets import TaskSet


class BakeOff(models.Model):
    """What an admin set up for one task set. When it is due is up to django-q2's schedule of the same task set; without
    one it rests, and its rounds stay readable."""

    class Contenders(models.TextChoices):
        SAME = "same", "those of the last time, in their newest revisions"
        ALL = "all", "every contender that can be asked, in its newest revision"

    task_set = models.OneToOneField(TaskSet, on_delete=models.PROTECT, related_name="bake_off")
    contenders = models.CharField(max_length=10, choices=Contenders, default=Contenders.SAME)
    samples = models.PositiveSmallIntegerField(default=1)
    budget_usd = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    allow_unknown_costs = models.BooleanField(default=False)
    warm_up_calls = models.PositiveSmallIntegerField(null=True, blank=True)
    # The rule by which models join. Without a provider none do.
    newcomers_from = models.ForeignKey(Provider, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    include = models.CharField(max_length=400, blank=True, help_text="Patterns of names, separated by commas.")
    exclude = models.CharField(max_length=400, blank=True)
    most_usd_input = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    most_usd_output = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    most_newcomers = models.PositiveSmallIntegerField(default=3)
    only_newly_listed = models.BooleanField(default=True)
    # The names that the provider listed when the rule was first followed; null: not yet.
    known_models = models.JSONField(null=True, blank=True)
    saved_by = models.CharField(max_length=150, blank=True)
    saved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["task_set__slug"]

    def __str__(self) -> str:
        return f"bake-off of {self.task_set.slug}"


class BakeOffRound(models.Model):
    """One time that a bake-off was due: the run it started, or why it started none. Written once, with the run, in one
    transaction. `facts` are what the report needs of that moment (`evals.bake_offs.starting`)."""

    bake_off = models.ForeignKey(BakeOff, on_delete=models.PROTECT, related_name="rounds")
    n = models.PositiveIntegerField()
    # The time for which it was scheduled; null: started by hand.
    due = models.DateTimeField(null=True, blank=True)
    run = models.OneToOneField(Run, on_delete=models.PROTECT, null=True, blank=True, related_name="bake_off_round")
    reason = models.CharField(max_length=500, blank=True, help_text="Why no run was started.")
    facts = models.JSONField(default=dict)
    started_by = models.CharField(max_length=150, blank=True, help_text="Empty: by the schedule.")
    started_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["bake_off", "n"], name="bake_off_round"),
            # A chore that comes twice starts one run.
            models.UniqueConstraint(fields=["bake_off", "due"], name="bake_off_once_when_due"),
            models.CheckConstraint(
                name="bake_off_without_run_says_why", condition=models.Q(run__isnull=False) | ~models.Q(reason="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.bake_off}, time {self.n}"


class BakeOffReport(models.Model):
    """What a bake-off found, as it was when its run ended. Made once, never changed."""

    class State(models.TextChoices):
        DONE = "done"
        STOPPED = "stopped"
        NOT_STARTED = "not_started", "not started"

    round = models.OneToOneField(BakeOffRound, on_delete=models.PROTECT, related_name="report")
    state = models.CharField(max_length=12, choices=State)
    document = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"report {self.pk}"


class BakeOffSubscription(models.Model):
    """An admin who asked for each report by e-mail."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    address = models.EmailField()
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.user}: {self.address}"


class BakeOffMail(models.Model):
    """One report to one admin. Made with the report; claimed with a lease.

    `handing_over` is written just before the message goes to the mail server. A process that ends there leaves unknown
    whether the server took it, and the message is not sent again: an e-mail that comes twice is worse than one whose
    report is on the page anyway.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        HANDING_OVER = "handing_over", "being handed over"
        SENT = "sent"
        UNKNOWN = "unknown", "perhaps sent"
        FAILED = "failed", "given up"

    report = models.ForeignKey(BakeOffReport, on_delete=models.PROTECT, related_name="mails")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    address = models.EmailField()
    state = models.CharField(max_length=14, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["report", "user"], name="report_once_by_mail"),
            models.CheckConstraint(
                name="mail_lease_while_open",
                condition=models.Q(lease_token__isnull=True, lease_until__isnull=True)
                | models.Q(state__in=["waiting", "handing_over"], lease_token__isnull=False, lease_until__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["not_before"], condition=models.Q(state__in=["waiting", "handing_over"]), name="mail_due"
            )
        ]

    def __str__(self) -> str:
        return f"report {self.report_id} to {self.user}"
