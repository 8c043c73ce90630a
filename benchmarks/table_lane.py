"""How long the server's own code takes for `GET routing/latest`: from memory in front of Django, and as an ordinary
Django view. Calls of the WSGI application, without a network: what differs is ours alone."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable

import django

os.environ["ARENA_ROUTING_READ"] = "public"
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arena.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402

from arena.management.commands.demo import seed  # noqa: E402
from arena.wsgi import application as with_lane  # noqa: E402
from routing import publishing  # noqa: E402
from routing.services import current_policy, save_policy  # noqa: E402

SECONDS = 2.0


def microseconds(application: Callable[..., object]) -> float:
    def call() -> None:
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/api/v1/routing/latest",
            "SCRIPT_NAME": "",
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": io.StringIO(),
        }
        status: list[str] = []
        body = application(environ, lambda said, headers, exc_info=None: status.append(said))
        b"".join(body)  # type: ignore[call-overload]
        assert status == ["200 OK"], status

    deadline = time.monotonic() + 30
    while True:  # the lane looks for the newest version twice a second
        try:
            call()
            break
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    calls, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        call()
        calls += 1
    return (time.perf_counter() - began) / calls * 1e6


def main() -> None:
    call_command("migrate", verbosity=0)
    seed()
    document = json.loads(json.dumps(current_policy()[1].document))
    document["every_category"]["default"] = "smollm2-plain"
    save_policy(document=document, reason="A table to serve.", actor=None)
    publishing.publish(actor="bench")
    ours, peer = microseconds(with_lane), microseconds(get_wsgi_application())
    print(f"{'work':<58} {'ours':>10}  peer")
    print(f"{'GET routing/latest, in the server':<58} {ours:>7.1f} µs  the same table by a Django view: {peer:,.0f} µs")


if __name__ == "__main__":
    main()
