"""django-q2's entry points. Each may run twice, late or not at all; what is due, the rows say."""

from __future__ import annotations

from django.utils import timezone

from routing import publishing
from routing.outcomes import storing
from routing.webhooks import delivering

__all__ = ["deliver", "publish", "refresh", "sweep_outcomes"]


def publish() -> int | None:
    """Enqueued with every new leaderboard and policy. Returns the newest version."""
    return publishing.publish(actor=publishing.AUTOMATIC).version


def refresh() -> int | None:
    """By the clock: publishes again what grew old, and looks at what only time was missing for (dwell)."""
    return publish()


def sweep_outcomes() -> int:
    """By the clock: deletes reported outcomes that are no longer remembered one by one. Returns how many."""
    return storing.sweep(now=timezone.now())


def deliver() -> bool:
    """Enqueued with each publication, and by the clock: has webhooks sent what is due, beside the other chores. Returns
    whether anything was."""
    return delivering.begin()
