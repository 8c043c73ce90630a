"""A webhook that failed rests: for how long and why stands on its pages and in the command, and so does what that means
for its messages."""

from __future__ import annotations

import html
import io
import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from arena.models import User
from routing.models import Delivery
from routing.webhooks import queries, services
from routing.webhooks.delivery import deliver
from tests.routing.webhooks.conftest import message_to, row

A_DAY = (429, {"Retry-After": "86400"}, b"slow down")
ASKED = "The last attempt failed: status 429. Its answer asked for as long (Retry-After)."


@pytest.fixture
def pages(admin_user: User, client_of: Any):
    """`pages(webhook)`: its own page and the list's."""
    admin: Client = client_of(admin_user)

    def shown(webhook: services.Added) -> list[str]:
        paths = (f"/routing/webhooks/{webhook.webhook_id}/", "/routing/webhooks/")
        return [html.unescape(admin.get(path).content.decode()) for path in paths]

    return shown


def listed() -> str:
    out = io.StringIO()
    call_command("webhooks", "list", stdout=out)
    return out.getvalue()


def in_json() -> Any:
    out = io.StringIO()
    call_command("webhooks", "list", "--json", stdout=out)
    (told,) = json.loads(out.getvalue())["webhooks"]
    return told


def test_a_day_of_silence_is_told_with_its_reason(receiver, added, pages):
    webhook = added(receiver(A_DAY).url)
    message_to(webhook)
    message_to(webhook)
    deliver()

    until = row(webhook).paused_until
    assert timedelta(hours=23) < until - timezone.now() <= timedelta(hours=24)
    line = queries.webhook(webhook.webhook_id)
    assert (line.rests_until, line.rests_because) == (until, ASKED)
    for page in pages(webhook):
        assert "aused until" in page
        assert f'datetime="{until.isoformat(timespec="seconds")}"' in page
        assert ASKED in page
    assert f"enabled, rests until {until:%Y-%m-%d %H:%M} ({ASKED})" in listed()
    assert (in_json()["rests_until"], in_json()["rests_because"]) == (until.isoformat(), ASKED)


def test_no_message_is_said_to_go_out_before_the_rest_is_over(receiver, added, pages):
    webhook = added(receiver(A_DAY).url)
    message_to(webhook)
    message_to(webhook)
    deliver()

    until = row(webhook).paused_until
    newer, older = queries.deliveries(webhook.webhook_id, limit=2)
    assert (newer.tries, newer.next_at) == ((), until)
    assert older.next_at == max(until, Delivery.objects.earliest("pk").not_before)
    page = pages(webhook)[0]
    assert "First attempt" in page
    assert "Next attempt" in page


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_after_the_first_failure_a_message_waits_as_long_as_its_webhook_rests(receiver, added):
    webhook = added(receiver(500, 204).url)
    message_to(webhook)
    deliver()

    (delivery,) = queries.deliveries(webhook.webhook_id, limit=1)
    assert delivery.next_at >= row(webhook).paused_until
    assert row(webhook).paused_reason == "The last attempt failed: status 500."
    with time_machine.travel(delivery.next_at, tick=False):
        assert deliver() == 1


def test_a_rest_ends_by_itself_and_by_whoever_asks_for_a_message(receiver, added, pages):
    webhook = added(receiver(500).url)
    message_to(webhook)
    deliver()

    with time_machine.travel(timezone.now() + timedelta(minutes=1)):
        assert queries.webhook(webhook.webhook_id).rests_until is None
        assert "ests until" not in "".join(pages(webhook)) + listed()
    message_to(webhook)
    assert (row(webhook).paused_until, row(webhook).paused_reason) == (None, "")


def test_a_disabled_one_is_not_said_to_rest(receiver, added, pages):
    webhook = added(receiver(A_DAY).url)
    message_to(webhook)
    deliver()
    services.disable(webhook_id=webhook.webhook_id, reason="Moved.")

    assert "ests until" not in "".join(pages(webhook)) + listed()
