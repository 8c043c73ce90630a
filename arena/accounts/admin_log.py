"""What people changed, in the log of the admin site."""

from __future__ import annotations

from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Model

from arena.models import User

__all__ = ["log_change"]


def log_change(*, of: Model, actor: User, message: str) -> None:
    """Keep with the row `of` who changed what, in the caller's transaction."""
    rows = of._meta.model._base_manager.filter(pk=of.pk)
    LogEntry.objects.log_actions(actor.pk, rows, CHANGE, change_message=message, single_object=True)
