"""Every other format against llmock, which knows them from their own documentation rather than from ours."""

from __future__ import annotations

from functools import partial

import pytest
from llmock.scenarios import Fail, StreamFault, ToolCall
from llmock.scenarios import Reply as Says
from llmock.testing import LLMockServer

from evals.collection.providers import ProviderError
from evals.collection.providers.anthropic import AnthropicMessages
from evals.collection.providers.gemini import Gemini
from evals.collection.providers.responses import Responses
from evals.models.generations import ErrorCategory as Category

FORMATS = {
    "responses": (Responses, "/v1"),
    "anthropic": (AnthropicMessages, "/anthropic/v1"),
    "gemini": (Gemini, "/gemini/v1beta"),
}


@pytest.fixture(scope="module")
def server():
    with LLMockServer() as server:
        yield server


@pytest.fixture(params=FORMATS)
def ask_mock(request, server, ask):
    server.state.scenarios.clear()
    wire, path = FORMATS[request.param]
    yield partial(ask, server.url + path, wire=wire)
    server.state.scenarios.clear()


def test_an_answer_with_its_counts(ask_mock):
    reply = ask_mock(request={"max_tokens": 50, "temperature": 0, "system": "Be brief."}, api_key="k-1")

    assert reply.text
    assert reply.finish_reason == "stop"
    assert reply.usage.tokens_in > 0
    assert reply.usage.tokens_out > 0


def test_tool_calls(server, ask_mock):
    server.state.scenarios.add(Says(tool_calls=(ToolCall("weather", {"city": "Rome"}),)))
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]

    reply = ask_mock(request={"tools": tools}, api_key="k-1")

    assert [(call.name, call.arguments.replace(" ", "")) for call in reply.tool_calls] == [
        ("weather", '{"city":"Rome"}')
    ]
    assert reply.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("fault", "category"),
    [
        (Fail(429), Category.RATE_LIMITED),
        (Fail(500), Category.PROVIDER_ERROR),
        (Fail(401), Category.AUTH),
        (Fail(404), Category.MODEL_NOT_FOUND),
        (StreamFault("disconnect", after_chunks=2), Category.STREAM_TRUNCATED),
        (StreamFault("truncate", after_chunks=2), Category.STREAM_TRUNCATED),
        (StreamFault("malformed", after_chunks=2), Category.INVALID_REPLY),
    ],
)
def test_faults(server, ask_mock, fault, category):
    server.state.scenarios.add(fault)

    with pytest.raises(ProviderError) as caught:
        ask_mock(api_key="k-1")

    assert caught.value.category == category
