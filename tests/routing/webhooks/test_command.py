"""manage.py webhooks as one types it."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone

from routing.models import Delivery, Webhook
from routing.webhooks.delivery import deliver
from tests.routing.webhooks.conftest import message_to


def run(*args: str) -> str:
    out = io.StringIO()
    call_command("webhooks", *args, stdout=out)
    return out.getvalue()


def test_it_adds_lists_replays_and_disables(receiver, db):
    here = receiver()
    assert run("list") == "No webhook yet.\n"
    assert run("add", here.url, "--description", "Gateway").splitlines()[-1].startswith("whsec_")
    n = str(Webhook.objects.get().pk)

    told = json.loads(run("list", "--json"))["webhooks"]
    assert [(one["url"], one["description"], one["enabled"]) for one in told] == [(here.url, "Gateway", True)]
    assert "whsec" not in run("list", "--json") + run("list")
    assert f"{here.url}  enabled  nothing sent yet" in run("list")
    assert run("replay", n, "--since", "2026-11-22T09:00") == "Replayed: 0. Nothing was given up since then.\n"
    assert run("disable", n, "--reason", "Moved.") == "Disabled.\n"
    assert run("disable", n) == "It was disabled already.\n"
    assert "disabled (command line: Moved.)" in run("list")


def test_it_tells_the_last_delivery(receiver, added, published):
    webhook = added(receiver().url)
    published()
    (told,) = json.loads(run("list", "--json"))["webhooks"]
    assert (told["waiting"], told["last"]["version"], told["last"]["state"]) == (1, 1, "waiting")

    message_to(webhook)
    assert json.loads(run("list", "--json"))["webhooks"][0]["last"]["event"] == "webhook.test"
    assert Delivery.objects.count() == 2


def test_it_says_why_nothing_is_replayed(receiver, added, published):
    webhook = added(receiver(500).url)
    with time_machine.travel("2026-11-22 12:27:30+00:00", tick=False):
        published()
        replay = ("replay", str(webhook.webhook_id), "--since", "2026-11-22T12:00")
        assert run(*replay) == "Replayed: 0. 1 waits and goes out next; nothing was given up since then.\n"
        deliver()
        Delivery.objects.update(not_before=timezone.now() + timedelta(minutes=1))
        assert run(*replay) == "Replayed: 0. 1 waits until 12:28 UTC; nothing was given up since then.\n"
        assert "retrying 2026-11-22 12:27, 1 waiting, 0 given up" in run("list")
        Delivery.objects.update(not_before=timezone.now() + timedelta(days=1))
        assert "1 waits until 2026-11-23 12:27 UTC;" in run(*replay)
        Delivery.objects.update(state="failed", reason="For the test.")
        assert "given up 2026-11-22 12:27, 0 waiting, 1 given up" in run("list")
        assert run(*replay) == "Replayed: 1.\n"


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["add", "http://127.0.0.1:1/"], "ARENA_OUTBOUND_ALLOW"),
        (["disable", "7"], "There is no webhook 7"),
        (["replay", "7", "--since", "2026-11-22"], "There is no webhook 7"),
        (["replay", "7", "--since", "yesterday"], "is no time"),
        (["replay", "7", "--since", "2026-13-45T09:00"], "is no time"),
    ],
)
def test_it_says_what_is_wrong(db, args, why):
    with pytest.raises(CommandError, match=why):
        run(*args)
