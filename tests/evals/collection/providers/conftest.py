"""A client on the guarded transport, which may reach the servers of these tests and nothing else private."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from arena.net.client import open_client
from evals.collection.providers import Endpoint, Limits, OpenAIFormat, Reply, Request
from tests.servers import Misbehaving, misbehaving

HELLO = ({"role": "user", "content": "Say hello."},)


@pytest.fixture
def http(settings: Any) -> Iterator[httpx.Client]:
    settings.ARENA_OUTBOUND_ALLOW = []
    with open_client() as client:
        yield client


@pytest.fixture
def ask(http: httpx.Client, settings: Any) -> Callable[..., Reply]:
    """`ask(base_url, …)`: one call to a server on loopback. Keywords are settings, limits and times."""

    def call(base_url: str, *, limits: Limits | None = None, messages=HELLO, request=None, **endpoint: Any) -> Reply:
        url = httpx.URL(base_url)
        settings.ARENA_OUTBOUND_ALLOW = [*settings.ARENA_OUTBOUND_ALLOW, f"{url.host}:{url.port}"]
        return OpenAIFormat(http, limits=limits).ask(
            Endpoint(base_url, **({"first_token_timeout_s": 20, "total_timeout_s": 20} | endpoint)),
            Request("some-model", messages, request or {}),
        )

    return call


@pytest.fixture
def serve() -> Iterator[Callable[..., Misbehaving]]:
    """`serve(script, …)`: a server that answers with these scripts in turn."""
    with ExitStack() as stack:
        yield lambda *scripts: stack.enter_context(misbehaving(*scripts))
