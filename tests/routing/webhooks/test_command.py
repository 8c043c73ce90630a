"""manage.py webhooks as one types it."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from routing.models import Delivery, Webhook
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
    assert run("replay", n, "--since", "2026-11-22T09:00") == "Replayed: 0.\n"
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
