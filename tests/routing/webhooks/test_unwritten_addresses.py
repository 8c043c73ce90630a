"""An address may carry a secret in its path or query: production writes it neither in its log nor to Sentry."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from routing.models import Delivery
from tests.processes import Processes
from tests.routing.webhooks.conftest import message_to

# Sent first as chores send it, then in the thread whose trail Sentry is told of.
PROGRAM = """
import sys
import django
django.setup()
import sentry_sdk
from routing.webhooks.delivery import deliver
from routing.webhooks.delivery import post
deliver()
post(sys.argv[1], body="{}", headers={})
sentry_sdk.capture_message("was sent")
sentry_sdk.flush(60)
"""


def told(body: bytes) -> str:
    return (gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body).decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.runs_once(on="sqlite", because="logs and reports are the subject")
def test_an_address_is_neither_logged_nor_reported(receiver, added, processes: Processes, settings: Any):
    here, sentry = receiver(), receiver(200)
    url = f"{here.url}/in-path?key=in-query"
    message_to(added(url))
    process = processes.python(
        "-c",
        PROGRAM,
        url,
        DEBUG="0",
        LOG_LEVEL="DEBUG",
        SECRET_KEY=settings.SECRET_KEY,
        ARENA_ENCRYPTION_KEY=settings.ARENA_ENCRYPTION_KEY,
        ARENA_SIGNING_KEY=settings.ARENA_SIGNING_KEY,
        ARENA_OUTBOUND_ALLOW=",".join(settings.ARENA_OUTBOUND_ALLOW),
        SENTRY_DSN=sentry.url.replace("http://", "http://key@").replace("/hooks/arena", "/1"),
    )
    assert process.popen.wait(60) == 0, process.output()

    assert len(here.got) == 2
    assert Delivery.objects.get().state == "delivered"
    written, reported = process.output(), "\n".join(told(body) for _, body in sentry.got)
    assert "webhook_sent" in written
    assert "was sent" in reported
    for text in (written, reported):
        assert "in-path" not in text
        assert "in-query" not in text
    assert not any("sentry-trace" in headers for headers, _ in here.got)
