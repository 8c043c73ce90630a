"""Links by which people become reviewers."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from evals.models.votes import Reviewer, ReviewerGroup


class Invitation(models.Model):
    """A link that makes a reviewer of each person who accepts it, `most_uses` people at most, and adds them to the
    group if there is one.

    Only the SHA-256 of the link's token is stored: a reader of the database cannot accept it.
    """

    token_sha256 = models.CharField(max_length=64, unique=True)
    label = models.CharField(max_length=120, help_text="For whom the link is, as the list of invitations shows it.")
    group = models.ForeignKey(
        ReviewerGroup, on_delete=models.PROTECT, null=True, blank=True, related_name="invitations"
    )
    most_uses = models.PositiveIntegerField(default=1)
    uses = models.PositiveIntegerField(default=0)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    reviewers: models.ManyToManyField[Reviewer, InvitationUse] = models.ManyToManyField(
        Reviewer, through="InvitationUse", related_name="invitations"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="invitation_uses_within_limit", condition=models.Q(uses__lte=models.F("most_uses"))
            ),
            models.CheckConstraint(name="invitation_is_for_someone", condition=models.Q(most_uses__gte=1)),
        ]

    def __str__(self) -> str:
        return self.label


class InvitationUse(models.Model):
    """Who accepted an invitation. `form_sha256` is of the form that was sent, so that one sent twice is one person."""

    invitation = models.ForeignKey(Invitation, on_delete=models.PROTECT, related_name="accepted", db_index=False)
    reviewer = models.ForeignKey(Reviewer, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    form_sha256 = models.CharField(max_length=64, unique=True, null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["invitation", "reviewer"], name="invitation_accepted_once")]

    def __str__(self) -> str:
        return f"{self.reviewer} by {self.invitation}"
