"""What the clock starts."""

from __future__ import annotations

from django_q.models import Schedule

__all__ = ["CLEAR", "ensure"]

CLEAR = "arena.accounts.chores.clear"


def ensure() -> None:
    """Idempotent; leaves one that is there as an admin has set it."""
    if not Schedule.objects.filter(func=CLEAR).exists():
        name = "Clear sessions and links that ended"
        Schedule.objects.create(name=name, func=CLEAR, schedule_type=Schedule.HOURLY, repeats=-1)
