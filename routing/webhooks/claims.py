"""Whose turn it is to be sent, and what is written of it. Nobody sends what another sends; nothing is lost.

A delivery is claimed by an UPDATE that names the state it was seen in, and finished by one that names the lease token:
one believed dead writes nothing. What a dead one left is claimed again when its lease has run out.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet

from routing.models import Delivery, DeliveryAttempt, Webhook, WebhookSecret
from routing.webhooks.back_off import ATTEMPTS, PAUSE_S, back_off
from routing.webhooks.leases import BROKEN_OFF, LEASE, broken_off, disabled, free
from routing.webhooks.posting import Posted
from routing.webhooks.services import disable

__all__ = ["Claim", "claim_next", "due", "finish"]

# Others may be faster at every one we saw; then look again, but not forever.
_LOOKS = 3

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Claim:
    """The right to send one message, and to write what came of it. `n` numbers the attempt, `made` counts those since
    it was last replayed, this one included; `sealed` are the secrets that sign it, the newest first."""

    delivery_id: int
    webhook_id: int
    token: uuid.UUID
    at: datetime
    n: int
    made: int
    url: str
    message_id: str
    body: str
    sealed: tuple[str, ...]


def due(now: datetime) -> QuerySet[Delivery]:
    return Delivery.objects.filter(
        free(now),
        Q(webhook__paused_until=None) | Q(webhook__paused_until__lte=now),
        state=Delivery.State.WAITING,
        not_before__lte=now,
        webhook__disabled_at=None,
    )


def claim_next(*, now: datetime, busy: Collection[int] = ()) -> Claim | None:
    """What has been due longest, leased to the caller; None if nothing is. Nothing for the webhooks that are `busy`, so
    that one which hangs is waited for once and not with every place there is."""
    for _ in range(_LOOKS):
        seen = due(now).exclude(webhook_id__in=busy).select_related("webhook").order_by("not_before", "pk").first()
        if seen is None:
            return None
        claim = _claim(seen, now)
        if claim is not None:
            return claim
    return None


@transaction.atomic
def _claim(seen: Delivery, now: datetime) -> Claim | None:
    token, made = uuid.uuid4(), seen.attempts - seen.attempts_before
    same = Delivery.objects.filter(
        pk=seen.pk, state=Delivery.State.WAITING, attempts=seen.attempts, lease_token=seen.lease_token
    )
    if made >= ATTEMPTS:  # one that ends every process that sends it
        reason = f"Not taken in {made} attempts; the last: {BROKEN_OFF}."
        changes = {"state": Delivery.State.FAILED, "finished_at": now, "reason": reason}
        taken = same.update(lease_token=None, leased_until=None, **changes)
    else:
        taken = same.update(lease_token=token, leased_until=now + LEASE, attempts=seen.attempts + 1)
    if taken and seen.leased_until is not None:
        broken_off(seen).save()
    if not taken or made >= ATTEMPTS:
        return None
    secrets = WebhookSecret.objects.filter(webhook_id=seen.webhook_id).exclude(until__lt=now)
    return Claim(
        delivery_id=seen.pk,
        webhook_id=seen.webhook_id,
        token=token,
        at=now,
        n=seen.attempts + 1,
        made=made + 1,
        url=seen.webhook.url,
        message_id=seen.message_id,
        body=seen.body,
        sealed=tuple(secrets.values_list("sealed", flat=True)),
    )


@transaction.atomic
def finish(*, claim: Claim, posted: Posted, now: datetime) -> bool:
    """Writes what came of it, and what that means for the webhook. False, and nothing is written, if the lease is not
    ours any more."""
    webhook = Webhook.objects.select_for_update().get(pk=claim.webhook_id)
    mine = Delivery.objects.filter(pk=claim.delivery_id, lease_token=claim.token)
    if not mine.update(lease_token=None, leased_until=None, **_outcome(claim, posted, webhook, now)):
        return False
    DeliveryAttempt.objects.create(
        delivery_id=claim.delivery_id,
        n=claim.n,
        at=claim.at,
        duration_ms=posted.duration_ms,
        status=posted.status,
        error=posted.error,
        answer=posted.answer,
    )
    if not posted.taken or webhook.paused_until is not None:
        webhook.paused_until, webhook.paused_reason = _pause(posted, now)
        webhook.save(update_fields=["paused_until", "paused_reason"])
    if posted.gone:
        disable(webhook_id=webhook.pk, reason="The receiver answered 410 Gone: it wants no more messages.")
    log.info("webhook_sent", webhook=webhook.pk, message=claim.message_id, attempt=claim.n, came_of_it=posted.words)
    return True


def _pause(posted: Posted, now: datetime) -> tuple[datetime | None, str]:
    """Until when the webhook rests, and why."""
    if posted.taken:
        return None, ""
    asked_s = posted.retry_after_s or 0.0
    reason = f"The last attempt failed: {posted.words[:200].rstrip('.')}."
    if asked_s > PAUSE_S:
        reason += " Its answer asked for as long (Retry-After)."
    return now + timedelta(seconds=max(PAUSE_S, asked_s)), reason


def _outcome(claim: Claim, posted: Posted, webhook: Webhook, now: datetime) -> dict[str, Any]:
    if posted.taken:
        return {"state": Delivery.State.DELIVERED, "finished_at": now}
    wait = back_off(claim.made, retry_after_s=posted.retry_after_s)
    if posted.gone:
        reason = "The receiver answered 410 Gone."
    elif webhook.disabled_at is not None:
        reason = disabled(webhook)
    elif wait is None:
        reason = f"Not taken in {claim.made} attempts; the last: {posted.words}."
    else:
        return {"not_before": now + wait}
    return {"state": Delivery.State.FAILED, "finished_at": now, "reason": reason[:300]}
