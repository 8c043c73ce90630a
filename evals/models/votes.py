"""Votes, append-only, and the tallies counted from them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import QuerySet
from django.utils import timezone

from evals.models.contenders import Contender
from evals.models.task_sets import Category, Task


class Side(models.TextChoices):
    """The two contenders of a battle or an imported vote. Reviewers never see these words."""

    LO = "lo"
    HI = "hi"


class Outcome(models.TextChoices):
    LO = "lo", "lo is better"
    HI = "hi", "hi is better"
    TIE = "tie", "equally good"
    BOTH_BAD = "both_bad", "both bad"


class LeftSide(models.TextChoices):
    """Which of the two was shown on the left; unknown for imported votes."""

    LO = "lo"
    HI = "hi"
    UNKNOWN = "unknown"


class Reviewer(models.Model):
    """The person who cast a vote: a user, or a judge named in an imported file."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="reviewer"
    )
    # Unique per source: "user:<id>", or "<import source>:<judge>".
    handle = models.CharField(max_length=255, unique=True)
    name = models.CharField(max_length=150)
    excluded_at = models.DateTimeField(null=True, blank=True)
    excluded_reason = models.CharField(max_length=255, blank=True)
    practised_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="reviewer_exclusion_has_reason",
                condition=models.Q(excluded_at__isnull=True) | ~models.Q(excluded_reason=""),
            )
        ]

    def __str__(self) -> str:
        return self.name


class ReviewerFlag(models.Model):
    """A reviewer whose votes are worth a look (`evals.voting.flags`): which signs fail, and what they say."""

    reviewer = models.OneToOneField(Reviewer, on_delete=models.CASCADE, related_name="flag")
    # Labels of the signs that fail, in the alphabet's order, with a space between them.
    signs = models.CharField(max_length=100)
    why = models.CharField(max_length=500)
    found_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"flag of {self.reviewer}"


def pseudonym(reviewer_id: int) -> str:
    """By which the API names a reviewer, everywhere the same."""
    return f"R-{reviewer_id:02d}"


class ReviewerGroup(models.Model):
    """Reviewers who judge the same categories. A category that has groups is open to their members alone; one without
    is open to every reviewer."""

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    reviewers = models.ManyToManyField(Reviewer, related_name="groups", blank=True)
    categories = models.ManyToManyField(Category, related_name="groups", blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


class VoteImport(models.Model):
    """An imported file of votes, identified by its content and reading options, so importing it twice adds nothing."""

    # Over the file's bytes and the mapping (task set, category, --map, --value) it was read with.
    sha256 = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=255)
    rows = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name


class Vote(models.Model):
    """An outcome by one reviewer. Append-only: database triggers refuse UPDATE and DELETE (see `evals.apps`).

    `lo` and `hi` are the contenders of the battle's two generations in the battle's order; for an imported vote,
    which has no battle, the lower contender id first. A change is a new row that supersedes; `outcome` null is a
    retraction (an undo after the vote counted, possible before votes were held). A vote is effective if nothing
    supersedes it and its outcome is not null.
    """

    # Each index costs time with every vote: there is none that another one covers or that no query needs.
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="votes", db_index=False)
    seq = models.BigIntegerField()
    ballot = models.ForeignKey(
        "evals.Ballot", on_delete=models.PROTECT, null=True, blank=True, related_name="votes", db_index=False
    )
    n = models.PositiveSmallIntegerField(default=1)
    supersedes = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="superseded_by"
    )
    reviewer = models.ForeignKey(Reviewer, on_delete=models.PROTECT, related_name="votes", db_index=False)
    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="votes")
    lo = models.ForeignKey(Contender, on_delete=models.PROTECT, related_name="votes_as_lo", db_index=False)
    hi = models.ForeignKey(Contender, on_delete=models.PROTECT, related_name="votes_as_hi", db_index=False)
    left = models.CharField(max_length=7, choices=LeftSide)
    outcome = models.CharField(max_length=8, choices=Outcome, null=True, blank=True)  # noqa: DJ001 (null: retraction)
    vote_import = models.ForeignKey(
        VoteImport, on_delete=models.PROTECT, null=True, blank=True, related_name="votes", db_index=False
    )
    row = models.PositiveIntegerField(null=True, blank=True)
    cast_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["category", "seq"], name="vote_seq"),
            models.UniqueConstraint(fields=["ballot", "category", "n"], name="vote_n_of_ballot"),
            models.UniqueConstraint(fields=["vote_import", "row"], name="vote_row_of_import"),
            models.CheckConstraint(
                name="vote_from_ballot_or_import",
                condition=models.Q(ballot__isnull=False, vote_import__isnull=True, row__isnull=True)
                | models.Q(ballot__isnull=True, vote_import__isnull=False, row__isnull=False),
            ),
            models.CheckConstraint(
                name="vote_outcome_known",
                condition=models.Q(outcome__isnull=True) | models.Q(outcome__in=["lo", "hi", "tie", "both_bad"]),
            ),
            models.CheckConstraint(name="vote_two_contenders", condition=~models.Q(lo=models.F("hi"))),
        ]
        indexes = [
            models.Index(fields=["reviewer", "category"], name="vote_of_reviewer"),
            # For the battles browser: a pair has too few of a million votes to be found by walking them.
            models.Index(fields=["lo", "hi", "id"], name="vote_of_pair"),
        ]

    def __str__(self) -> str:
        return f"vote {self.seq} in {self.category}"


class TallyCounts(models.Model):
    """Effective votes of one pair, `lo` < `hi` by contender id: all that ratings need."""

    # Each table's unique constraint finds its rows; without statistics, SQLite would choose a worse index.
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="+", db_index=False)
    lo = models.ForeignKey(Contender, on_delete=models.PROTECT, related_name="+", db_index=False)
    hi = models.ForeignKey(Contender, on_delete=models.PROTECT, related_name="+", db_index=False)
    lo_wins = models.PositiveIntegerField(default=0)
    hi_wins = models.PositiveIntegerField(default=0)
    ties = models.PositiveIntegerField(default=0)
    both_bad = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True


class ReviewerTally(TallyCounts):
    """For fits, reviewer variance and side preference. `left` is by this row's `lo` and `hi`."""

    reviewer = models.ForeignKey(Reviewer, on_delete=models.PROTECT, related_name="+")
    left = models.CharField(max_length=7, choices=LeftSide)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["category", "reviewer", "lo", "hi", "left"], name="reviewer_tally_once"),
            models.CheckConstraint(name="reviewer_tally_lo_before_hi", condition=models.Q(lo__lt=models.F("hi"))),
        ]


class TaskTally(TallyCounts):
    """For the adjustment for tasks that are used again."""

    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["category", "task", "lo", "hi"], name="task_tally_once"),
            models.CheckConstraint(name="task_tally_lo_before_hi", condition=models.Q(lo__lt=models.F("hi"))),
        ]


def effective_votes(category: Category) -> QuerySet[Vote]:
    """Votes that nothing supersedes and that are not retractions, including those of excluded reviewers."""
    return Vote.objects.filter(category=category, superseded_by__isnull=True, outcome__isnull=False)
