"""Which message is sent next, when one that was not accepted is sent again, and how the result is recorded. Each
attempt is made by one process only, and no message is lost."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet

from arena.leases import FREED, free
from routing.models import Delivery, DeliveryAttempt, Webhook, WebhookSecret
from routing.webhooks.leases import BROKEN_OFF, LEASES, broken_off, disabled
from routing.webhooks.services import disable

__all__ = [
    "ATTEMPTS",
    "LONGEST_S",
    "PAUSE_S",
    "Claim",
    "back_off",
    "claim_next",
    "due",
    "finish",
]

_MINUTE, _HOUR = 60, 3600
# After an attempt that failed nothing goes to that webhook for so long. Ends before the clock looks the next time.
PAUSE_S = 30
# After the first attempt, after the second, and so on. The specification's first, 5 s, would end within the pause.
_WAITS_S = (
    PAUSE_S, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR,
)  # fmt: skip
ATTEMPTS = len(_WAITS_S) + 1
# However long a receiver asks us to stay away, it is asked again after this.
LONGEST_S = 24.0 * _HOUR
_JITTER = 0.1


def back_off(
    attempts_made: int, *, retry_after_s: float | None = None, jitter: float | None = None
) -> timedelta | None:
    """How long to wait after that many attempts, None if there is no other.

    Up to a tenth longer than the schedule says (`jitter` 0 to 1 fixes the draw), so that what failed together does not
    come back together, and never shorter than the receiver asked for.
    """
    if attempts_made >= ATTEMPTS:
        return None
    drawn = random.random() if jitter is None else jitter
    wait = _WAITS_S[max(attempts_made - 1, 0)] * (1 + _JITTER * drawn)
    return timedelta(seconds=max(wait, min(retry_after_s or 0.0, LONGEST_S)))


# Others may be faster at every one we saw; then look again, but not forever.
_LOOKS = 3
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Posted:
    """What came of it. `status` None: no answer, and `error` says why. `answer` is the start of what was said, on one
    line, else as the receiver wrote it: hostile."""

    status: int | None
    error: str = ""
    answer: str = ""
    duration_ms: float | None = None
    retry_after_s: float | None = None

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """The receiver asked to be unsubscribed (410)."""
        return self.status == 410

    @property
    def words(self) -> str:
        return self.error or f"status {self.status}"


@dataclass(frozen=True)
class Claim:
    """The right to send one message, and to write what came of it. `n` numbers the attempt, `made` counts those since
    it was last replayed, this one included; `sealed` are the secrets that sign it, the newest first."""

    delivery_id: int
    webhook_id: int
    token: UUID
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
    made = seen.attempts - seen.attempts_before
    # Another process may have claimed, finished or given it up since it was seen.
    as_seen = Delivery.objects.filter(
        pk=seen.pk, state=Delivery.State.WAITING, attempts=seen.attempts, lease_token=seen.lease_token
    )
    token = None
    if made >= ATTEMPTS:  # every process that tried to send it died
        reason = f"Not accepted in {made} attempts; the last: {BROKEN_OFF}."
        taken = as_seen.update(state=Delivery.State.FAILED, finished_at=now, reason=reason, **FREED) > 0
    else:
        token = LEASES.claim(as_seen, now=now, attempts=seen.attempts + 1)
        taken = token is not None
    if taken and seen.lease_until is not None:
        broken_off(seen).save()
    if token is None:
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
    """Record the result, and what follows for the webhook. False, and nothing written, if the lease was taken over."""
    webhook = Webhook.objects.select_for_update().get(pk=claim.webhook_id)
    if not LEASES.finish(claim.delivery_id, claim.token, **_outcome(claim, posted, webhook, now)):
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
        reason = f"Not accepted in {claim.made} attempts; the last: {posted.words}."
    else:
        return {"not_before": now + wait}
    return {"state": Delivery.State.FAILED, "finished_at": now, "reason": reason[:300]}
