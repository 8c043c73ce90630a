"""Ollama's own chat API: what is sent, what an answer says, and how long it took without loading the model."""

from __future__ import annotations

import json

import pytest

from evals.collection.providers import Limits, ProviderError, ToolCall, wire_format
from evals.collection.providers.errors import EmptyAnswer, InvalidReply
from evals.collection.providers.ollama import Ollama
from evals.models import Provider
from evals.models.generations import ErrorCategory as Category
from tests.servers import line, refuses, returns, says

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n"


def said(content: str = "", **message):
    return line({"model": "some-model", "message": {"role": "assistant", "content": content} | message, "done": False})


def done(reason: str = "stop", **counts):
    message = {"role": "assistant", "content": ""}
    return line({"model": "some-model", "message": message, "done": True, "done_reason": reason} | counts)


def streams(*lines: bytes):
    return says(*lines, head=HEAD)


ANSWER = streams(said("Hello "), said("there."), done(prompt_eval_count=12, eval_count=5))


@pytest.fixture
def server_says(serve, ask):
    def call(script, **options):
        return ask(serve(script).origin, wire=Ollama, **options)

    return call


@pytest.fixture
def failure(server_says):
    def fail(script, **options):
        with pytest.raises(ProviderError) as caught:
            server_says(script, **options)
        return caught.value

    return fail


def test_it_is_the_client_of_its_kind():
    assert isinstance(wire_format(Provider.Kind.OLLAMA), Ollama)


def test_an_answer_is_put_together_and_measured(server_says):
    reply = server_says(ANSWER)

    assert (reply.text, reply.finish_reason) == ("Hello there.", "stop")
    assert (reply.usage.tokens_in, reply.usage.tokens_out) == (12, 5)
    assert 0 < reply.ttft_ms <= reply.latency_ms


def test_settings_are_options_except_those_that_stand_beside_them(serve, ask):
    server = serve(ANSWER)
    settings = {
        "system": "Be brief.",
        "temperature": 0,
        "top_p": 0.9,
        "seed": 7,
        "stop": "END",
        "max_tokens": 50,
        "num_ctx": 8192,
        "keep_alive": "10m",
        "think": False,
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}},
    }

    ask(server.origin, wire=Ollama, request=settings, api_key="k-1")

    assert server.asked == ["POST /api/chat"]
    assert server.headers[0]["authorization"] == "Bearer k-1"
    assert server.requests == [
        {
            "model": "some-model",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello."}],
            "stream": True,
            "truncate": False,
            "keep_alive": "10m",
            "think": False,
            "format": {"type": "object"},
            "options": {
                "temperature": 0,
                "top_p": 0.9,
                "seed": 7,
                "stop": ["END"],
                "num_predict": 50,
                "num_ctx": 8192,
            },
        }
    ]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"format": "json"}, {"format": "json"}),
        ({"truncate": True}, {"truncate": True}),
        ({"response_format": {"type": "json_object"}}, {"format": "json"}),
        ({"response_format": {"type": "text"}}, {}),
        ({"options": {"mirostat": 1}, "seed": 2}, {"options": {"mirostat": 1, "seed": 2}}),
        ({"stop": ["a", "b"]}, {"options": {"stop": ["a", "b"]}}),
    ],
)
def test_other_forms_of_settings(serve, ask, given, sent):
    server = serve(ANSWER)

    ask(server.origin, wire=Ollama, request=given)

    # A prompt that is too long is to be refused, unless the settings allow Ollama to cut it.
    standing = {"model", "messages", "stream"}
    body = {name: value for name, value in server.requests[0].items() if name not in standing}
    assert body == {"truncate": False} | sent


def test_the_address_of_the_compatible_api_is_understood(serve, ask):
    server = serve(ANSWER)

    assert ask(server.base_url + "/", wire=Ollama).text == "Hello there."
    assert server.asked == ["POST /api/chat"]


def test_images_tool_calls_and_their_results_are_translated(serve, ask):
    server = serve(ANSWER)
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "Where is this?"}, image]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "name": "weather", "content": "sunny"},
    ]

    ask(server.origin, wire=Ollama, messages=messages)

    assert server.requests[0]["messages"] == [
        {"role": "user", "content": "Where is this?", "images": ["aGk="]},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Rome"}}}],
        },
        {"role": "tool", "content": "sunny", "tool_name": "weather"},
    ]


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}]},
        {"role": "user", "content": [{"type": "image_url"}]},
        {"role": "assistant", "tool_calls": [{"function": {"name": "x", "arguments": "{"}}]},
    ],
)
def test_what_cannot_be_translated_is_not_sent(serve, ask, message):
    server = serve(ANSWER)

    with pytest.raises(ProviderError) as caught:
        ask(server.origin, wire=Ollama, messages=[message])

    assert caught.value.category == Category.BAD_REQUEST
    assert server.requests == []


def test_loading_the_model_is_no_part_of_the_times(server_says):
    def script(talk):
        talk.pause(0.4)
        talk.send(HEAD + said("Hello"))
        talk.send(done(load_duration=350_000_000))

    reply = server_says(script)

    assert 0 < reply.ttft_ms <= reply.latency_ms
    assert reply.latency_ms < 350


@pytest.mark.parametrize("told", [10**18, -1, True, "350", None, 10**400, 60_000_000_000])
def test_a_load_duration_that_cannot_be_is_ignored(server_says, told):
    def script(talk):
        talk.pause(0.1)
        talk.send(HEAD + said("Hello") + done(load_duration=told))

    reply = server_says(script)

    assert 100 <= reply.ttft_ms <= reply.latency_ms


def test_thinking_is_kept_aside(server_says):
    reply = server_says(streams(said(thinking="Hm"), said(thinking="m."), said("Hi"), done()))

    assert (reply.text, reply.thinking) == ("Hi", "Hmm.")


def test_tool_calls(server_says):
    calls = [
        {"id": "c1", "function": {"index": 0, "name": "weather", "arguments": {"city": "Rome"}}},
        {"function": {"name": "time", "arguments": {}}},
        "odd",
    ]

    reply = server_says(streams(said(tool_calls=calls), done()))

    assert reply.tool_calls == (ToolCall("c1", "weather", '{"city": "Rome"}'), ToolCall("", "time", "{}"))
    assert reply.ttft_ms is not None


def test_a_cut_answer_is_one_and_says_so(server_says):
    assert server_says(streams(said("Once upon"), done("length"))).finish_reason == "length"


def test_missing_counts_are_unknown(server_says):
    reply = server_says(streams(said("Hi"), done(prompt_eval_count=-1)))

    assert (reply.usage.tokens_in, reply.usage.tokens_out) == (None, None)


def test_a_reply_that_was_not_streamed_is_understood(server_says):
    whole = json.loads(done(load_duration=1)) | {"message": {"role": "assistant", "content": "Hi"}}

    reply = server_says(returns(whole))

    assert (reply.text, reply.ttft_ms) == ("Hi", None)


@pytest.mark.parametrize("reason", ["load", "unload", "something new"])
def test_other_endings_are_no_answers(failure, reason):
    assert failure(streams(said("Hi"), done(reason))).category == Category.PROVIDER_ERROR


def test_nothing_said_is_an_empty_answer(failure):
    error = failure(streams(said(thinking="Hmm."), done("length", eval_count=9)))

    assert isinstance(error, EmptyAnswer)
    assert error.usage.tokens_out == 9


@pytest.mark.parametrize("ending", [b"", done(""), b'{"message": {"content": "and'])
def test_a_stream_without_a_reason_to_end_is_cut(failure, ending):
    error = failure(streams(said("Once upon"), ending))

    assert error.category == Category.STREAM_TRUNCATED
    assert error.ttft_ms is not None


def test_a_connection_reset_in_the_middle_is_cut(failure):
    def script(talk):
        talk.send(HEAD + said("Once upon"))
        talk.pause(0.05)
        talk.reset()

    assert failure(script).category == Category.STREAM_TRUNCATED


@pytest.mark.parametrize(
    ("script", "category"),
    [
        (refuses(404, {"error": "model 'some-model' not found"}), Category.MODEL_NOT_FOUND),
        (refuses(400, {"error": '"some-model" does not support tools'}), Category.BAD_REQUEST),
        (refuses(401, {"error": "unauthorized"}), Category.AUTH),
        (refuses(503, {"error": "server busy, please try again"}), Category.OVERLOADED),
        (
            refuses(500, {"error": "model requires more system memory (8 GiB) than is available"}),
            Category.OUT_OF_MEMORY,
        ),
        (
            streams(said("Well"), line({"error": "an error was encountered while running the model"})),
            Category.PROVIDER_ERROR,
        ),
        (streams(b'{"choices": []}\n'), Category.INVALID_REPLY),
        (streams(b"Ollama is running"), Category.INVALID_REPLY),
        (streams(b""), Category.INVALID_REPLY),
    ],
)
def test_errors(failure, script, category):
    assert failure(script).category == category


def test_a_giant_of_ollama_is_too_large(failure):
    assert failure(streams(*[said("word " * 10)] * 30), limits=Limits(text_chars=1000)).category == Category.TOO_LARGE


def test_another_api_is_recognised(failure):
    assert isinstance(failure(streams(b'{"choices": []}\n')), InvalidReply)


def test_a_silent_server_times_out(failure):
    error = failure(lambda talk: talk.pause(60), first_token_timeout_s=0.3, total_timeout_s=1)

    assert error.category == Category.TIMEOUT_FIRST_TOKEN
