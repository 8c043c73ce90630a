"""The tables in a process of their own, which slow pages cannot starve: `manage.py serve_tables` serves this.

The fast lane, and behind it not Django's pages but two probes. Of Django it loads what reading the database takes:
settings and models, no addresses, views or middleware.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arena.settings")
django.setup()

from arena.machine.fast_lane import Environ, FastLane, StartResponse, send  # noqa: E402 (its models need the line above)
from routing.publishing.serving import LATEST_PATH, Answer, problem  # noqa: E402

__all__ = ["application"]

_ELSEWHERE = (
    f"This process serves {LATEST_PATH} without parameters, and nothing else. Ask Arena's web process for the rest, "
    "?format= included; docs/tables-behind-nginx.md puts both behind one address."
)
_SAFE = ("GET", "HEAD")


def _beside(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """What is not the newest table."""
    probe = {"/healthz": _healthz, "/readyz": _readyz}.get(environ["PATH_INFO"])
    head = environ["REQUEST_METHOD"] == "HEAD"
    if probe is None:
        answer = problem(404, _ELSEWHERE, head=head)
    elif environ["REQUEST_METHOD"] not in _SAFE:
        answer = problem(405, "Ask with GET or HEAD.", headers=(("Allow", ", ".join(_SAFE)),))
    else:
        answer = probe()
        if head:
            answer = answer._replace(body=b"")
    return send(answer, start_response)


def _healthz() -> Answer:
    """Alive: this process answers. Touches nothing."""
    return _small(200, "text/plain", b"ok\n")


def _readyz() -> Answer:
    """200 once the database was seen. It may go away again: this process then still has a table to serve, and must
    not be taken out of service for that."""
    state = application.state
    database = "no answer: see DATABASE_URL" if state.away or not state.looked else "ok"
    body = {"ready": state.looked, "database": database, "table": state.version}
    return _small(200 if state.looked else 503, "application/json", json.dumps(body).encode())


def _small(status: int, kind: str, body: bytes) -> Answer:
    headers = (("Content-Type", kind), ("Content-Length", str(len(body))), ("Cache-Control", "no-store"))
    return Answer.of(status, headers, body)


application = FastLane(_beside, public=settings.ARENA_ROUTING_READ == "public", people=False)


application.start()
