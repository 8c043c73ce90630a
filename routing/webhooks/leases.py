"""How long one process may take to send a message, and what happens to messages whose sender died or whose webhook was
disabled."""

from __future__ import annotations

from datetime import datetime, timedelta

from arena.leases import FREED, Leases, free
from routing.models import Delivery, DeliveryAttempt, Webhook

__all__ = ["BROKEN_OFF", "LEASES", "broken_off", "disabled", "give_up"]

# Longer than one POST, its deadline and a slow resolver together. A sender that is alive always finishes in time, so no
# heartbeat is needed.
LEASES = Leases(Delivery, length=timedelta(seconds=90))
BROKEN_OFF = "broken off: the process that sent it ended before it could record the result"


def broken_off(delivery: Delivery) -> DeliveryAttempt:
    """The newest attempt of a delivery whose lease expired; unsaved."""
    assert delivery.lease_until is not None
    started_at = delivery.lease_until - LEASES.length
    return DeliveryAttempt(delivery=delivery, n=delivery.attempts, at=started_at, error=BROKEN_OFF)


def give_up(*, webhook: Webhook, now: datetime) -> int:
    """Give up the deliveries waiting for a webhook that is disabled and whose row the caller has locked. One that is
    being sent at the moment is left to its sender. Returns how many were given up."""
    waiting = Delivery.objects.filter(free(now), webhook=webhook, state=Delivery.State.WAITING)
    lost = waiting.exclude(lease_token=None).select_for_update()
    DeliveryAttempt.objects.bulk_create([broken_off(one) for one in lost])
    return waiting.update(state=Delivery.State.FAILED, reason=disabled(webhook), finished_at=now, **FREED)


def disabled(webhook: Webhook) -> str:
    """Why its waiting deliveries were given up."""
    return f"The webhook was disabled. {webhook.disabled_reason}".strip()[:300]
