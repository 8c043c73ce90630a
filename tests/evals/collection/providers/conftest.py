"""A client on the guarded transport, which may reach the servers of these tests and nothing else private."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from arena.net.many import AsyncGuardedTransport
from evals.collection.providers import Endpoint, Limits, ProviderError, Reply, Request
from evals.collection.providers.chat_completions import ChatCompletions
from tests.servers import Misbehaving, misbehaving

HELLO = ({"role": "user", "content": "Say hello."},)
# With the contender's own `{"system": "Be brief."}`, what the formats that take instructions apart have to translate.
CONVERSATION = (
    {"role": "system", "content": "Answer in German."},
    *HELLO,
    {"role": "assistant", "content": "Hallo."},
    {"role": "user", "content": "Again."},
)


@pytest.fixture
def ask_anywhere(settings: Any) -> Iterator[Callable[..., Reply]]:
    """`ask_anywhere(base_url, …)`: one call, all of a test's over one client. Keywords are the wire format, the
    contender's settings (`request`), limits and times."""
    settings.ARENA_OUTBOUND_ALLOW = []
    with asyncio.Runner() as runner:
        http = runner.run(_opened())

        def call(
            base_url: str,
            *,
            wire: Any = ChatCompletions,
            limits: Limits | None = None,
            messages: Any = HELLO,
            request: Any = None,
            model: str = "some-model",
            **endpoint: Any,
        ) -> Reply:
            where = Endpoint(base_url, **({"first_token_timeout_s": 20, "total_timeout_s": 20} | endpoint))
            asked = Request(model, messages, request or {})
            reply: Reply = runner.run(wire(limits=limits).ask(http, where, asked))
            return reply

        yield call
        runner.run(http.aclose())


async def _opened() -> AsyncGuardedTransport:
    return AsyncGuardedTransport()


@pytest.fixture
def ask(ask_anywhere: Callable[..., Reply], settings: Any) -> Callable[..., Reply]:
    """The same to a server on loopback, which is allowed."""

    def call(base_url: str, **options: Any) -> Reply:
        url = httpx.URL(base_url)
        settings.ARENA_OUTBOUND_ALLOW = [*settings.ARENA_OUTBOUND_ALLOW, f"{url.host}:{url.port}"]
        return ask_anywhere(base_url, **options)

    return call


@pytest.fixture
def serve() -> Iterator[Callable[..., Misbehaving]]:
    """`serve(script, …)`: a server that answers with these scripts in turn."""
    with ExitStack() as stack:
        yield lambda *scripts: stack.enter_context(misbehaving(*scripts))


@pytest.fixture
def failure(serve: Callable[..., Misbehaving], ask: Callable[..., Reply]) -> Callable[..., ProviderError]:
    """`failure(script, …)`: the error that a call to such a server ends with. Takes a module's own `ask`."""

    def fail(script: Any, **options: Any) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            ask(serve(script).base_url, **options)
        return caught.value

    return fail
