"""Quarantine: which answers reviewers do not see, who took them out and why, and what editors decided."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from evals.models.battles import Ballot
from evals.models.contenders import Contender
from evals.models.generations import Generation
from evals.models.task_sets import Category
from evals.models.votes import Reviewer


class QuarantineCase(models.Model):
    """Why one answer was taken out, and what an editor decided. While a case of it is open or confirmed, the answer is
    out: `Generation.quarantine` holds the reason, and is what drawing reads. A later report, after a release, is a case
    of its own."""

    class State(models.TextChoices):
        OPEN = "open", "waits for a decision"
        CONFIRMED = "confirmed", "confirmed: stays out"
        RELEASED = "released", "released: shown again"

    class Source(models.TextChoices):
        DETECTOR = "detector", "found by Arena"
        REVIEWER = "reviewer", "reported"

    generation = models.ForeignKey(Generation, on_delete=models.PROTECT, related_name="quarantine_cases")
    # The generation's, for lists.
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="+", db_index=False)
    contender = models.ForeignKey(Contender, on_delete=models.PROTECT, related_name="+", db_index=False)
    source = models.CharField(max_length=10, choices=Source)
    why = models.CharField(max_length=255)
    # Of a report. Null as well where one was made before cases were kept, and who made it is not known.
    reporter = models.ForeignKey(
        Reviewer, on_delete=models.PROTECT, null=True, blank=True, related_name="quarantine_cases", db_index=False
    )
    ballot = models.ForeignKey(
        Ballot, on_delete=models.PROTECT, null=True, blank=True, related_name="quarantine_cases", db_index=False
    )
    side = models.CharField(max_length=5, blank=True, help_text="Where the ballot showed the answer: left or right.")
    opened_at = models.DateTimeField(default=timezone.now)
    # The last decision; all of them are in `acts`.
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=150, blank=True, help_text="A person's name, or a token's.")
    decision = models.CharField(max_length=255, blank=True, help_text="Why it was released or confirmed.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["generation"],
                condition=models.Q(state__in=["open", "confirmed"]),
                name="quarantine_stands_once",
            ),
            models.CheckConstraint(
                name="quarantine_decision_says_who_and_why",
                condition=models.Q(state="open", decided_at__isnull=True)
                | (
                    ~models.Q(state="open")
                    & models.Q(decided_at__isnull=False)
                    & ~models.Q(decided_by="")
                    & ~models.Q(decision="")
                ),
            ),
            models.CheckConstraint(name="quarantine_says_why", condition=~models.Q(why="")),
        ]
        indexes = [
            models.Index(fields=["state", "id"], name="quarantine_by_state"),
            models.Index(fields=["category", "state", "id"], name="quarantine_of_category"),
            models.Index(fields=["contender", "state", "id"], name="quarantine_of_contender"),
            models.Index(fields=["reporter", "opened_at"], name="quarantine_by_reporter"),
        ]

    def __str__(self) -> str:
        return f"quarantine case {self.pk}"

    @property
    def is_out(self) -> bool:
        return self.state != self.State.RELEASED


class QuarantineAct(models.Model):
    """What happened to a case: append-only, triggers in the database refuse UPDATE and DELETE."""

    class Kind(models.TextChoices):
        OPENED = "opened", "taken out"
        REPEATED = "repeated", "reported again"
        CONFIRMED = "confirmed", "confirmed"
        RELEASED = "released", "released"

    case = models.ForeignKey(QuarantineCase, on_delete=models.PROTECT, related_name="acts")
    kind = models.CharField(max_length=10, choices=Kind)
    who = models.CharField(max_length=150, help_text="A person's name, a token's, or Arena's detector.")
    why = models.CharField(max_length=255)
    ballot = models.ForeignKey(
        Ballot, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="quarantine_act_says_who_and_why", condition=~models.Q(who="") & ~models.Q(why="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.who}"


class QuarantineRecheck(models.Model):
    """How far a version of the detector has looked through the answers that were stored before it."""

    version = models.PositiveSmallIntegerField(unique=True)
    # The id of the last generation it has read.
    read_to = models.BigIntegerField(default=0)
    found = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"detector {self.version}, read to {self.read_to}"
