"""What the clock starts. Admins see and edit the rows; `ensure` only puts back what is missing."""

from __future__ import annotations

from django.db import transaction
from django_q.models import Schedule

__all__ = ["SWEEP", "ensure"]

SWEEP = "evals.chores.sweep"


@transaction.atomic
def ensure() -> None:
    """A schedule for the sweep, each minute. Idempotent; leaves one that is there as an admin has set it."""
    if not Schedule.objects.filter(func=SWEEP).exists():
        Schedule.objects.create(
            name="Rank what lags, wake the workers", func=SWEEP, schedule_type=Schedule.MINUTES, minutes=1, repeats=-1
        )
