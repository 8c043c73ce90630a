"""A lease is held by one token at a time, whichever model's rows it is on."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from arena.leases import Leases, expired, free, live
from routing.models import Delivery, Webhook

pytestmark = pytest.mark.on_both(because="a lease is claimed by a conditional UPDATE")

NOW = timezone.now()
LEASES = Leases(Delivery, length=timedelta(seconds=90))
AFTER = NOW + timedelta(seconds=91)


@pytest.fixture
def delivery(db) -> Delivery:
    webhook = Webhook.objects.create(url="https://example.org/", created_by="Mara")
    return Delivery.objects.create(webhook=webhook, message_id="m", event="published", body="{}", not_before=NOW)


def as_seen(delivery: Delivery):
    return Delivery.objects.filter(pk=delivery.pk, attempts=delivery.attempts)


def test_of_two_that_saw_the_same_row_one_gets_it(delivery):
    first = LEASES.claim(as_seen(delivery), now=NOW, attempts=1)
    assert first is not None
    assert LEASES.claim(as_seen(delivery), now=NOW, attempts=1) is None
    assert LEASES.leased(delivery.pk, first).get().lease_until == NOW + timedelta(seconds=90)


def test_finishing_names_the_token_and_frees_the_row(delivery):
    token = LEASES.claim(as_seen(delivery), now=NOW, attempts=1)
    assert not LEASES.finish(delivery.pk, uuid.uuid4(), state="delivered")
    assert LEASES.finish(delivery.pk, token, state="delivered")
    assert not LEASES.finish(delivery.pk, token, state="failed", reason="Twice.")
    delivery.refresh_from_db()
    assert (delivery.state, delivery.lease_token, delivery.lease_until) == ("delivered", None, None)


def test_what_is_true_only_of_an_expired_lease_is_not_written_to_one_that_was_renewed(delivery):
    token = LEASES.claim(as_seen(delivery), now=timezone.now(), attempts=1)
    assert LEASES.renew({token}) == 1
    assert not LEASES.finish(delivery.pk, token, only_if=expired(timezone.now()), state="delivered")
    assert LEASES.leased(delivery.pk, token).exists()


def test_a_lease_that_was_taken_over_is_not_renewed(delivery):
    dead = LEASES.claim(as_seen(delivery), now=NOW, attempts=1)
    delivery.refresh_from_db()
    assert LEASES.claim(as_seen(delivery).filter(expired(AFTER)), now=AFTER, attempts=2) is not None
    assert LEASES.renew({dead}) == 0
    assert not LEASES.finish(delivery.pk, dead, state="delivered")


@pytest.mark.parametrize(("now", "is_live"), [(NOW, True), (AFTER, False)])
def test_a_lease_is_live_or_expired(delivery, now, is_live):
    assert Delivery.objects.filter(free(now)).exists()
    LEASES.claim(as_seen(delivery), now=NOW, attempts=1)
    found = [Delivery.objects.filter(q).exists() for q in (live(now), expired(now), free(now))]
    assert found == [is_live, not is_live, not is_live]
