"""Adding, changing the secret, disabling, testing, replaying: each does what it says however often it is asked."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from routing.models import Delivery, Webhook, WebhookSecret
from routing.webhooks import queries, services
from routing.webhooks.delivery import deliver
from routing.webhooks.queue import claim_next
from routing.webhooks.services import AddressError, WebhookError
from tests.routing.webhooks.conftest import later, message_to, row


def give_up_all() -> None:
    Delivery.objects.update(state="failed", reason="For the test.", finished_at=timezone.now())


def test_a_secret_is_stored_sealed_and_told_once(receiver, added):
    webhook = added(receiver().url)

    assert webhook.secret.startswith("whsec_")
    stored = str(list(Webhook.objects.values())) + str(list(WebhookSecret.objects.values()))
    assert webhook.secret not in stored
    assert webhook.secret[6:] not in stored
    assert webhook.secret not in repr(queries.webhooks())


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://169.254.169.254/latest/", "ARENA_OUTBOUND_ALLOW"),
        ("http://127.0.0.1:5432/", "a private address"),
        ("http://8.8.8.8/", "plain http"),
        ("https://mara:secret@example.com/", "Leave name and password out"),
        ("https://example.com/#here", "what follows #"),
        ("ftp://example.com/", "not an http or https address"),
        ("example.com", "not an http or https address"),
        ("https://[::1/", "is no"),
        ("https://8.8.8.8/" + "x" * 490, "at most 500 characters"),
        ("https://8.8.8.8:99999/", "is no"),
        ("", "is no"),
    ],
)
def test_an_address_is_checked_when_it_is_added(db, url, why):
    with pytest.raises(AddressError, match=why):
        services.add(url=url, actor="Mara")
    assert not Webhook.objects.exists()


def test_the_same_address_is_added_once(receiver, added):
    here = receiver()
    added(here.url)

    with pytest.raises(AddressError, match="in the list already"):
        added(here.url.replace("http://127", "HTTP://127"))
    assert Webhook.objects.count() == WebhookSecret.objects.count() == 1


@pytest.mark.on_both(because="two race for the same rows")
def test_a_secret_changed_twice_at_once_locks_nobody_out(receiver, added):
    here = receiver()
    webhook = added(here.url)
    secrets = [webhook.secret] + [services.rotate_secret(webhook_id=webhook.webhook_id, actor="Mara") for _ in "12"]
    message_to(webhook)
    deliver()

    assert len(set(secrets)) == 3
    for secret in secrets:
        here.verified(secret)


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_secrets_do_not_pile_up(receiver, added):
    webhook = added(receiver().url)
    for _ in range(services.MOST_SECRETS - 1):
        services.rotate_secret(webhook_id=webhook.webhook_id, actor="Mara")
    with pytest.raises(WebhookError, match="end within a day"):
        services.rotate_secret(webhook_id=webhook.webhook_id, actor="Mara")
    assert len(queries.secrets(webhook.webhook_id)) == services.MOST_SECRETS
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        services.rotate_secret(webhook_id=webhook.webhook_id, actor="Mara")
        assert len(queries.secrets(webhook.webhook_id)) == 2


@pytest.mark.on_both(because="each engine has constraints of its own")
def test_the_database_lets_one_secret_be_the_newest(receiver, added):
    webhook = added(receiver().url)
    with pytest.raises(IntegrityError), transaction.atomic():
        WebhookSecret.objects.create(webhook_id=webhook.webhook_id, sealed="x", created_by="Mara")


def test_disabling_gives_up_what_waits_and_enabling_sends_none_of_it(receiver, added):
    here = receiver()
    webhook = added(here.url)
    message_to(webhook)

    assert services.disable(webhook_id=webhook.webhook_id, reason="Mara: moved.")
    assert not services.disable(webhook_id=webhook.webhook_id, reason="Again.")
    assert row(webhook).disabled_reason == "Mara: moved."
    assert Delivery.objects.get().reason == "The webhook was disabled. Mara: moved."
    assert services.enable(webhook_id=webhook.webhook_id, actor="Mara")
    assert not services.enable(webhook_id=webhook.webhook_id, actor="Mara")
    assert deliver() == 0
    assert here.got == []


def test_a_disabled_one_is_neither_tested_nor_replayed_to(receiver, added):
    webhook = added(receiver().url)
    message_to(webhook)
    services.disable(webhook_id=webhook.webhook_id, reason="Moved.")
    for act in (
        lambda: services.send_test(webhook_id=webhook.webhook_id, key=uuid.uuid4(), actor="Mara"),
        lambda: services.replay(delivery_id=Delivery.objects.get().pk, seen=0, actor="Mara"),
        lambda: services.send_now(delivery_id=Delivery.objects.get().pk, seen=0, actor="Mara"),
        lambda: services.replay_failed(webhook_id=webhook.webhook_id, since=timezone.now(), actor="Mara"),
    ):
        with pytest.raises(WebhookError, match="Enable it first"):
            act()


@pytest.mark.on_both(because="two race for the same rows")
def test_a_test_asked_for_twice_is_sent_once(receiver, added):
    here = receiver()
    webhook = added(here.url)
    key = uuid.uuid4()

    assert services.send_test(webhook_id=webhook.webhook_id, key=key, actor="Mara")
    assert not services.send_test(webhook_id=webhook.webhook_id, key=key, actor="Mara")
    assert deliver() == 1
    assert here.verified(webhook.secret)["type"] == "webhook.test"


def test_a_replay_is_the_same_message_signed_anew(receiver, added):
    here = receiver()
    webhook = added(here.url)
    message_to(webhook)
    deliver()
    delivery = Delivery.objects.get()

    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        assert services.replay(delivery_id=delivery.pk, seen=1, actor="Mara")
        assert deliver() == 1
        here.verified(webhook.secret)
    assert here.got[0][1] == here.got[1][1]
    assert here.ids[0] == here.ids[1]
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.replayed_by) == ("delivered", 2, "Mara")


@pytest.mark.on_both(because="two race for the same rows")
def test_a_replay_asked_for_twice_is_sent_once(receiver, added):
    here = receiver()
    message_to(added(here.url))
    deliver()
    delivery = Delivery.objects.get()

    assert services.replay(delivery_id=delivery.pk, seen=1, actor="Mara")
    assert not services.replay(delivery_id=delivery.pk, seen=1, actor="Mara")
    deliver()
    assert not services.replay(delivery_id=delivery.pk, seen=1, actor="Mara")
    assert len(here.got) == 2


def test_what_waits_is_sent_now_with_the_attempts_it_has_left(receiver, added):
    here = receiver(500)
    webhook = added(here.url)
    message_to(webhook)
    deliver()
    delivery = Delivery.objects.get()
    send = {"delivery_id": delivery.pk, "actor": "Mara"}

    assert not services.send_now(seen=0, **send)
    assert services.send_now(seen=1, **send)
    assert row(webhook).paused_until is None
    assert deliver() == 1
    assert not services.send_now(seen=1, **send)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.attempts_before) == ("waiting", 2, 0)


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_what_is_being_sent_is_not_sent_beside_it(receiver, added):
    message_to(added(receiver().url))
    claim = claim_next(now=timezone.now())
    assert claim is not None
    assert not services.send_now(delivery_id=claim.delivery_id, seen=1, actor="Mara")


def test_a_replay_starts_the_attempts_anew(receiver, added):
    here = receiver(500)
    message_to(added(here.url))
    for n in range(12):
        deliver(clock=later(days=2 * n))
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("failed", 10)

    services.replay(delivery_id=delivery.pk, seen=10, actor="Mara")
    for n in range(12):
        deliver(clock=later(days=2 * n))
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("failed", 20)
    assert delivery.reason.startswith("Not accepted in 10 attempts")


def test_everything_given_up_since_then_is_replayed_tests_aside(receiver, added, published):
    here = receiver()
    webhook = added(here.url)
    published()
    message_to(webhook)
    give_up_all()

    replay = {"webhook_id": webhook.webhook_id, "actor": "Mara"}
    assert services.replay_failed(since=timezone.now() + timedelta(seconds=1), **replay) == 0
    assert services.replay_failed(since=timezone.now() - timedelta(hours=1), **replay) == 1
    assert services.replay_failed(since=timezone.now() - timedelta(hours=1), **replay) == 0
    assert deliver() == 1
    assert here.verified(webhook.secret)["data"]["version"] == 1
