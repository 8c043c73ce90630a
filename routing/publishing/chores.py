"""django-q2's entry points. Each may run twice, late or not at all; what is due, the rows say."""

from __future__ import annotations

from routing.publishing import publisher

__all__ = ["publish", "refresh"]


def publish() -> int | None:
    """Enqueued with every new leaderboard and policy. Returns the newest version."""
    return publisher.publish(actor=publisher.AUTOMATIC).version


def refresh() -> int | None:
    """By the clock: publishes again what grew old, and looks at what only time was missing for (dwell)."""
    return publish()
