"""OpenAI's responses, as its servers and those that imitate them send them."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import partial

import pytest

from evals.collection.providers import ToolCall
from evals.collection.providers.errors import EmptyAnswer, Filtered
from evals.collection.providers.responses import Responses
from evals.models.generations import ErrorCategory as Category
from tests.servers import OK, event, refuses, says

WHOLE = OK.replace(b"text/event-stream", b"application/json")


def sent(kind, **fields):
    return f"event: {kind}\ndata: {json.dumps({'type': kind} | fields)}\n\n".encode()


def delta(words, kind="output_text", **fields):
    return sent(f"response.{kind}.delta", delta=words, **fields)


def finished(status="completed", *, output=(), usage=None, reason=None, error=None):
    """The last event of the stream."""
    response = {"object": "response", "status": status, "output": list(output), "usage": usage, "error": error}
    response |= {"incomplete_details": {"reason": reason}} if reason else {}
    return sent(f"response.{status}", response=response)


def message(words):
    return {"type": "message", "id": "m1", "content": [{"type": "output_text", "text": words}]}


def call(n, name, arguments):
    return {"type": "function_call", "id": f"i{n}", "call_id": f"c{n}", "name": name, "arguments": arguments}


CREATED = sent("response.created", response={"object": "response", "status": "in_progress", "output": []})
USAGE = {"input_tokens": 12, "output_tokens": 5}
ANSWER = (
    CREATED
    + sent("response.output_item.added", output_index=0, item={"type": "message", "id": "m1", "content": []})
    + delta("Hello ", item_id="m1", output_index=0)
    + delta("there.", item_id="m1", output_index=0)
    + sent("response.output_text.done", text="Hello there.")
    + sent("response.output_item.done", output_index=0, item=message("Hello there."))
    + finished(output=[message("Hello there.")], usage=USAGE)
)


@pytest.fixture
def ask(ask):
    return partial(ask, wire=Responses)


def test_a_streamed_answer_is_put_together_once_and_measured(serve, ask):
    reply = ask(serve(says(ANSWER)).base_url)

    assert (reply.text, reply.finish_reason) == ("Hello there.", "stop")
    assert (reply.usage.tokens_in, reply.usage.tokens_out) == (12, 5)
    assert 0 < reply.ttft_ms <= reply.latency_ms


def test_the_request_has_input_items_and_the_instructions_apart(serve, ask):
    server = serve(says(ANSWER))
    messages = [
        {"role": "developer", "content": "Answer in German."},
        {"role": "user", "content": "Say hello."},
        {"role": "assistant", "content": "Hallo."},
        {"role": "user", "content": "Again."},
    ]

    ask(server.base_url, messages=messages, request={"temperature": 0, "system": "Be brief."}, api_key="k-1")

    assert server.asked == ["POST /v1/responses"]
    assert server.headers[0]["authorization"] == "Bearer k-1"
    assert server.requests == [
        {
            "model": "some-model",
            "instructions": "Be brief.\n\nAnswer in German.",
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "Say hello."}]},
                {"role": "assistant", "content": "Hallo."},
                {"role": "user", "content": [{"type": "input_text", "text": "Again."}]},
            ],
            "temperature": 0,
            "store": False,
            "stream": True,
        }
    ]


@pytest.mark.parametrize(
    ("given", "sent_as"),
    [
        ({"max_tokens": 50}, {"max_output_tokens": 50}),
        ({"max_completion_tokens": 50}, {"max_output_tokens": 50}),
        ({"max_output_tokens": 60, "max_tokens": 50}, {"max_output_tokens": 60}),
        ({"reasoning": {"effort": "low"}}, {"reasoning": {"effort": "low"}}),
        ({"store": True}, {"store": True}),
        ({"stream": False, "model": "another", "messages": [], "input": "x"}, {}),
    ],
)
def test_settings(serve, ask, given, sent_as):
    server = serve(says(ANSWER))

    ask(server.base_url, request=given)

    body = server.requests[0]
    assert (body.pop("model"), body.pop("stream"), len(body.pop("input"))) == ("some-model", True, 1)
    assert body == {"store": False} | sent_as


def test_images_in_the_message(serve, ask):
    server = serve(says(ANSWER))
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0K", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.jpg"}},
    ]

    ask(server.base_url, messages=[{"role": "user", "content": content}])

    assert server.requests[0]["input"][0]["content"] == [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0K", "detail": "low"},
        {"type": "input_image", "image_url": "https://example.com/cat.jpg"},
    ]


def test_tools_and_their_results_in_the_request(serve, ask):
    server = serve(says(ANSWER))
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = [
        {"type": "function", "function": {"name": "weather", "description": "Tells it.", "parameters": schema}},
        {"type": "function", "function": {"name": "time", "strict": True}},
        {"type": "web_search"},
    ]
    calls = [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}]
    messages = [
        {"role": "user", "content": "Rome?"},
        {"role": "assistant", "content": "I look.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "warm"},
    ]
    choice = {"type": "function", "function": {"name": "weather"}}

    ask(server.base_url, messages=messages, request={"tools": tools, "tool_choice": choice})

    body = server.requests[0]
    nothing = {"type": "object", "properties": {}}
    assert body["tools"] == [
        {"type": "function", "name": "weather", "description": "Tells it.", "parameters": schema, "strict": False},
        {"type": "function", "name": "time", "parameters": nothing, "strict": True},
        {"type": "web_search"},
    ]
    assert body["tool_choice"] == {"type": "function", "name": "weather"}
    assert body["input"][1:] == [
        {"role": "assistant", "content": "I look."},
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city": "Rome"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "warm"},
    ]


@pytest.mark.parametrize("kind", ["reasoning_text", "reasoning_summary_text"])
def test_thinking_is_kept_aside(serve, ask, kind):
    part = sent("response.reasoning_summary_part.added", part={"type": "summary_text", "text": ""})
    reasoning = {"type": "reasoning", "id": "r1", "summary": [{"type": "summary_text", "text": "Hmm."}]}
    usage = USAGE | {"output_tokens_details": {"reasoning_tokens": 4}}
    ending = finished(output=[reasoning, message("Hi")], usage=usage)

    reply = ask(
        serve(says(CREATED, part, delta("Hmm.", kind), part, delta("Yes.", kind), delta("Hi"), ending)).base_url
    )

    assert (reply.text, reply.thinking) == ("Hi", "Hmm.\n\nYes.")
    assert (reply.usage.tokens_out, reply.usage.tokens_thinking) == (5, 4)


def test_thinking_that_is_not_shown_meets_the_first_limit(serve, ask):
    def script(talk):
        talk.send(OK + CREATED)
        talk.send(sent("response.output_item.added", output_index=0, item={"type": "reasoning", "id": "r1"}))
        talk.pause(0.8)
        talk.send(ANSWER)

    reply = ask(serve(script).base_url, first_token_timeout_s=0.5, total_timeout_s=20)

    assert reply.text == "Hello there."
    assert reply.ttft_ms > 500


def test_tool_calls_keep_their_order(serve, ask):
    def added(n, name):
        return sent("response.output_item.added", output_index=n, item=call(n, name, ""))

    def arguments(piece, n):
        return delta(piece, "function_call_arguments", item_id=f"i{n}", output_index=n)

    whole = [call(1, "weather", '{"city": "Rome"}'), call(2, "time", "{}")]
    server = serve(
        says(
            CREATED,
            sent("response.output_item.added", output_index=0, item={"type": "web_search_call", "id": "i0"}),
            added(1, "weather"),
            arguments('{"city": ', 1),
            added(2, "time"),
            arguments('"Rome"}', 1),
            sent("response.output_item.done", output_index=1, item=whole[0]),
            sent("response.output_item.done", output_index=2, item=whole[1]),
            finished(output=[{"type": "web_search_call", "id": "i0"}, *whole], usage=USAGE),
        )
    )

    reply = ask(server.base_url)

    assert reply.tool_calls == (ToolCall("c1", "weather", '{"city": "Rome"}'), ToolCall("c2", "time", "{}"))
    assert reply.finish_reason == "tool_calls"
    assert reply.ttft_ms is not None


@pytest.mark.parametrize("kept", ["item_id", "output_index"])
def test_pieces_that_name_their_call_in_one_way_only(serve, ask, kept):
    def piece(words, n):
        return delta(words, "function_call_arguments", **{kept: {"item_id": f"i{n}", "output_index": n}[kept]})

    added = [sent("response.output_item.added", output_index=n, item=call(n, "f", "")) for n in (0, 1)]

    reply = ask(serve(says(*added, piece("[1", 1), piece("[0]", 0), piece("]", 1), finished())).base_url)

    assert [each.arguments for each in reply.tool_calls] == ["[0]", "[1]"]


def test_an_answer_that_only_the_last_event_holds(serve, ask):
    ending = finished(output=[message("Hi"), call(1, "time", "{}")], usage=USAGE)

    reply = ask(serve(says(CREATED, ending)).base_url)

    assert (reply.text, reply.tool_calls) == ("Hi", (ToolCall("c1", "time", "{}"),))


def test_the_cache_is_part_of_the_input(serve, ask):
    usage = USAGE | {"input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 2}, "cost": 0.25}

    told = ask(serve(says(delta("Hi"), finished(usage=usage))).base_url).usage

    assert (told.tokens_in, told.tokens_in_cached, told.tokens_in_cache_written) == (12, 8, 2)
    assert told.cost_usd == Decimal("0.25")


def test_missing_usage_is_unknown(serve, ask):
    usage = ask(serve(says(delta("Hi"), finished())).base_url).usage

    assert (usage.tokens_in, usage.tokens_out, usage.tokens_in_cached) == (None, None, None)


def test_a_whole_response(serve, ask):
    whole = {
        "object": "response",
        "status": "completed",
        "error": None,
        "output": [
            {"type": "reasoning", "id": "r1", "summary": [{"type": "summary_text", "text": "Hmm."}]},
            message("Hi"),
            call(2, "weather", '{"city": "Rome"}'),
        ],
        "usage": USAGE,
    }

    reply = ask(serve(says(json.dumps(whole, indent=1).encode(), head=WHOLE)).base_url)

    assert (reply.text, reply.thinking, reply.ttft_ms) == ("Hi", "Hmm.", None)
    assert reply.tool_calls == (ToolCall("c2", "weather", '{"city": "Rome"}'),)
    assert (reply.usage.tokens_in, reply.finish_reason) == (12, "tool_calls")


def test_a_refusal_is_the_text_and_marked(serve, ask):
    reply = ask(serve(says(delta("I will not.", "refusal"), finished())).base_url)

    assert (reply.text, reply.refused) == ("I will not.", True)


def test_an_answer_cut_by_its_limit(serve, ask):
    ending = finished("incomplete", reason="max_output_tokens", usage=USAGE)

    reply = ask(serve(says(delta("Well"), ending)).base_url)

    assert (reply.finish_reason, reply.usage.tokens_out) == ("length", 5)


def test_an_empty_answer_says_why(serve, ask):
    with pytest.raises(EmptyAnswer, match="raise max_tokens"):
        ask(serve(says(CREATED, finished("incomplete", reason="max_output_tokens"))).base_url)


def test_a_filtered_answer_is_an_error_even_with_text(serve, ask):
    with pytest.raises(Filtered) as caught:
        ask(serve(says(delta("Well"), finished("incomplete", reason="content_filter", usage=USAGE))).base_url)

    assert caught.value.usage.tokens_in == 12


@pytest.mark.parametrize("reason", [None, "lunch"])
def test_other_endings_are_no_answer(failure, reason):
    error = failure(says(delta("Well"), finished("incomplete", reason=reason)))

    assert error.category == Category.PROVIDER_ERROR
    assert (reason or "incomplete") in error.detail


@pytest.mark.parametrize("status", ["in_progress", "queued", "cancelled", "failed"])
def test_a_whole_response_that_is_not_finished_is_no_answer(failure, status):
    whole = {"object": "response", "status": status, "output": [message("Well")]}

    error = failure(says(json.dumps(whole).encode(), head=WHOLE))

    assert error.category == Category.PROVIDER_ERROR
    assert status in error.detail


@pytest.mark.parametrize(
    ("code", "category"),
    [("rate_limit_exceeded", Category.RATE_LIMITED), ("server_error", Category.PROVIDER_ERROR)],
)
@pytest.mark.parametrize("form", ["failed", "error", "nameless"])
def test_an_error_inside_the_stream(failure, code, category, form):
    words = {"code": code, "message": "no"}
    last = {
        "failed": finished("failed", error=words),
        "error": sent("error", param=None, **words),
        "nameless": event({"type": "error"} | words),
    }[form]

    error = failure(says(CREATED, delta("Well"), last))

    assert error.category == category
    assert error.ttft_ms is not None


@pytest.mark.parametrize(
    ("status", "code", "message", "category"),
    [
        (400, "context_length_exceeded", "Your input exceeds the context window.", Category.CONTEXT_LENGTH),
        (400, "unsupported_parameter", "Unsupported parameter: 'stop'", Category.BAD_REQUEST),
        (401, "invalid_api_key", "no", Category.AUTH),
        (404, "model_not_found", "no", Category.MODEL_NOT_FOUND),
        (429, "rate_limit_exceeded", "slow down", Category.RATE_LIMITED),
        (429, "insufficient_quota", "You exceeded your current quota", Category.BILLING),
        (500, "server_error", "no", Category.PROVIDER_ERROR),
    ],
)
def test_refusals(failure, status, code, message, category):
    error = failure(refuses(status, {"error": {"code": code, "message": message}}))

    assert (error.category, error.status_code) == (category, status)


@pytest.mark.parametrize("ending", [b"", b"data: [DONE]\n\n", b'event: response.completed\ndata: {"type": "resp'])
def test_a_stream_without_its_last_event_is_cut(failure, ending):
    assert failure(says(CREATED, delta("Once upon"), ending)).category == Category.STREAM_TRUNCATED


def test_odd_pieces_are_passed_over(serve, ask):
    odd = [
        {},
        {"type": "response.created", "response": 7},
        {"type": "response.output_item.added", "item": 7},
        {"type": "response.output_item.added", "item": {"type": "message"}, "output_index": []},
        {"type": "response.output_text.delta", "delta": 7},
        {"type": "response.function_call_arguments.delta", "delta": "{}", "item_id": [], "output_index": {}},
        {"type": ["x"]},
    ]

    assert ask(serve(says(*map(event, odd), ANSWER)).base_url).text == "Hello there."


@pytest.mark.parametrize("output", ["none", 7])
def test_an_output_of_no_known_shape_is_malformed(failure, output):
    whole = json.dumps({"object": "response", "status": "completed", "output": output}).encode()

    assert failure(says(whole, head=WHOLE)).category == Category.INVALID_REPLY
