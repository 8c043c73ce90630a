"""Whatever waits for a disabled webhook is given up, died over or published beside: nothing goes out stale later."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from evals.models import Category
from routing.models import Delivery
from routing.publishing.publisher import publish
from routing.webhooks import chores, services
from routing.webhooks.delivery import deliver
from routing.webhooks.leases import LEASES
from routing.webhooks.queue import Claim, Posted, claim_next, finish
from routing.webhooks.services import Added
from tests.processes import wait_until
from tests.routing.webhooks.conftest import message_to, row

AFTER = LEASES.length + timedelta(seconds=1)
GIVEN_UP = "The webhook was disabled. Moved."


def died_over(webhook: Added) -> Claim:
    """A message that was being sent when the process ended."""
    message_to(webhook)
    claim = claim_next(now=timezone.now())
    assert claim is not None
    return claim


def disable(webhook: Added) -> None:
    assert services.disable(webhook_id=webhook.webhook_id, reason="Moved.")


def enable(webhook: Added) -> None:
    assert services.enable(webhook_id=webhook.webhook_id, actor="Mara")


def is_given_up(*, tries: list[str]) -> bool:
    delivery = Delivery.objects.get()
    assert [one.error.partition(":")[0] for one in delivery.tries.all()] == tries
    return (delivery.state, delivery.reason, delivery.lease_token) == ("failed", GIVEN_UP, None)


def test_what_a_dead_one_left_is_given_up_by_disabling(receiver, added):
    webhook = added(receiver().url)
    died_over(webhook)
    with time_machine.travel(timezone.now() + AFTER):
        disable(webhook)

    assert is_given_up(tries=["broken off"])


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_one_that_died_while_its_webhook_was_disabled_is_given_up_by_the_clock(receiver, added):
    here = receiver()
    webhook = added(here.url)
    died_over(webhook)
    disable(webhook)
    chores.deliver()
    assert Delivery.objects.get().state == "waiting"

    with time_machine.travel(timezone.now() + AFTER):
        assert not chores.deliver()
        assert is_given_up(tries=["broken off"])
        enable(webhook)
        assert deliver() == 0
        assert services.replay(delivery_id=Delivery.objects.get().pk, seen=1, actor="Mara")
        assert deliver() == 1
    assert len(here.got) == 1


def test_enabling_gives_up_what_no_clock_saw(receiver, added):
    here = receiver()
    webhook = added(here.url)
    died_over(webhook)
    disable(webhook)
    with time_machine.travel(timezone.now() + timedelta(days=30)):
        enable(webhook)
        assert deliver() == 0

    assert is_given_up(tries=["broken off"])
    assert here.got == []


def test_enabling_leaves_what_is_being_sent_to_whoever_sends_it(receiver, added):
    webhook = added(receiver().url)
    claim = died_over(webhook)
    disable(webhook)
    enable(webhook)

    assert finish(claim=claim, posted=Posted(204, duration_ms=1.0), now=timezone.now())
    assert Delivery.objects.get().state == "delivered"


def test_the_clock_gives_up_nothing_of_an_enabled_webhook(receiver, added):
    died_over(added(receiver().url))

    assert services.give_up_stranded(now=timezone.now() + AFTER) == 0
    assert Delivery.objects.get().state == "waiting"


@pytest.mark.on_both(because="the publisher waits for a row")
@pytest.mark.django_db(transaction=True)
def test_one_disabled_while_a_table_is_published_is_not_told(receiver, added, voted: Category):
    webhook, other = added(receiver().url), added(receiver().url)

    def published() -> int | None:
        try:
            return publish(actor="Mara", reason="The first.").version
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            disable(webhook)
            version = pool.submit(published)
            # SQLite's publisher waits where its transaction begins.
            if connection.vendor == "postgresql":
                wait_until(somebody_waits, "the publisher waits for the webhook")
        assert version.result() == 1

    assert list(Delivery.objects.values_list("webhook", "state")) == [(other.webhook_id, "waiting")]
    assert row(webhook).disabled_at is not None


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        (waiting,) = cursor.fetchone()
    return bool(waiting)
