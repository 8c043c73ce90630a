"""Secrets, and the headers by which a receiver knows that a message is Arena's, whole and recent. Pure.

The signature is HMAC-SHA256 over id, time and body: a receiver checks it with any Standard Webhooks library.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

__all__ = ["headers", "new_secret"]

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
