"""A message is sent by one at a time, and by somebody in the end: two chores at once, and one that died."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from routing.models import Delivery, DeliveryAttempt, Webhook
from routing.webhooks import services
from routing.webhooks.delivery import TOTAL_S, deliver
from routing.webhooks.leases import LEASES
from routing.webhooks.queue import ATTEMPTS, Posted, claim_next, finish
from tests.processes import Processes, wait_until
from tests.routing.webhooks.conftest import later, message_to

pytestmark = pytest.mark.on_both(because="a claim locks rows on PostgreSQL")

TAKEN = Posted(204, duration_ms=1.0)


def test_nobody_alive_is_overtaken():
    assert timedelta(seconds=2 * TOTAL_S) < LEASES.length


def test_what_is_claimed_is_claimed_by_nobody_else(receiver, added):
    message_to(added(receiver().url))
    now = timezone.now()

    assert claim_next(now=now) is not None
    assert claim_next(now=now) is None
    assert claim_next(now=now + LEASES.length - timedelta(seconds=1)) is None
    assert deliver() == 0


def test_a_dead_ones_lease_runs_out_and_the_same_message_is_sent_again(receiver, added):
    here = receiver()
    message_to(added(here.url))
    dead = claim_next(now=timezone.now())

    assert deliver(clock=later(seconds=LEASES.length.total_seconds() + 1)) == 1
    assert here.ids == [dead.message_id]
    lost, sent = DeliveryAttempt.objects.order_by("n")
    assert (lost.n, lost.status, lost.at) == (1, None, dead.at)
    assert lost.error.startswith("broken off")
    assert (sent.n, sent.status) == (2, 204)


def test_one_believed_dead_writes_nothing(receiver, added):
    webhook = added(receiver().url)
    message_to(webhook)
    dead = claim_next(now=timezone.now())
    alive = claim_next(now=timezone.now() + LEASES.length * 2)

    assert not finish(claim=dead, posted=Posted(410), now=timezone.now())
    assert Webhook.objects.get().disabled_at is None
    assert finish(claim=alive, posted=TAKEN, now=timezone.now())
    assert not finish(claim=dead, posted=Posted(500), now=timezone.now())
    assert Delivery.objects.get().state == "delivered"
    assert [one.n for one in DeliveryAttempt.objects.exclude(status=None)] == [2]


def test_a_message_that_ends_every_chore_is_given_up(receiver, added):
    here = receiver()
    message_to(added(here.url))
    for n in range(ATTEMPTS):
        assert claim_next(now=timezone.now() + 2 * LEASES.length * n) is not None

    assert deliver(clock=later(days=9)) == 0
    given_up = Delivery.objects.get()
    assert (given_up.state, given_up.lease_token) == ("failed", None)
    assert given_up.reason.startswith("Not accepted in 10 attempts; the last: broken off")
    assert DeliveryAttempt.objects.count() == ATTEMPTS
    assert here.got == []


def test_one_disabled_while_it_is_sent_is_not_tried_again(receiver, added):
    webhook = added(receiver().url)
    message_to(webhook)
    claim = claim_next(now=timezone.now())
    services.disable(webhook_id=webhook.webhook_id, reason="Moved.")
    finish(claim=claim, posted=Posted(500), now=timezone.now())

    assert Delivery.objects.get().reason == "The webhook was disabled. Moved."


def test_one_taken_while_its_webhook_was_disabled_was_taken(receiver, added):
    webhook = added(receiver().url)
    message_to(webhook)
    claim = claim_next(now=timezone.now())
    services.disable(webhook_id=webhook.webhook_id, reason="Moved.")
    finish(claim=claim, posted=TAKEN, now=timezone.now())

    assert Delivery.objects.get().state == "delivered"


@pytest.mark.django_db(transaction=True)
def test_chores_at_once_send_each_message_once(receiver, added):
    receivers = [receiver() for _ in range(3)]
    webhooks = [added(one.url) for one in receivers]
    for _ in range(8):
        for webhook in webhooks:
            message_to(webhook)
    together = threading.Barrier(4)

    def chore() -> int:
        together.wait()
        try:
            return deliver()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        sent = [one.result() for one in [pool.submit(chore) for _ in range(4)]]
    # One that lost every race it saw stops early; what it left is due still.
    sent.append(deliver())

    assert sum(sent) == 24
    assert all(len(one.ids) == 8 and set(Counter(one.ids).values()) == {1} for one in receivers)
    assert set(Delivery.objects.values_list("state", "attempts")) == {("delivered", 1)}


@pytest.mark.crash
@pytest.mark.runs_once(on="postgresql", because="its claim is a lock on rows, and ends with its connection")
def test_a_killed_chore_loses_nothing(unruly, receiver, added, processes: Processes):
    hanging = unruly(lambda talk: talk.pause(60))
    webhook = added(f"http://127.0.0.1:{hanging.port}/")
    message_to(webhook)
    allow = f"127.0.0.1:{hanging.port}"
    code = "import django; django.setup(); from routing.webhooks.delivery import deliver; deliver()"
    chore = processes.python("-c", code, ARENA_OUTBOUND_ALLOW=allow, DJANGO_SETTINGS_MODULE="arena.settings")
    wait_until(lambda: hanging.requests, "the message arrives")
    chore.kill_group()

    here = receiver()
    Webhook.objects.update(url=here.url)
    assert deliver() == 0
    assert deliver(clock=later(seconds=LEASES.length.total_seconds() + 1)) == 1
    assert here.ids == [hanging.headers[0]["webhook-id"]]
