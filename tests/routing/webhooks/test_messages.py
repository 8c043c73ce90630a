"""What a message says, and how it is signed."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import time_machine
from standardwebhooks import Webhook, WebhookVerificationError

from routing.webhooks import messages
from routing.webhooks.messages import headers, new_secret
from routing.webhooks.queue import ATTEMPTS, PAUSE_S, back_off

KEY = uuid.UUID("0d5b7a0c-2f6e-4a7f-9d0c-6a1b2c3d4e5f")
NOW = datetime(2026, 11, 22, 9, 12, tzinfo=UTC)


def table(version: int, **primaries: str) -> dict[str, Any]:
    return {
        "version": version,
        "previous": version - 1 or None,
        "cause": "switched",
        "decision_digest": "sha256:dd",
        "published_at": "2026-11-22T09:12:00Z",
        "expires_at": "2026-12-06T09:12:00Z",
        "on_expired": "use_last_good",
        "policy": {"version": 1, "sha256": "aa"},
        "complexity": {},
        "models": {},
        "categories": {
            slug: {"basis": "votes", "routes": [{"id": slug, "when": {}, "primary": primary, "fallbacks": ["z"]}]}
            for slug, primary in primaries.items()
        },
        "default": {"routes": []},
    }


def data(before: dict[str, Any] | None, after: dict[str, Any]) -> dict[str, Any]:
    made = messages.published(key=KEY, document=after, before=before, sha256="ab", reason="Because.", actor="Mara")
    return dict(json.loads(made.body)["data"])


def test_a_publication_is_told_with_what_it_changed():
    made = messages.published(
        key=KEY,
        document=table(42, code="b", chat="c", gone_on="d"),
        before=table(41, code="a", chat="c", dropped="d"),
        sha256="ab",
        reason="b leads.",
        actor="automatic",
    )

    assert (made.id, made.type) == ("msg_0d5b7a0c2f6e4a7f9d0c6a1b2c3d4e5f", "routing_table.published")
    assert json.loads(made.body) == {
        "type": "routing_table.published",
        "timestamp": "2026-11-22T09:12:00Z",
        "data": {
            "version": 42,
            "previous": 41,
            "cause": "switched",
            "reason": "b leads.",
            "actor": "automatic",
            "sha256": "sha256:ab",
            "decision_digest": "sha256:dd",
            "published_at": "2026-11-22T09:12:00Z",
            "expires_at": "2026-12-06T09:12:00Z",
            "url": "/api/v1/routing/versions/42",
            "page": "/routing/versions/42/",
            "changes": [
                {"category": "code", "route": "code", "from": "a", "to": "b"},
                {"category": "dropped", "route": "dropped", "from": "d", "to": None},
                {"category": "gone_on", "route": "gone_on", "from": None, "to": "d"},
            ],
            "changes_left_out": 0,
        },
    }


def test_the_first_version_is_all_new():
    told = data(None, table(1, code="a"))

    assert told["previous"] is None
    assert told["changes"] == [{"category": "code", "route": "code", "from": None, "to": "a"}]


def test_a_refresh_changes_nothing():
    assert data(table(1, code="a"), table(2, code="a"))["changes"] == []


def test_a_message_stays_small_however_much_changed():
    told = data(None, table(1, **{f"category-{n:04}": "a" for n in range(500)}))

    assert (len(told["changes"]), told["changes_left_out"]) == (100, 400)
    assert len(json.dumps(told)) < 20_000


def test_a_message_stays_small_however_long_names_and_reason_are():
    categories = {f"{n:0>80}": f"{n:m>120}" for n in range(100)}
    after = table(1, **categories)
    for slug, category in after["categories"].items():
        category["routes"][0]["id"] = f"{slug}/{'r' * 40}"
    made = messages.published(
        key=KEY, document=after, before=None, sha256="ab" * 32, reason="\N{RACING CAR}" * 500, actor="\x01" * 150
    )
    told = json.loads(made.body)["data"]

    one = len(json.dumps(told["changes"][-1], separators=(",", ":"))) + 1
    assert messages.MOST_BYTES - one < len(made.body.encode()) <= messages.MOST_BYTES == 20_000
    assert [one["to"] for one in told["changes"]] == list(categories.values())[: len(told["changes"])]
    assert len(told["changes"]) + told["changes_left_out"] == 100


def test_a_test_says_that_it_is_one():
    made = messages.test(key=KEY, at=NOW, actor="Mara")

    assert made.type == "webhook.test"
    assert json.loads(made.body)["timestamp"] == "2026-11-22T09:12:00Z"


def test_a_secret_is_written_as_the_specification_has_it():
    secret = new_secret()

    assert secret.startswith("whsec_")
    assert secret != new_secret()


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=9))])
def test_what_is_signed_is_verified_by_the_library(zone: Any):
    secret, body = new_secret(), '{"reason":"Größe “42”"}'
    with time_machine.travel(NOW, tick=False):
        signed = headers(message_id="msg_1", body=body, at=NOW.astimezone(zone), secrets=[secret])
        assert Webhook(secret).verify(body.encode(), signed) == {"reason": "Größe “42”"}
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body.replace("42", "43"), signed)
        with pytest.raises(WebhookVerificationError):
            Webhook(new_secret()).verify(body, signed)
    with time_machine.travel(NOW + timedelta(minutes=6)), pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(secret).verify(body, signed)


def test_several_secrets_sign_side_by_side():
    new, old = new_secret(), new_secret()
    with time_machine.travel(NOW, tick=False):
        signed = headers(message_id="msg_1", body="{}", at=NOW, secrets=[new, old])
        assert len(signed["webhook-signature"].split(" ")) == 2
        for secret in (new, old):
            Webhook(secret).verify("{}", signed)


def test_the_waits_are_the_specifications_but_for_the_first_and_end_after_three_days():
    waits = [back_off(made, jitter=0) for made in range(1, ATTEMPTS)]

    assert waits[0] == timedelta(seconds=PAUSE_S)
    assert waits[1] == timedelta(minutes=5)
    assert waits[-1] == timedelta(hours=24)
    assert waits == sorted(waits)
    assert timedelta(days=3) < sum(waits, timedelta()) < timedelta(days=3.2)
    assert back_off(ATTEMPTS) is None


def test_jitter_only_lengthens():
    assert back_off(2, jitter=1) == timedelta(minutes=5.5)
    assert timedelta(minutes=5) <= back_off(2) <= timedelta(minutes=5.5)


def test_never_sooner_than_the_receiver_asked_and_never_later_than_a_day():
    assert back_off(1, retry_after_s=600, jitter=0) == timedelta(minutes=10)
    assert back_off(1, retry_after_s=1e9, jitter=0) == timedelta(hours=24)
    assert back_off(3, retry_after_s=1, jitter=0) == timedelta(minutes=30)
