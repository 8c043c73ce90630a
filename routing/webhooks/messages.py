"""What webhooks are sent: small, without secrets, and never the table itself, which receivers fetch and check; with the
headers by which a receiver knows that a message is Arena's, whole and recent. Pure."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any, NamedTuple
from uuid import UUID

from standardwebhooks import Webhook

from routing.publishing.diff import diff
from routing.publishing.document import timestamp

__all__ = [
    "BAKE_OFF_FINISHED",
    "EVENTS",
    "MOST_BYTES",
    "MOST_CHANGES",
    "PUBLISHED",
    "TEST",
    "Message",
    "bake_off_finished",
    "headers",
    "new_secret",
    "published",
    "test",
]

PUBLISHED = "routing_table.published"
BAKE_OFF_FINISHED = "bake_off.finished"
TEST = "webhook.test"
# What a webhook can ask for, and in words.
EVENTS = {PUBLISHED: "each published table", BAKE_OFF_FINISHED: "each report of a bake-off"}
MOST_CHANGES = 100
# As the specification advises. Fewer changes are told where names are long.
MOST_BYTES = 20_000


class Message(NamedTuple):
    """`body` is signed and sent as it is here, however often."""

    id: str
    type: str
    body: str


def published(
    *,
    key: UUID,
    document: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    sha256: str,
    reason: str,
    actor: str,
) -> Message:
    """`document` is the table that was published, `before` the one it follows, None for the first."""
    version = document["version"]
    changes = [
        {"category": one.group, "route": one.where, "from": one.before, "to": one.after}
        for one in diff(before, document)
        if one.field == "primary"
    ]
    data: dict[str, Any] = {
        "version": version,
        "previous": document["previous"],
        "cause": document["cause"],
        "reason": reason,
        "actor": actor,
        "sha256": f"sha256:{sha256}",
        "decision_digest": document["decision_digest"],
        "published_at": document["published_at"],
        "expires_at": document["expires_at"],
        # Paths, as in the table itself: Arena does not know under which names it is reached.
        "url": f"/api/v1/routing/versions/{version}",
        "page": f"/routing/versions/{version}/",
        "changes": [],
        "changes_left_out": len(changes),
    }
    without = _message(key, PUBLISHED, document["published_at"], data)
    ends = accumulate(len(f"{_written(one)},".encode()) for one in changes)
    room = MOST_BYTES - len(without.body.encode())
    shown = [one for one, end in zip(changes, ends, strict=True) if end <= room][:MOST_CHANGES]
    data |= {"changes": shown, "changes_left_out": len(changes) - len(shown)}
    return _message(key, PUBLISHED, document["published_at"], data)


# Of each of its lists, so many are told.
_MOST_NAMED = 20


def bake_off_finished(
    *, key: UUID, at: datetime, report_id: int, found: Mapping[str, Any], summary: Sequence[str]
) -> Message:
    """`found` is the document of the report, `summary` the same in sentences."""
    rows = found["contenders"]
    named = {
        "joined": [row["model"] for row in rows if row["joined_by_rule"]],
        "failed": [row["model"] for row in rows if row["failed"]],
        "gone": sorted({*(found["list"] or {}).get("gone", ()), *(row["model"] for row in rows if row["gone"])}),
        "changed": [row["model"] for row in rows if row["lost"] or row["gained"]],
        "prices_moved": sorted({one["model"] for one in found["prices"]}),
    }
    data: dict[str, Any] = {
        "report": report_id,
        "task_set": found["task_set"],
        "n": found["n"],
        "state": found["state"],
        "run": found["run"],
        "run_before": found["before"] and found["before"]["run"],
        "spent_usd": found["cost"]["spent_usd"],
        "costs_unknown": found["cost"]["unknown"][:_MOST_NAMED],
        **{name: slugs[:_MOST_NAMED] for name, slugs in named.items()},
        "url": f"/api/v1/bake-off-reports/{report_id}",
        "page": f"/bake-offs/{report_id}/",
        "summary": [],
        "summary_left_out": len(summary),
    }
    without = _message(key, BAKE_OFF_FINISHED, timestamp(at), data)
    ends = accumulate(len(f"{json.dumps(one, ensure_ascii=False)},".encode()) for one in summary)
    room = MOST_BYTES - len(without.body.encode())
    shown = [one for one, end in zip(summary, ends, strict=True) if end <= room]
    data |= {"summary": shown, "summary_left_out": len(summary) - len(shown)}
    return _message(key, BAKE_OFF_FINISHED, timestamp(at), data)


def test(*, key: UUID, at: datetime, actor: str) -> Message:
    return _message(key, TEST, timestamp(at), {"message": "A test. Nothing was published.", "actor": actor})


def _message(key: UUID, kind: str, at: str, data: Mapping[str, Any]) -> Message:
    return Message(f"msg_{key.hex}", kind, _written({"type": kind, "timestamp": at, "data": data}))


def _written(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_SECRET_BYTES = 32


def new_secret() -> str:
    """`whsec_` and 32 random bytes in base64, as the specification writes them."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def headers(*, message_id: str, body: str, at: datetime, secrets: Sequence[str]) -> dict[str, str]:
    """One signature for each of `secrets`. `at` is the time of this attempt: receivers refuse what is older than a few
    minutes."""
    # The library takes whatever clock face it is given for UTC.
    signed = [Webhook(one).sign(message_id, at.astimezone(UTC), body) for one in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signed),
    }
