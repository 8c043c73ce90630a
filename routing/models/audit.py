"""The audit log: manual changes to routing, newest first."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class AuditEntry(models.Model):
    """Something that a person, a token or the command line did, with who and why, written in the transaction that did
    it. What Arena does by itself is a `Decision` and a version, and has no entry here. Triggers in the database refuse
    UPDATE and DELETE."""

    class Kind(models.TextChoices):
        PUBLISH = "publish"
        APPROVE = "approve"
        ROLLBACK = "rollback"
        FREEZE = "freeze"
        UNFREEZE = "unfreeze"
        PIN = "pin"
        UNPIN = "unpin"
        POLICY = "policy"

    kind = models.CharField(max_length=10, choices=Kind)
    actor = models.CharField(max_length=150, help_text="Who: a person's name, a token's, or command line.")
    reason = models.CharField(max_length=500)
    about = models.JSONField(
        default=dict,
        help_text="What it was done to: `routes` approved of, by id; the version rolled back `to`; a `category`, with "
        "the `route` and the `contender` it is pinned to.",
    )
    table = models.ForeignKey(
        "RoutingTable", on_delete=models.PROTECT, null=True, blank=True, related_name="audit_entries"
    )
    policy = models.ForeignKey(
        "PolicyVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="audit_entries"
    )
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "routing_act"  # its name before it had this one
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="act_says_who_and_why", condition=~models.Q(actor="") & ~models.Q(reason="")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.actor}"
