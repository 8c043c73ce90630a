"""django-q2's entry points. Each may run twice, late or not at all; the rows say what is due."""

from __future__ import annotations

from routing.publishing import publisher

__all__ = ["publish", "refresh"]


def publish() -> int | None:
    """Enqueued with every new leaderboard and policy. Returns the newest version."""
    return publisher.publish(actor=publisher.AUTOMATIC).version


def refresh() -> int | None:
    """On a schedule: refreshes a table that grew old, and switches routes that only waited for their dwell time."""
    return publish()
