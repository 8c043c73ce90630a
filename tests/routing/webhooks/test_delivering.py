"""Messages on their way: over real HTTP to receivers that take, refuse, hang, drip, babble and lead astray."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from standardwebhooks import WebhookVerificationError

from routing.models import Delivery, DeliveryAttempt
from routing.webhooks import chores, services
from routing.webhooks.delivery import deliver
from routing.webhooks.queue import ATTEMPTS
from routing.webhooks.services import Added
from tests.processes import wait_until
from tests.routing.webhooks.conftest import later, message_to, row
from tests.servers import says


def states() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))


def attempt() -> DeliveryAttempt:
    return DeliveryAttempt.objects.get()


def test_the_receiver_can_verify_what_it_gets(receiver, added, published):
    here = receiver()
    webhook: Added = added(here.url)
    published()

    assert deliver() == 1
    message = here.verified(webhook.secret)
    assert (message["type"], message["data"]["version"]) == ("routing_table.published", 1)
    headers, body = here.got[0]
    assert headers["content-type"] == "application/json"
    assert body == Delivery.objects.get().body.encode()
    assert states() == ["delivered"]
    assert (attempt().n, attempt().status, attempt().error) == (1, 204, "")


def test_what_was_taken_is_not_sent_again(receiver, added):
    here = receiver()
    message_to(added(here.url))

    assert (deliver(), deliver(clock=later(days=1))) == (1, 0)
    assert len(here.got) == 1


def test_what_fails_is_sent_again_later_with_the_same_id_and_a_new_time(receiver, added):
    here = receiver(500, 204)
    webhook = added(here.url)
    message_to(webhook)

    assert deliver() == 1
    assert states() == ["waiting"]
    assert deliver() == 0
    with time_machine.travel(timezone.now() + timedelta(minutes=10)):
        assert deliver() == 1
        here.verified(webhook.secret)
        with pytest.raises(WebhookVerificationError, match="too old"):
            here.verified(webhook.secret, 0)
    assert states() == ["delivered"]
    assert here.ids[0] == here.ids[1]
    assert list(DeliveryAttempt.objects.values_list("n", "status")) == [(1, 500), (2, 204)]


def test_after_the_last_attempt_it_is_given_up_in_words(receiver, added):
    here = receiver(500)
    message_to(added(here.url))

    for n in range(ATTEMPTS + 3):
        deliver(clock=later(days=2 * n))

    assert len(here.got) == ATTEMPTS
    given_up = Delivery.objects.get()
    assert (given_up.state, given_up.reason) == ("failed", "Not accepted in 10 attempts; the last: status 500.")


def test_retry_after_is_honoured(receiver, added):
    here = receiver((429, {"Retry-After": "3600"}, b"slow down"), 204)
    webhook = added(here.url)
    message_to(webhook)
    message_to(webhook)
    assert deliver() == 1

    assert deliver(clock=later(minutes=59)) == 0
    assert deliver(clock=later(minutes=61)) == 2
    assert states() == ["delivered", "delivered"]


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_gone_disables_the_webhook_and_says_why(receiver, added):
    here = receiver(410)
    webhook = added(here.url)
    message_to(webhook)
    message_to(webhook)

    assert deliver() == 1
    assert "410 Gone" in row(webhook).disabled_reason
    assert row(webhook).disabled_at is not None
    assert states() == ["failed", "failed"]
    assert Delivery.objects.last().reason.startswith("The receiver answered 410 Gone")  # the older
    assert Delivery.objects.first().reason.startswith("The webhook was disabled")
    assert deliver(clock=later(days=9)) == 0


def test_a_redirect_is_not_followed(receiver, added):
    elsewhere = receiver()
    here = receiver((302, {"Location": elsewhere.url}, b""))
    message_to(added(here.url))
    deliver()

    assert (len(here.got), elsewhere.got) == (1, [])
    assert states() == ["waiting"]
    assert (attempt().status, attempt().error) == (
        302,
        "it redirects, which is not followed: set the final address",
    )


def test_one_that_hangs_is_left_at_the_deadline(unruly, added):
    server = unruly(lambda talk: talk.pause(60))
    message_to(added(f"http://127.0.0.1:{server.port}/"))

    assert deliver(total_s=0.4) == 1
    assert (attempt().status, attempt().error) == (None, "no answer in 0.4 s")
    assert states() == ["waiting"]


def test_so_is_one_that_drips_its_headers(unruly, added):
    server = unruly(lambda talk: talk.drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 3000, every_s=0.02))
    message_to(added(f"http://127.0.0.1:{server.port}/"))

    assert deliver(total_s=0.4) == 1
    assert attempt().error == "no answer in 0.4 s"


def test_one_that_took_it_and_drips_on_has_taken_it(unruly, added):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n"

    def script(talk: Any) -> None:
        talk.send(head + b"thanks ")
        talk.drip(b"x" * 2993, every_s=0.02)

    server = unruly(script)
    message_to(added(f"http://127.0.0.1:{server.port}/"))

    assert deliver(total_s=0.6) == 1
    assert states() == ["delivered"]
    assert attempt().answer.startswith("thanks x")


def test_a_huge_answer_is_cut_and_the_rest_not_read(unruly, added):
    sent = []

    def script(talk: Any) -> None:
        talk.send(b"HTTP/1.1 500 No\r\nContent-Type: text/plain\r\n\r\n")
        while talk.send(b"A" * 65536) and len(sent) < 4000:
            sent.append(1)

    server = unruly(script)
    message_to(added(f"http://127.0.0.1:{server.port}/"))
    deliver()

    assert attempt().answer == "A" * 300
    assert len(sent) < 4000


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (b"<script>alert(1)</script>", "<script>alert(1)</script>"),
        (b"one\r\n\x00two\x1b[31m", "one two [31m"),
        ("a\u202egnp.b".encode(), "a gnp.b"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", ""),
    ],
)
def test_the_start_of_the_answer_is_kept_on_one_clean_line(receiver, added, answer, shown):
    message_to(added(receiver((500, {}, answer)).url))
    deliver()

    assert attempt().answer == shown


@pytest.mark.parametrize(
    "script",
    [
        says(head=b"SSH-2.0-OpenSSH_9.2\r\n"),
        says(head=b""),
        says(head=b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 40000),
        says(head=b"HTTP/1.1 999999 What\r\n\r\n"),
        lambda talk: talk.reset(),
    ],
    ids=["another protocol", "nothing", "endless headers", "no status", "reset"],
)
def test_what_is_no_answer_is_a_failure_like_any_other(unruly, added, script):
    message_to(added(f"http://127.0.0.1:{unruly(script).port}/"))
    deliver()

    assert states() == ["waiting"]
    assert attempt().status is None
    assert attempt().error.startswith("no ")


def test_a_private_address_is_refused_without_its_entry(receiver, added, settings):
    here = receiver()
    message_to(added(here.url))
    settings.ARENA_OUTBOUND_ALLOW = []
    deliver()

    assert here.got == []
    assert "add 127.0.0.1:" in attempt().error
    assert "ARENA_OUTBOUND_ALLOW" in attempt().error


def test_an_old_secret_signs_along_for_a_day(receiver, added):
    here = receiver()
    webhook = added(here.url)
    new = services.rotate_secret(webhook_id=webhook.webhook_id, actor="Mara")
    message_to(webhook)
    deliver()
    for secret in (webhook.secret, new):
        assert here.verified(secret)["type"] == "webhook.test"

    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        message_to(webhook)
        deliver()
        here.verified(new)
        with pytest.raises(WebhookVerificationError, match="No matching"):
            here.verified(webhook.secret)


def test_one_that_hangs_holds_up_no_other(unruly, receiver, added):
    """While the slow one is waited for, everything for the quick one goes out; the slow one is waited for once."""
    here = receiver()

    def hang_until_all_is_out(talk: Any) -> None:
        while len(here.got) < 5 and not talk.pause(0.01):
            pass
        talk.pause(60)

    slow = added(f"http://127.0.0.1:{unruly(hang_until_all_is_out).port}/")
    quick = added(here.url)
    for _ in range(5):
        message_to(slow)
        message_to(quick)

    assert deliver(total_s=1) == 6
    assert Delivery.objects.filter(webhook_id=quick.webhook_id, state="delivered").count() == 5
    assert DeliveryAttempt.objects.filter(delivery__webhook_id=slow.webhook_id).count() == 1
    assert deliver() == 0


def test_a_webhook_that_failed_rests_and_then_goes_on(receiver, added):
    here = receiver(500, 204)
    webhook = added(here.url)
    message_to(webhook)
    message_to(webhook)

    assert deliver() == 1
    assert deliver() == 0
    assert deliver(clock=later(minutes=1)) == 2
    assert row(webhook).paused_until is None
    assert states() == ["delivered", "delivered"]


@pytest.mark.django_db(transaction=True)
def test_the_chore_waits_for_nobody_and_later_messages_for_no_one_that_hangs(unruly, receiver, added):
    here = receiver()
    arrived, let_go = threading.Event(), threading.Event()

    def hang(talk: Any) -> None:
        arrived.set()
        while not let_go.is_set() and not talk.pause(0.01):
            pass

    message_to(added(f"http://127.0.0.1:{unruly(hang).port}/"))
    assert chores.deliver()
    assert arrived.wait(60)

    message_to(added(here.url))
    assert chores.deliver()
    wait_until(lambda: here.got, "the second message arrives beside the first")
    assert not let_go.is_set()
    let_go.set()
    wait_until(lambda: "webhooks" not in {one.name for one in threading.enumerate()}, "the sending ends")
    assert states() == ["waiting", "delivered"]
    assert not chores.deliver()
