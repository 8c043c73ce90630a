"""Receivers on loopback, which these tests' Arena may send to, and webhooks that point there."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.utils import timezone
from standardwebhooks import Webhook as Verifier

from evals.models import Category
from routing.models import Webhook
from routing.publishing.publisher import PublishResult, publish
from routing.webhooks import services
from routing.webhooks.services import Added
from tests.servers import Misbehaving, Script, misbehaving

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Receiver:
    """Answers its requests with `answers` in turn, the last one again and again; keeps what came, byte for byte."""

    answers: list[Answer]
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]

    def verified(self, secret: str, n: int = -1) -> Any:
        """The n-th message as whoever holds that secret reads it; raises if its signature is not by it."""
        headers, body = self.got[n]
        return Verifier(secret).verify(body, headers)


@pytest.fixture
def receiver(settings: Any) -> Iterator[Callable[..., Receiver]]:
    """`receiver(*answers)`: statuses, or (status, headers, body)."""
    with ExitStack() as stack:

        def start(*answers: Any) -> Receiver:
            made = Receiver([one if isinstance(one, tuple) else (one, {}, b"") for one in answers or (204,)])
            server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            made.url = _allowed(settings, server.server_address[1])
            return made

        yield start


@pytest.fixture
def unruly(settings: Any) -> Iterator[Callable[..., Misbehaving]]:
    """`unruly(script, …)`: a receiver that no HTTP library would be."""
    with ExitStack() as stack:

        def start(*scripts: Script) -> Misbehaving:
            server = stack.enter_context(misbehaving(*scripts))
            _allowed(settings, server.port)
            return server

        yield start


@pytest.fixture
def added(db: None) -> Callable[[str], Added]:
    """`added(url)`: a webhook there."""
    return lambda url: services.add(url=url, actor="Mara")


@pytest.fixture
def published(voted: Category) -> Callable[[], PublishResult]:
    """`published()`: a first version."""
    return lambda: publish(actor="Mara", reason="The first.")


def message_to(added: Added) -> None:
    """A message to that webhook, without a table."""
    assert services.send_test(webhook_id=added.webhook_id, key=uuid.uuid4(), actor="Mara")


def later(**by: float) -> Callable[[], Any]:
    """A clock for `deliver`."""
    return lambda: timezone.now() + timedelta(**by)


def row(added: Added) -> Webhook:
    return Webhook.objects.get(pk=added.webhook_id)


def _allowed(settings: Any, port: int) -> str:
    settings.ARENA_OUTBOUND_ALLOW = [*settings.ARENA_OUTBOUND_ALLOW, f"127.0.0.1:{port}"]
    return f"http://127.0.0.1:{port}/hooks/arena"


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                status, headers, answer = receiver.answers[min(len(receiver.got), len(receiver.answers) - 1)]
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
