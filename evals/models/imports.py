"""Files that are being imported: their rows are kept here, in portions, until all of them are stored."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from evals.models.votes import VoteImport


class FileImport(models.Model):
    """A file on its way in; the row goes when the last of its portions is stored.

    `staging`: it is read and checked, nothing of it counts, and what a killed process leaves of it is deleted. From
    `storing` on all of it will be stored, whoever does it: portions are small transactions, so that others can write
    between them, and each deletes its row here with what it stores.
    """

    class Kind(models.TextChoices):
        VOTES = "votes"
        GENERATIONS = "generations"

    class State(models.TextChoices):
        STAGING = "staging"
        STORING = "storing"

    kind = models.CharField(max_length=12, choices=Kind)
    state = models.CharField(max_length=8, choices=State, default=State.STAGING)
    name = models.CharField(max_length=255)
    # What the numbers in the portions stand for (`evals.transfer.portions`); empty until it is storing.
    names = models.BinaryField(default=bytes)
    # Of votes, the categories they count in: these are not ranked before the last of them is stored.
    categories = models.JSONField(default=list)
    counts = models.JSONField(default=dict, help_text="What has been stored so far, for the report.")
    report = models.JSONField(default=dict, help_text="Of votes, what the import tells when it is done.")
    vote_import = models.OneToOneField(
        VoteImport, on_delete=models.PROTECT, null=True, blank=True, related_name="file_import"
    )
    # With every portion: a process that is alive moves it on.
    touched_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="file_import_of_votes_has_its_votes",
                condition=~models.Q(kind="votes", state="storing") | models.Q(vote_import__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"import of {self.name}"


class ImportPortion(models.Model):
    """Rows of one file that are stored in one transaction."""

    file_import = models.ForeignKey(FileImport, on_delete=models.CASCADE, related_name="portions", db_index=False)
    n = models.PositiveIntegerField()
    rows = models.PositiveIntegerField()
    body = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["file_import", "n"], name="import_portion_n")]

    def __str__(self) -> str:
        return f"portion {self.n} of {self.file_import}"
