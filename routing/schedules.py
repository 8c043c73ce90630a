"""What the clock starts. Admins see and edit the row; `ensure` only puts back what is missing."""

from __future__ import annotations

from django.db import transaction
from django_q.models import Schedule

__all__ = ["REFRESH", "ensure"]

REFRESH = "routing.chores.refresh"


@transaction.atomic
def ensure() -> None:
    """Each ten minutes. Idempotent; leaves one that is there as an admin has set it."""
    if not Schedule.objects.filter(func=REFRESH).exists():
        Schedule.objects.create(
            name="Refresh the routing table", func=REFRESH, schedule_type=Schedule.MINUTES, minutes=10, repeats=-1
        )
