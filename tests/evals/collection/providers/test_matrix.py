"""Every wire format against every way in which a call goes well or wrong.

OpenAI's chat completions and responses, Anthropic and Gemini are asked of llmock, a double of providers that knows them
from their own documentation rather than from ours. It does not speak to Ollama's, Replicate's or fal's clients: those
are asked of our own server, with the bytes of their documentation (docs.ollama.com/api/chat, replicate.com/docs/
reference/http, fal.ai's page on its queue).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from llmock.scenarios import Fail, StreamFault, ToolCall
from llmock.scenarios import Reply as Says
from llmock.testing import LLMockServer

from arena.net.many import AsyncGuardedTransport
from evals.collection.providers import Endpoint, ProviderError, Reply, Request
from evals.collection.providers.anthropic import AnthropicMessages
from evals.collection.providers.chat_completions import ChatCompletions
from evals.collection.providers.fal import FalQueue
from evals.collection.providers.gemini import Gemini
from evals.collection.providers.ollama import Ollama
from evals.collection.providers.replicate import Replicate
from evals.collection.providers.responses import Responses
from evals.models.generations import ErrorCategory as Category
from tests.evals.collection.providers.conftest import HELLO
from tests.servers import OK, Script, line, misbehaving, refuses, returns, says

AT_LLMOCK = {
    "chat": (ChatCompletions, "/v1"),
    "groq": (ChatCompletions, "/groq/openai/v1"),
    "together": (ChatCompletions, "/together/v1"),
    "xai": (ChatCompletions, "/xai/v1"),
    "mistral": (ChatCompletions, "/mistral/v1"),
    "responses": (Responses, "/v1"),
    "anthropic": (AnthropicMessages, "/anthropic/v1"),
    "gemini": (Gemini, "/gemini/v1beta"),
}
FORMATS = ("chat", "responses", "anthropic", "gemini")
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
IMAGE = [
    {"type": "text", "text": "What is this?"},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
]
# How a call goes wrong, and what it must end as.
FAULTS = {
    "429": (Fail(429, retry_after=7), Category.RATE_LIMITED),
    "500": (Fail(500), Category.PROVIDER_ERROR),
    "503": (Fail(503), Category.OVERLOADED),
    "529": (Fail(529), Category.OVERLOADED),
    "401": (Fail(401), Category.AUTH),
    "402": (Fail(402), Category.BILLING),
    "404": (Fail(404), Category.MODEL_NOT_FOUND),
    "400": (Fail(400, message="Unknown setting: temprature"), Category.BAD_REQUEST),
    "too long": (Fail(400, message="This model's maximum context length is 8 tokens"), Category.CONTEXT_LENGTH),
    "dropped": (StreamFault("disconnect", after_chunks=2), Category.STREAM_TRUNCATED),
    "cut": (StreamFault("truncate", after_chunks=2), Category.STREAM_TRUNCATED),
    "malformed": (StreamFault("malformed", after_chunks=2), Category.INVALID_REPLY),
    "stalled": (StreamFault("stall", after_chunks=2, stall_seconds=30), Category.TIMEOUT_TOTAL),
}


class Unstreamed(httpx.AsyncBaseTransport):
    """On the way to a server that answers in one document, whatever it was asked for."""

    def __init__(self, onward: httpx.AsyncBaseTransport) -> None:
        self._onward = onward

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(await request.aread())
        if body.pop("stream", False):
            body.pop("stream_options", None)
        url = str(request.url).replace(":streamGenerateContent?alt=sse", ":generateContent")
        return await self._onward.handle_async_request(httpx.Request(request.method, url, json=body))


@dataclass
class Asking:
    runner: asyncio.Runner
    http: httpx.AsyncBaseTransport

    def __call__(
        self, wire: Any, base_url: str, *, streamed: bool = True, messages: Any = HELLO, **settings: Any
    ) -> Reply:
        endpoint = Endpoint(base_url, api_key="k-1", first_token_timeout_s=20, total_timeout_s=20)
        if settings.pop("hurried", False):
            endpoint = Endpoint(base_url, api_key="k-1", first_token_timeout_s=0.3, total_timeout_s=0.3)
        http = self.http if streamed else Unstreamed(self.http)
        request = Request(settings.pop("model", "some-model"), messages, settings)
        return self.runner.run(wire().ask(http, endpoint, request))


@pytest.fixture(scope="module")
def asking() -> Iterator[Asking]:
    with asyncio.Runner() as runner:
        http = runner.run(_opened())
        yield Asking(runner, http)
        runner.run(http.aclose())


async def _opened() -> AsyncGuardedTransport:
    return AsyncGuardedTransport()


@pytest.fixture(scope="module")
def llmock() -> Iterator[LLMockServer]:
    with LLMockServer() as server:
        yield server


@pytest.fixture
def ask(asking: Asking, llmock: LLMockServer, settings: Any) -> Iterator[Callable[..., Reply]]:
    """`ask(format, scenario, …)`: one call to llmock."""
    url = httpx.URL(llmock.url)
    settings.ARENA_OUTBOUND_ALLOW = [f"{url.host}:{url.port}"]

    def call(format: str, *scenarios: Any, **options: Any) -> Reply:  # noqa: A002 (as it is called everywhere)
        wire, path = AT_LLMOCK[format]
        for scenario in scenarios:
            llmock.state.scenarios.add(scenario)
        return asking(wire, llmock.url + path, **options)

    llmock.state.scenarios.clear()
    yield call
    llmock.state.scenarios.clear()


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("format", AT_LLMOCK)
def test_an_answer_with_its_counts(ask, format, streamed):  # noqa: A002
    reply = ask(format, streamed=streamed, max_tokens=50, temperature=0, system="Be brief.")

    assert reply.text
    assert reply.finish_reason == "stop"
    assert (reply.ttft_ms is not None) == streamed
    assert (reply.usage.tokens_in > 0, reply.usage.tokens_out > 0) == (True, True)


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("format", FORMATS)
def test_calls_of_tools(ask, format, streamed):  # noqa: A002
    calls = Says(tool_calls=(ToolCall("weather", {"city": "Rome"}), ToolCall("weather", {"city": "Oslo"})))

    reply = ask(format, calls, streamed=streamed, tools=TOOLS)

    assert [(call.name, json.loads(call.arguments)) for call in reply.tool_calls] == [
        ("weather", {"city": "Rome"}),
        ("weather", {"city": "Oslo"}),
    ]
    assert reply.finish_reason == "tool_calls"


@pytest.mark.parametrize("format", FORMATS)
def test_an_image_is_taken(ask, format):  # noqa: A002
    assert ask(format, messages=[{"role": "user", "content": IMAGE}]).text


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("format", FORMATS)
def test_faults(ask, format, fault):  # noqa: A002
    scenario, category = FAULTS[fault]

    with pytest.raises(ProviderError) as caught:
        ask(format, scenario, hurried=fault == "stalled")

    assert caught.value.category == category
    if fault == "429":
        assert caught.value.retry_after_s == 7


# Our own server, for the formats that llmock does not speak.

_OLLAMA = [
    {"model": "llama3.2", "created_at": "2026-08-04T08:52:19Z", "message": {"role": "assistant", "content": "The"}}
    | {"done": False},
    {"model": "llama3.2", "created_at": "2026-08-04T08:52:19Z", "message": {"role": "assistant", "content": " sky."}}
    | {"done": False},
    {"model": "llama3.2", "created_at": "2026-08-04T19:22:45Z", "message": {"role": "assistant", "content": ""}}
    | {"done": True, "done_reason": "stop", "total_duration": 4883583458, "load_duration": 1334875}
    | {"prompt_eval_count": 26, "prompt_eval_duration": 342546000, "eval_count": 282, "eval_duration": 4535599000},
]
_REPLICATE = {
    "id": "gm3qorzdhgbfurvjtvhg6dckhu",
    "model": "meta/meta-llama-3-8b-instruct",
    "input": {"prompt": "Say hello."},
    "output": ["The", " sky."],
    "error": None,
    "status": "succeeded",
    "metrics": {"predict_time": 0.12, "input_token_count": 26, "output_token_count": 282},
}
_FAL = {"output": "The sky.", "partial": False, "error": None}
OWN = {
    "ollama": (Ollama, "llama3.2", b"".join(map(line, _OLLAMA))),
    "replicate": (Replicate, "meta/meta-llama-3-8b-instruct", json.dumps(_REPLICATE).encode()),
    "fal": (FalQueue, "fal-ai/any-llm", json.dumps(_FAL).encode()),
}


def _faulty(fault: Any, body: bytes) -> Script:
    if isinstance(fault, Fail):
        after = {"Retry_After": str(fault.retry_after)} if fault.retry_after else {}
        return refuses(fault.status, {"error": fault.message or "no"}, **after)
    announced = OK.replace(b"Connection", b"Content-Length: 99999\r\nConnection")
    half = body[: len(body) // 2]

    def dropped(talk: Any) -> None:
        talk.send(announced + half)
        talk.pause(0.05)
        talk.reset()

    def stalled(talk: Any) -> None:
        talk.send(announced + half)
        talk.pause(30)

    return {
        "disconnect": dropped,
        "truncate": says(half, head=announced),
        "malformed": says(half[:40] + b"{oops", body),
        "stall": stalled,
    }[fault.kind]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("format", OWN)
def test_faults_of_the_formats_that_llmock_does_not_speak(asking, settings, format, fault):  # noqa: A002
    wire, model, body = OWN[format]
    scenario, category = FAULTS[fault]
    with misbehaving(_faulty(scenario, body)) as server:
        settings.ARENA_OUTBOUND_ALLOW = [f"127.0.0.1:{server.port}"]

        with pytest.raises(ProviderError) as caught:
            asking(wire, server.origin, model=model, hurried=fault == "stalled")

    assert caught.value.category == category
    if fault == "429":
        assert caught.value.retry_after_s == 7


@pytest.mark.parametrize("format", OWN)
def test_answers_of_the_formats_that_llmock_does_not_speak(asking, settings, format):  # noqa: A002
    wire, model, body = OWN[format]
    with misbehaving(says(body)) as server:
        if format == "fal":
            at = {name: f"{server.origin}/requests/1/{name}" for name in ("status_url", "response_url", "cancel_url")}
            server.scripts[:] = [returns({"status": "IN_QUEUE", **at}), returns({"status": "COMPLETED"}), says(body)]
        settings.ARENA_OUTBOUND_ALLOW = [f"127.0.0.1:{server.port}"]

        reply = asking(wire, server.origin, model=model)

    assert (reply.text, reply.finish_reason) == ("The sky.", "stop")
    assert reply.usage.tokens_out == (None if format == "fal" else 282)
