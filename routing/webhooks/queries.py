"""What pages and commands read of webhooks: frozen values, no secrets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Q
from django.utils import timezone

from arena.ui.wording import listed
from routing.models import Delivery, DeliveryAttempt, Webhook, WebhookSecret
from routing.webhooks.messages import BAKE_OFF_FINISHED, EVENTS, TEST

__all__ = [
    "DeliveryLine",
    "SecretLine",
    "TryLine",
    "WebhookLine",
    "deliveries",
    "none_given_up",
    "owner",
    "secrets",
    "webhook",
    "webhooks",
]


@dataclass(frozen=True)
class TryLine:
    """One attempt. `answer` and `error` hold what the receiver wrote: hostile."""

    n: int
    at: datetime
    duration_ms: float | None
    status: int | None
    error: str
    answer: str


@dataclass(frozen=True)
class DeliveryLine:
    """`version` None: a test, or a bake-off's report. `attempts` are in all; before `next_at` there is no other.
    None: no other is planned, or one is under way."""

    id: int
    message_id: str
    event: str
    version: int | None
    state: str
    reason: str
    attempts: int
    created_at: datetime
    finished_at: datetime | None
    next_at: datetime | None
    sending: bool
    replayed_at: datetime | None
    replayed_by: str
    tries: tuple[TryLine, ...]

    @property
    def done(self) -> bool:
        return self.state != Delivery.State.WAITING

    @property
    def about(self) -> str:
        """What it tells of, as a sentence names it."""
        if self.version is not None:
            return f"version {self.version}"
        return "the bake-off" if self.event == BAKE_OFF_FINISHED else "the test"

    @property
    def words(self) -> str:
        """Its state as people read it, on pages and in the command."""
        if self.done:
            return str(Delivery.State(self.state).label).lower()
        if self.sending:
            return "being sent"
        return "retrying" if self.tries else "waiting"


@dataclass(frozen=True)
class SecretLine:
    """`until` None: the newest."""

    created_at: datetime
    created_by: str
    until: datetime | None


@dataclass(frozen=True)
class WebhookLine:
    """`last` is its newest delivery. `rests_until` is in the future: nothing is sent there before; None: it does not
    rest. `rests_because` holds what the receiver wrote: hostile."""

    id: int
    url: str
    description: str
    events: tuple[str, ...]
    created_by: str
    created_at: datetime
    disabled_at: datetime | None
    disabled_reason: str
    rests_until: datetime | None
    rests_because: str
    waiting: int
    failed: int
    last: DeliveryLine | None

    @property
    def event_words(self) -> str:
        return listed([EVENTS[one] for one in self.events if one in EVENTS])

    @property
    def enabled(self) -> bool:
        return self.disabled_at is None


def webhooks() -> list[WebhookLine]:
    """Those enabled first. Three queries."""
    return sorted(_lines(), key=lambda line: (not line.enabled, line.id))


def webhook(webhook_id: int) -> WebhookLine | None:
    return next(iter(_lines(webhook_id)), None)


def secrets(webhook_id: int) -> list[SecretLine]:
    """Those that sign now, the newest first."""
    found = WebhookSecret.objects.filter(webhook_id=webhook_id).exclude(until__lt=timezone.now())
    return [SecretLine(*row) for row in found.values_list("created_at", "created_by", "until")]


def deliveries(webhook_id: int, *, limit: int, before: int | None = None) -> list[DeliveryLine]:
    """The newest `limit`, newest first, with every attempt; `before` a delivery's id. Two queries."""
    found = Delivery.objects.filter(webhook_id=webhook_id)
    if before is not None:
        found = found.filter(pk__lt=before)
    return _told(found.order_by("-pk").select_related("webhook")[:limit])


def none_given_up(webhook_id: int, since: datetime) -> str:
    """Why there is nothing to replay since then. Two queries."""
    waiting = Delivery.objects.filter(webhook_id=webhook_id, state=Delivery.State.WAITING, created_at__gte=since)
    lines = _told(waiting.exclude(event=TEST).select_related("webhook"))
    if not lines:
        return "Nothing was given up since then."
    planned = min((line.next_at for line in lines if line.next_at is not None), default=None)
    wait = "1 waits" if len(lines) == 1 else f"{len(lines):,} wait"
    if planned is None:
        return f"{wait} and {'is' if len(lines) == 1 else 'are'} being sent; nothing was given up since then."
    if planned <= timezone.now():
        return f"{wait} and {'goes' if len(lines) == 1 else 'go'} out next; nothing was given up since then."
    first = "" if len(lines) == 1 else ", the first"
    return f"{wait}{first} until {_clock(planned)}; nothing was given up since then."


def _clock(at: datetime) -> str:
    """`12:28 UTC`, with the day unless it is today."""
    today = timezone.now().date()
    return f"{at:%H:%M}" + " UTC" if at.date() == today else f"{at:%Y-%m-%d %H:%M} UTC"


def owner(delivery_id: int) -> int | None:
    """The webhook of a delivery."""
    return Delivery.objects.filter(pk=delivery_id).values_list("webhook_id", flat=True).first()


def _lines(webhook_id: int | None = None) -> list[WebhookLine]:
    found = Webhook.objects.all() if webhook_id is None else Webhook.objects.filter(pk=webhook_id)
    counted = list(
        found.annotate(
            waiting=Count("deliveries", filter=Q(deliveries__state=Delivery.State.WAITING)),
            failed=Count("deliveries", filter=Q(deliveries__state=Delivery.State.FAILED)),
            last=Max("deliveries"),
        )
    )
    last = Delivery.objects.filter(pk__in=[row.last for row in counted if row.last is not None])
    newest = {line.id: line for line in _told(last.select_related("webhook"))}
    now = timezone.now()
    resting = {row.pk for row in counted if row.paused_until and row.paused_until > now and row.disabled_at is None}
    return [
        WebhookLine(
            id=row.pk,
            url=row.url,
            description=row.description,
            events=tuple(row.events),
            created_by=row.created_by,
            created_at=row.created_at,
            disabled_at=row.disabled_at,
            disabled_reason=row.disabled_reason,
            rests_until=row.paused_until if row.pk in resting else None,
            rests_because=row.paused_reason if row.pk in resting else "",
            waiting=row.waiting,
            failed=row.failed,
            last=newest.get(row.last or 0),
        )
        for row in counted
    ]


def _told(found: Iterable[Delivery]) -> list[DeliveryLine]:
    rows = list(found)
    tries: dict[int, list[TryLine]] = {row.pk: [] for row in rows}
    for row in DeliveryAttempt.objects.filter(delivery__in=tries).order_by("n"):
        made = TryLine(row.n, row.at, row.duration_ms, row.status, row.error, row.answer)
        tries[row.delivery_id].append(made)
    now = timezone.now()
    return [_line(row, tuple(tries[row.pk]), now) for row in rows]


def _line(row: Delivery, tries: tuple[TryLine, ...], now: datetime) -> DeliveryLine:
    sending = row.lease_until is not None and row.lease_until >= now
    planned = row.state == Delivery.State.WAITING and not sending and row.webhook.disabled_at is None
    return DeliveryLine(
        id=row.pk,
        message_id=row.message_id,
        event=row.event,
        version=row.table_id,
        state=row.state,
        reason=row.reason,
        attempts=row.attempts,
        created_at=row.created_at,
        finished_at=row.finished_at,
        next_at=max(row.not_before, row.webhook.paused_until or row.not_before) if planned else None,
        sending=sending,
        replayed_at=row.replayed_at,
        replayed_by=row.replayed_by,
        tries=tries,
    )
