"""Anthropic's messages, as its servers and those that imitate them send them."""

from __future__ import annotations

import json
from functools import partial

import pytest

from evals.collection.providers import ToolCall
from evals.collection.providers.anthropic import AnthropicMessages
from evals.collection.providers.errors import EmptyAnswer, Filtered, RequestRefused
from evals.models.generations import ErrorCategory as Category
from tests.evals.collection.providers.conftest import CONVERSATION
from tests.servers import OK, refuses, says

WHOLE = OK.replace(b"text/event-stream", b"application/json")


def sent(kind, **fields):
    return f"event: {kind}\ndata: {json.dumps({'type': kind} | fields)}\n\n".encode()


def start(**usage):
    return sent("message_start", message={"id": "m1", "role": "assistant", "content": [], "usage": usage})


def block(index, **content):
    return sent("content_block_start", index=index, content_block=content)


def delta(index, kind, **fields):
    return sent("content_block_delta", index=index, delta={"type": kind} | fields)


def text(words):
    return delta(0, "text_delta", text=words)


def stop(reason, details=None, **usage):
    ending = sent("message_delta", delta={"stop_reason": reason, "stop_details": details}, usage=usage)
    return ending + sent("message_stop")


ANSWER = (
    start(input_tokens=12, output_tokens=1)
    + block(0, type="text", text="")
    + sent("ping")
    + text("Hello ")
    + text("there.")
    + sent("content_block_stop", index=0)
    + stop("end_turn", output_tokens=5)
)


@pytest.fixture
def ask(ask):
    return partial(ask, wire=AnthropicMessages)


def test_a_streamed_answer_is_put_together_and_measured(serve, ask):
    reply = ask(serve(says(ANSWER)).base_url)

    assert (reply.text, reply.finish_reason) == ("Hello there.", "stop")
    assert (reply.usage.tokens_in, reply.usage.tokens_out) == (12, 5)
    assert 0 < reply.ttft_ms <= reply.latency_ms


def test_the_request_has_the_key_the_version_and_the_instructions_apart(serve, ask):
    server = serve(says(ANSWER))
    ask(server.base_url, messages=CONVERSATION, request={"temperature": 0, "system": "Be brief."}, api_key="k-1")

    assert server.asked == ["POST /v1/messages"]
    assert server.headers[0]["x-api-key"] == "k-1"
    assert server.headers[0]["anthropic-version"] == "2023-06-01"
    assert "authorization" not in server.headers[0]
    assert server.requests == [
        {
            "model": "some-model",
            "system": "Be brief.\n\nAnswer in German.",
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Say hello."}]},
                {"role": "assistant", "content": [{"type": "text", "text": "Hallo."}]},
                {"role": "user", "content": [{"type": "text", "text": "Again."}]},
            ],
            "temperature": 0,
            "max_tokens": 4096,
            "stream": True,
        }
    ]


@pytest.mark.parametrize(
    ("given", "sent_as"),
    [
        ({"max_tokens": 50}, {"max_tokens": 50}),
        ({"max_completion_tokens": 50}, {"max_tokens": 50}),
        ({"stop": "END"}, {"max_tokens": 4096, "stop_sequences": ["END"]}),
        ({"stop": ["a", "b"]}, {"max_tokens": 4096, "stop_sequences": ["a", "b"]}),
        ({"thinking": {"type": "adaptive"}}, {"max_tokens": 4096, "thinking": {"type": "adaptive"}}),
        ({"stream": False, "model": "another", "messages": []}, {"max_tokens": 4096}),
    ],
)
def test_settings(serve, ask, given, sent_as):
    server = serve(says(ANSWER))

    ask(server.base_url, request=given)

    body = server.requests[0]
    assert (body.pop("model"), body.pop("stream"), len(body.pop("messages"))) == ("some-model", True, 1)
    assert body == sent_as


def test_images_in_the_message(serve, ask):
    server = serve(says(ANSWER))
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0K"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.jpg"}},
    ]

    ask(server.base_url, messages=[{"role": "user", "content": content}])

    assert server.requests[0]["messages"][0]["content"] == [
        {"type": "text", "text": "What is this?"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0K"}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/cat.jpg"}},
    ]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"role": "user", "content": [{"type": "input_audio"}]}, "of type “input_audio”"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": "data:image/svg+xml,<svg/>"}]}, "base64"),
        ({"role": "critic", "content": "Hm."}, "the role “critic”"),
        ({"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{oops"}}]}, "not a JSON object"),
    ],
)
def test_what_cannot_be_translated_is_refused_before_anything_is_sent(serve, ask, message, words):
    server = serve(says(ANSWER))

    with pytest.raises(RequestRefused, match=words):
        ask(server.base_url, messages=[message])

    assert server.requests == []


def test_tools_and_their_results_in_the_request(serve, ask):
    server = serve(says(ANSWER))
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    function = {"name": "weather", "description": "Tells the weather.", "parameters": schema}
    search = {"type": "web_search_20250305", "name": "web_search"}

    def call(n, city):
        return {"id": f"c{n}", "type": "function", "function": {"name": "weather", "arguments": json.dumps(city)}}

    messages = [
        {"role": "user", "content": "Rome or Oslo?"},
        {"role": "assistant", "content": None, "tool_calls": [call(1, {"city": "Rome"}), call(2, {"city": "Oslo"})]},
        {"role": "tool", "tool_call_id": "c1", "content": "warm"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "cold"}]},
    ]
    tools = [{"type": "function", "function": function}, search]

    ask(server.base_url, messages=messages, request={"tools": tools, "tool_choice": "required"})

    body = server.requests[0]
    assert body["tools"] == [
        {"name": "weather", "description": "Tells the weather.", "input_schema": schema},
        search,
    ]
    assert body["tool_choice"] == {"type": "any"}
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Rome"}},
                {"type": "tool_use", "id": "c2", "name": "weather", "input": {"city": "Oslo"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "warm"},
                {"type": "tool_result", "tool_use_id": "c2", "content": "cold"},
            ],
        },
    ]


@pytest.mark.parametrize(
    ("choice", "sent_as"),
    [
        ("auto", {"type": "auto"}),
        ("none", {"type": "none"}),
        ({"type": "function", "function": {"name": "weather"}}, {"type": "tool", "name": "weather"}),
        ({"type": "any", "disable_parallel_tool_use": True}, {"type": "any", "disable_parallel_tool_use": True}),
    ],
)
def test_the_choice_of_a_tool(serve, ask, choice, sent_as):
    server = serve(says(ANSWER))

    ask(server.base_url, request={"tool_choice": choice})

    assert server.requests[0]["tool_choice"] == sent_as


def test_thinking_is_kept_aside(serve, ask):
    thinking = block(0, type="thinking", thinking="") + delta(0, "thinking_delta", thinking="Hmm.")
    signed = delta(0, "signature_delta", signature="EqQB") + block(1, type="redacted_thinking", data="x")
    answer = block(2, type="text", text="") + delta(2, "text_delta", text="Hi")
    ending = stop("end_turn", output_tokens=9, output_tokens_details={"thinking_tokens": 7})

    reply = ask(serve(says(start(input_tokens=3), thinking, signed, answer, ending)).base_url)

    assert (reply.text, reply.thinking) == ("Hi", "Hmm.")
    assert (reply.usage.tokens_out, reply.usage.tokens_thinking) == (9, 7)


def test_thinking_that_is_not_shown_meets_the_first_limit(serve, ask):
    def script(talk):
        talk.send(OK + start(input_tokens=3) + block(0, type="thinking", thinking=""))
        talk.pause(0.8)
        talk.send(block(1, type="text", text="") + text("Hi") + stop("end_turn"))

    reply = ask(serve(script).base_url, first_token_timeout_s=0.5, total_timeout_s=20)

    assert reply.text == "Hi"
    assert reply.ttft_ms > 500


def test_tool_calls_keep_their_order_and_those_of_the_server_are_not_ours(serve, ask):
    server = serve(
        says(
            start(input_tokens=3),
            block(0, type="server_tool_use", id="s1", name="web_search", input={}),
            delta(0, "input_json_delta", partial_json='{"query": "x"}'),
            block(1, type="tool_use", id="c1", name="weather", input={}),
            delta(1, "input_json_delta", partial_json=""),
            delta(1, "input_json_delta", partial_json='{"city": '),
            block(2, type="tool_use", id="c2", name="time", input={}),
            delta(1, "input_json_delta", partial_json='"Rome"}'),
            block(3, type="tool_use", id="c3", name="date", input={"day": 1}),
            stop("tool_use", output_tokens=5),
        )
    )

    reply = ask(server.base_url)

    assert reply.tool_calls == (
        ToolCall("c1", "weather", '{"city": "Rome"}'),
        ToolCall("c2", "time", "{}"),
        ToolCall("c3", "date", '{"day": 1}'),
    )
    assert reply.finish_reason == "tool_calls"
    assert reply.ttft_ms is not None


def test_what_the_cache_read_and_wrote_counts_as_input(serve, ask):
    begun = start(input_tokens=10, cache_read_input_tokens=100, cache_creation_input_tokens=20, output_tokens=1)

    usage = ask(serve(says(begun, text("Hi"), stop("end_turn", output_tokens=4, input_tokens=0))).base_url).usage

    assert (usage.tokens_in, usage.tokens_in_cached, usage.tokens_in_cache_written) == (130, 100, 20)
    assert usage.tokens_out == 4


def test_counts_that_only_the_end_tells(serve, ask):
    ending = stop("end_turn", input_tokens=10, cache_read_input_tokens=5, output_tokens=4)

    usage = ask(serve(says(start(input_tokens=0), text("Hi"), ending)).base_url).usage

    assert (usage.tokens_in, usage.tokens_in_cached, usage.tokens_out) == (15, 5, 4)


def test_missing_usage_is_unknown(serve, ask):
    usage = ask(serve(says(start(), text("Hi"), stop("end_turn"))).base_url).usage

    assert (usage.tokens_in, usage.tokens_out, usage.tokens_in_cached) == (None, None, None)


def test_a_whole_message(serve, ask):
    message = {
        "type": "message",
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "Hmm.", "signature": "E"},
            {"type": "text", "text": "Hi"},
            {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Rome"}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 3, "output_tokens": 1, "cache_read_input_tokens": 2},
    }

    reply = ask(serve(says(json.dumps(message, indent=1).encode(), head=WHOLE)).base_url)

    assert (reply.text, reply.thinking, reply.ttft_ms) == ("Hi", "Hmm.", None)
    assert reply.tool_calls == (ToolCall("c1", "weather", '{"city": "Rome"}'),)
    assert (reply.usage.tokens_in, reply.usage.tokens_in_cached) == (5, 2)


@pytest.mark.parametrize(
    ("reason", "meaning"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "refusal"),
    ],
)
def test_endings(serve, ask, reason, meaning):
    reply = ask(serve(says(start(), text("Well"), stop(reason))).base_url)

    assert (reply.finish_reason, reply.refused) == (meaning, reason == "refusal")


@pytest.mark.parametrize("reason", ["pause_turn", "lunch"])
def test_other_endings_are_no_answer(failure, reason):
    error = failure(says(start(), text("Well"), stop(reason)))

    assert error.category == Category.PROVIDER_ERROR
    assert reason in error.detail


def test_a_refusal_before_any_text_is_filtered_with_its_reason(serve, ask):
    details = {"type": "refusal", "category": "bio", "explanation": "not this"}

    with pytest.raises(Filtered, match="not this") as caught:
        ask(serve(says(start(input_tokens=9), stop("refusal", details, output_tokens=0))).base_url)

    assert caught.value.usage.tokens_in == 9


def test_an_empty_answer_says_why(serve, ask):
    with pytest.raises(EmptyAnswer, match="raise max_tokens"):
        ask(serve(says(start(), stop("max_tokens"))).base_url)


@pytest.mark.parametrize(
    ("kind", "category"),
    [
        ("overloaded_error", Category.OVERLOADED),
        ("rate_limit_error", Category.RATE_LIMITED),
        ("api_error", Category.PROVIDER_ERROR),
    ],
)
def test_an_error_inside_the_stream(failure, kind, category):
    error = failure(says(start(input_tokens=9), text("Well"), sent("error", error={"type": kind, "message": "no"})))

    assert error.category == category
    assert error.usage.tokens_in == 9


@pytest.mark.parametrize(
    ("status", "kind", "message", "category"),
    [
        (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", Category.CONTEXT_LENGTH),
        (400, "invalid_request_error", "max_tokens: Field required", Category.BAD_REQUEST),
        (400, "invalid_request_error", "Your credit balance is too low to access the API", Category.BILLING),
        (401, "authentication_error", "invalid x-api-key", Category.AUTH),
        (402, "billing_error", "pay", Category.BILLING),
        (404, "not_found_error", "model: claude-0", Category.MODEL_NOT_FOUND),
        (413, "request_too_large", "too large", Category.CONTEXT_LENGTH),
        (429, "rate_limit_error", "slow down", Category.RATE_LIMITED),
        (529, "overloaded_error", "Overloaded", Category.OVERLOADED),
    ],
)
def test_refusals(failure, status, kind, message, category):
    error = failure(refuses(status, {"type": "error", "error": {"type": kind, "message": message}}))

    assert (error.category, error.status_code) == (category, status)


@pytest.mark.parametrize("ending", [b"", sent("message_stop"), b'event: message_delta\ndata: {"type": "mess'])
def test_a_stream_without_a_stop_reason_is_cut(failure, ending):
    error = failure(says(start(input_tokens=9), text("Once upon"), ending))

    assert error.category == Category.STREAM_TRUNCATED
    assert error.usage.tokens_in == 9


def test_odd_pieces_are_passed_over(serve, ask):
    odd = [
        sent("message_start", message=7),
        sent("content_block_start", index="0", content_block=[]),
        sent("content_block_delta", index=[], delta={"type": "text_delta", "text": 7}),
        sent("content_block_delta", index=5, delta={"type": "input_json_delta", "partial_json": "{}"}),
        sent("message_delta", delta={"stop_reason": 3}, usage="many"),
        sent("something_new", text="x"),
    ]

    assert ask(serve(says(*odd, ANSWER)).base_url).text == "Hello there."


def test_a_message_of_no_known_shape_is_malformed(failure):
    assert failure(says(b'{"type": "message", "content": 7}', head=WHOLE)).category == Category.INVALID_REPLY
