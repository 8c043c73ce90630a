"""django-q2's entry point for webhooks. It may run twice, late or not at all; what is due, the rows say."""

from __future__ import annotations

from routing.webhooks import delivery

__all__ = ["deliver"]


def deliver() -> bool:
    """Enqueued with each publication, and by the clock: has webhooks sent what is due, beside the other chores. Returns
    whether anything was."""
    return delivery.begin()
