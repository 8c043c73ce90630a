"""Against llmock, a double that knows the format from its own documentation rather than from ours."""

from __future__ import annotations

import pytest
from llmock.scenarios import Fail, Reply, StreamFault, ToolCall
from llmock.testing import LLMockServer

from evals.collection.providers import ProviderError
from evals.models.generations import ErrorCategory as Category


@pytest.fixture(scope="module")
def mock_server():
    with LLMockServer() as server:
        yield server


@pytest.fixture
def mock(mock_server):
    mock_server.state.scenarios.clear()
    yield mock_server
    mock_server.state.scenarios.clear()


@pytest.mark.parametrize("dialect", ["openai", "groq", "together", "xai", "mistral", "perplexity"])
def test_dialects_of_the_format(mock, ask, dialect):
    reply = ask(mock.base_url(dialect))

    assert reply.text
    assert reply.finish_reason == "stop"
    assert reply.ttft_ms is not None


def test_usage_is_asked_for_and_counted(mock, ask):
    reply = ask(mock.base_url())

    assert reply.usage.tokens_in is not None
    assert reply.usage.tokens_out > 0


def test_tool_calls(mock, ask):
    mock.state.scenarios.add(Reply(tool_calls=(ToolCall("weather", {"city": "Rome"}),)))

    (call,) = ask(mock.base_url()).tool_calls

    assert (call.name, call.arguments.replace(" ", "")) == ("weather", '{"city":"Rome"}')


@pytest.mark.parametrize(
    ("fault", "category"),
    [
        (Fail(429, retry_after=7), Category.RATE_LIMITED),
        (Fail(500), Category.PROVIDER_ERROR),
        (Fail(401), Category.AUTH),
        (Fail(404), Category.MODEL_NOT_FOUND),
        (Fail(400, code="context_length_exceeded", message="maximum context length is 8"), Category.CONTEXT_LENGTH),
        (StreamFault("disconnect", after_chunks=2), Category.STREAM_TRUNCATED),
        (StreamFault("truncate", after_chunks=2), Category.STREAM_TRUNCATED),
        (StreamFault("malformed", after_chunks=2), Category.INVALID_REPLY),
        (StreamFault("stall", after_chunks=2, stall_seconds=30), Category.TIMEOUT_TOTAL),
    ],
)
def test_faults(mock, ask, fault, category):
    mock.state.scenarios.add(fault)

    with pytest.raises(ProviderError) as caught:
        ask(mock.base_url(), total_timeout_s=2)

    assert caught.value.category == category
    if category == Category.RATE_LIMITED:
        assert caught.value.retry_after_s == 7
