"""Who has a message to send, for how long, and what becomes of one whose sender died or whose webhook is disabled."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from routing.models import Delivery, DeliveryAttempt, Webhook

__all__ = ["BROKEN_OFF", "LEASE", "broken_off", "disabled", "free", "give_up"]

# Longer than one POST, its deadline and a slow resolver together, so that nobody alive is overtaken: no heartbeat is
# needed.
LEASE = timedelta(seconds=90)
BROKEN_OFF = "broken off: the process that sent it ended before it could say what came of it"


def free(now: datetime) -> Q:
    """Deliveries that nobody alive sends."""
    return Q(leased_until=None) | Q(leased_until__lt=now)


def broken_off(delivery: Delivery) -> DeliveryAttempt:
    """The newest attempt of one whose lease ran out; unsaved."""
    assert delivery.leased_until is not None
    return DeliveryAttempt(delivery=delivery, n=delivery.attempts, at=delivery.leased_until - LEASE, error=BROKEN_OFF)


def give_up(*, webhook: Webhook, now: datetime) -> int:
    """What waits for a webhook that is disabled, and whose lock is held, unless it is being sent just now: that is left
    to whoever sends it. Returns how many."""
    waiting = Delivery.objects.filter(free(now), webhook=webhook, state=Delivery.State.WAITING)
    lost = waiting.exclude(lease_token=None).select_for_update()
    DeliveryAttempt.objects.bulk_create([broken_off(one) for one in lost])
    return waiting.update(
        state=Delivery.State.FAILED,
        reason=disabled(webhook),
        finished_at=now,
        lease_token=None,
        leased_until=None,
    )


def disabled(webhook: Webhook) -> str:
    """Why what waited for it was given up."""
    return f"The webhook was disabled. {webhook.disabled_reason}".strip()[:300]
