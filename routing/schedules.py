"""What the clock starts. `ensure` only puts back what is missing."""

from __future__ import annotations

from django.db import transaction
from django_q.models import Schedule

from routing.webhooks.services import DELIVER

__all__ = ["REFRESH", "SWEEP_OUTCOMES", "ensure"]

REFRESH = "routing.publishing.chores.refresh"
SWEEP_OUTCOMES = "routing.outcomes.chores.sweep_outcomes"

_STANDING = {
    REFRESH: ("Refresh the routing table", 10),
    DELIVER: ("Send webhooks what is due", 1),
    SWEEP_OUTCOMES: ("Sweep old reported outcomes", 60),
}


@transaction.atomic
def ensure() -> None:
    """Each by its minutes. Idempotent; leaves one that is there as an admin has set it."""
    known = set(Schedule.objects.filter(func__in=_STANDING).values_list("func", flat=True))
    for func, (name, minutes) in _STANDING.items():
        if func not in known:
            Schedule.objects.create(name=name, func=func, schedule_type=Schedule.MINUTES, minutes=minutes, repeats=-1)
