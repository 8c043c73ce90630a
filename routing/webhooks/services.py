"""Writes of webhooks and their deliveries. What is to be sent is a row, and a chore enqueued with it."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django_q.tasks import async_task

from arena.leases import free
from arena.net.rules import OutboundRefused, check
from arena.sealing import seal
from routing.models import Delivery, RoutingTable, Webhook, WebhookSecret
from routing.webhooks import messages
from routing.webhooks.leases import give_up
from routing.webhooks.messages import new_secret

__all__ = [
    "DELIVER",
    "OLD_SECRET_SIGNS_FOR",
    "Added",
    "AddressError",
    "WebhookError",
    "add",
    "announce",
    "announce_bake_off",
    "ask_for",
    "disable",
    "enable",
    "give_up_stranded",
    "replay",
    "replay_failed",
    "rotate_secret",
    "send_now",
    "send_test",
]

DELIVER = "routing.webhooks.chores.deliver"
OLD_SECRET_SIGNS_FOR = timedelta(hours=24)
# Each signs every message, so the header grows with them.
MOST_SECRETS = 5
_LONGEST_URL = 500
_DONE = (Delivery.State.DELIVERED, Delivery.State.FAILED)

log = structlog.get_logger(__name__)


class WebhookError(ValueError):
    """What was asked for cannot be done now; the message says what to do first."""


class AddressError(WebhookError):
    """The address is none that Arena may send to."""


@dataclass(frozen=True)
class Added:
    """`secret` is stored sealed, and returned only here."""

    webhook_id: int
    secret: str


def add(*, url: str, actor: str, description: str = "", events: Collection[str] = (messages.PUBLISHED,)) -> Added:
    """Raises WebhookError, or AddressError. Resolves the address's name, which may take seconds: before the
    transaction, not in it."""
    url, wanted = _checked(url), _known_events(events)
    with transaction.atomic():
        try:
            with transaction.atomic():
                made = Webhook.objects.create(
                    url=url, description=description.strip(), events=wanted, created_by=actor[:150]
                )
        except IntegrityError:
            raise AddressError("This address is in the list already. Enable it there if it is disabled.") from None
        secret = _new_secret(made, actor)
    log.info("webhook_added", webhook=made.pk, actor=actor)
    return Added(made.pk, secret)


@transaction.atomic
def rotate_secret(*, webhook_id: int, actor: str) -> str:
    """A new secret, returned only here. The one before signs along for OLD_SECRET_SIGNS_FOR. Raises WebhookError."""
    webhook = _lock(webhook_id)
    now = timezone.now()
    signing = WebhookSecret.objects.filter(webhook=webhook).exclude(until__lt=now)
    if signing.count() >= MOST_SECRETS:
        raise WebhookError(f"{MOST_SECRETS} secrets sign its messages already. The older ones end within a day.")
    signing.filter(until=None).update(until=now + OLD_SECRET_SIGNS_FOR)
    secret = _new_secret(webhook, actor)
    log.info("webhook_secret_rotated", webhook=webhook_id, actor=actor)
    return secret


@transaction.atomic
def ask_for(*, webhook_id: int, events: Collection[str], actor: str) -> None:
    """What it is told of from now on; messages that wait are sent all the same. Raises WebhookError."""
    wanted = _known_events(events)
    webhook = _lock(webhook_id)
    webhook.events = wanted
    webhook.save(update_fields=["events"])
    log.info("webhook_events_changed", webhook=webhook_id, events=wanted, actor=actor)


@transaction.atomic
def disable(*, webhook_id: int, reason: str) -> bool:
    """Nothing more is sent there; what waited is given up, and can be replayed. False if it was disabled already."""
    webhook = _lock(webhook_id)
    if webhook.disabled_at is not None:
        return False
    now = timezone.now()
    webhook.disabled_at, webhook.disabled_reason = now, reason[:300]
    webhook.save(update_fields=["disabled_at", "disabled_reason"])
    give_up(webhook=webhook, now=now)
    log.info("webhook_disabled", webhook=webhook_id, reason=webhook.disabled_reason)
    return True


@transaction.atomic
def enable(*, webhook_id: int, actor: str) -> bool:
    """False if it was enabled already. What was given up meanwhile stays so until it is replayed, and what one that
    died left waiting is given up with it."""
    webhook = _lock(webhook_id)
    if webhook.disabled_at is None:
        return False
    give_up(webhook=webhook, now=timezone.now())
    webhook.disabled_at, webhook.disabled_reason = None, ""
    webhook.paused_until, webhook.paused_reason = None, ""
    webhook.save(update_fields=["disabled_at", "disabled_reason", "paused_until", "paused_reason"])
    log.info("webhook_enabled", webhook=webhook_id, actor=actor)
    return True


def give_up_stranded(*, now: datetime) -> int:
    """Gives up what was being sent when its webhook was disabled, if whoever sent it has died. Returns how many."""
    left = Delivery.objects.filter(free(now), state=Delivery.State.WAITING, webhook__disabled_at__isnull=False)
    given_up = 0
    for webhook_id in sorted(set(left.values_list("webhook_id", flat=True))):
        with transaction.atomic():
            webhook = _lock(webhook_id)
            if webhook.disabled_at is not None:  # or enabled since
                given_up += give_up(webhook=webhook, now=now)
    return given_up


@transaction.atomic
def announce(*, table: RoutingTable, document: Mapping[str, Any], before: Mapping[str, Any] | None) -> int:
    """One delivery for each enabled webhook that asked for tables, in the transaction that publishes; a rolled-back
    table is not announced. `before` is the document of the table it follows. Returns how many."""
    webhooks = _listening(messages.PUBLISHED)
    if not webhooks:
        return 0
    message = messages.published(
        key=uuid.uuid4(),
        document=document,
        before=before,
        sha256=table.sha256,
        reason=table.reason,
        actor=table.actor,
    )
    Delivery.objects.bulk_create(_delivery(webhook_id, message, table) for webhook_id in webhooks)
    async_task(DELIVER)
    return len(webhooks)


@transaction.atomic
def announce_bake_off(*, report_id: int, made_at: datetime, document: Mapping[str, Any], summary: Sequence[str]) -> int:
    """The same for a report of a bake-off, in the transaction that stores it."""
    webhooks = _listening(messages.BAKE_OFF_FINISHED)
    if not webhooks:
        return 0
    message = messages.bake_off_finished(
        key=uuid.uuid4(), at=made_at, report_id=report_id, found=document, summary=summary
    )
    Delivery.objects.bulk_create(_delivery(webhook_id, message) for webhook_id in webhooks)
    async_task(DELIVER)
    return len(webhooks)


def _listening(event: str) -> list[int]:
    """Ids of the enabled webhooks that asked for it; locked: one that is disabled meanwhile would keep a delivery that
    nobody gives up."""
    enabled = Webhook.objects.filter(disabled_at=None).select_for_update().order_by("pk")
    return [pk for pk, events in enabled.values_list("pk", "events") if event in events]


def _known_events(events: Collection[str]) -> list[str]:
    unknown = [one for one in events if one not in messages.EVENTS]
    known = ", ".join(messages.EVENTS)
    if unknown:
        raise WebhookError(f"{unknown[0]!r} is not an event. Use: {known}.")
    if not events:
        raise WebhookError(f"Choose at least one event: {known}.")
    return [one for one in messages.EVENTS if one in events]


@transaction.atomic
def send_test(*, webhook_id: int, key: uuid.UUID, actor: str) -> bool:
    """Sends a message that says it is a test. `key` names the asking: the same again sends nothing more, and is False.
    Raises WebhookError."""
    _enabled(_lock(webhook_id))
    message = messages.test(key=key, at=timezone.now(), actor=actor)
    if Delivery.objects.filter(webhook_id=webhook_id, message_id=message.id).exists():
        return False
    _delivery(webhook_id, message).save()
    _go_on(webhook_id)
    return True


@transaction.atomic
def replay(*, delivery_id: int, seen: int, actor: str) -> bool:
    """Sends a message that was delivered or given up once more: the same id and body, so that a receiver which has it
    knows it again. `seen` is the number of its newest attempt as the person was shown it; False, and nothing is sent
    if there was another since or it waits. Raises WebhookError."""
    webhook_id = Delivery.objects.values_list("webhook_id", flat=True).get(pk=delivery_id)
    _enabled(_lock(webhook_id))
    found = Delivery.objects.filter(pk=delivery_id, attempts=seen, state__in=_DONE)
    return bool(_open_again(found, webhook_id, actor))


@transaction.atomic
def send_now(*, delivery_id: int, seen: int, actor: str) -> bool:
    """Has a message that waits for its next attempt sent at once; the attempts it has left are those it had. `seen` as
    with `replay`: False if there was another since, one is under way, or it waits no more. Raises WebhookError."""
    webhook_id = Delivery.objects.values_list("webhook_id", flat=True).get(pk=delivery_id)
    _enabled(_lock(webhook_id))
    now = timezone.now()
    waiting = Delivery.objects.filter(free(now), pk=delivery_id, attempts=seen, state=Delivery.State.WAITING)
    if not waiting.update(not_before=now):
        return False
    _go_on(webhook_id)
    log.info("webhook_sent_now", webhook=webhook_id, delivery=delivery_id, actor=actor)
    return True


@transaction.atomic
def replay_failed(*, webhook_id: int, since: datetime, actor: str) -> int:
    """Replays every message made at `since` or later that was given up, tests aside. Returns how many. Raises
    WebhookError."""
    _enabled(_lock(webhook_id))
    found = Delivery.objects.filter(webhook_id=webhook_id, state=Delivery.State.FAILED, created_at__gte=since)
    return _open_again(found.exclude(event=messages.TEST), webhook_id, actor)


def _open_again(found: QuerySet[Delivery], webhook_id: int, actor: str) -> int:
    now = timezone.now()
    opened = found.update(
        state=Delivery.State.WAITING,
        reason="",
        attempts_before=F("attempts"),
        not_before=now,
        finished_at=None,
        replayed_at=now,
        replayed_by=actor[:150],
    )
    if opened:
        _go_on(webhook_id)
        log.info("webhook_replayed", webhook=webhook_id, deliveries=opened, actor=actor)
    return opened


def _go_on(webhook_id: int) -> None:
    """Whoever asks for a message now does not want to wait for the end of a pause."""
    Webhook.objects.filter(pk=webhook_id).exclude(paused_until=None).update(paused_until=None, paused_reason="")
    async_task(DELIVER)


def _lock(webhook_id: int) -> Webhook:
    """Before its deliveries, always: two that lock both never wait for each other."""
    return Webhook.objects.select_for_update().get(pk=webhook_id)


def _enabled(webhook: Webhook) -> None:
    if webhook.disabled_at is not None:
        raise WebhookError("The webhook is disabled. Enable it first.")


def _new_secret(webhook: Webhook, actor: str) -> str:
    secret = new_secret()
    WebhookSecret.objects.create(webhook=webhook, sealed=seal(secret), created_by=actor[:150])
    return secret


def _delivery(webhook_id: int, message: messages.Message, table: RoutingTable | None = None) -> Delivery:
    return Delivery(webhook_id=webhook_id, message_id=message.id, event=message.type, body=message.body, table=table)


def _checked(url: str) -> str:
    """The address as httpx writes it. Raises AddressError."""
    # Only adding a webhook needs it; no page is to wait for it at the start.
    import httpx  # noqa: PLC0415

    url = url.strip()
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        raise AddressError(f"{url!r} is not an address. Write one such as https://example.com/hooks/arena.") from None
    if parts.userinfo:
        raise AddressError("Leave name and password out of the address: every message is signed instead.")
    if parts.fragment:
        raise AddressError(f"{url!r}: leave out what follows #.")
    try:
        check(str(parts))
    except OutboundRefused as error:
        raise AddressError(f"{error.detail}.") from None
    if len(str(parts)) > _LONGEST_URL:
        raise AddressError(f"An address has at most {_LONGEST_URL} characters; this one has {len(str(parts))}.")
    return str(parts)
