"""Gemini, as Google's servers and proxies send it."""

from __future__ import annotations

import json
from functools import partial

import pytest

from evals.collection.providers import ToolCall
from evals.collection.providers.errors import EmptyAnswer, Filtered
from evals.collection.providers.gemini import Gemini, _resource
from evals.models.generations import ErrorCategory as Category
from tests.evals.collection.providers.conftest import CONVERSATION
from tests.servers import OK, event, refuses, says

WHOLE = OK.replace(b"text/event-stream", b"application/json")


def content(*parts, finish=None, **usage):
    """One event of a Gemini stream."""
    candidate = {"index": 0, "content": {"role": "model", "parts": list(parts)}}
    candidate |= {"finishReason": finish} if finish else {}
    return {"candidates": [candidate]} | ({"usageMetadata": usage} if usage else {})


def text(words, **rest):
    return event(content({"text": words}, **rest))


ANSWER = (
    text("Hello ", promptTokenCount=12)
    + text("there.", promptTokenCount=12, candidatesTokenCount=4)
    + text("", finish="STOP", promptTokenCount=12, candidatesTokenCount=5)
)


@pytest.fixture
def ask(ask):
    return partial(ask, wire=Gemini)


def test_a_streamed_answer_is_put_together_and_measured(serve, ask):
    reply = ask(serve(says(ANSWER)).base_url)

    assert (reply.text, reply.finish_reason) == ("Hello there.", "stop")
    assert (reply.usage.tokens_in, reply.usage.tokens_out, reply.usage.tokens_thinking) == (12, 5, None)
    assert 0 < reply.ttft_ms <= reply.latency_ms


def test_the_request_names_the_model_in_its_address_and_has_the_instructions_apart(serve, ask):
    server = serve(says(ANSWER))
    ask(server.base_url, messages=CONVERSATION, request={"system": "Be brief."}, api_key="k-1")

    assert server.asked == ["POST /v1/models/some-model:streamGenerateContent?alt=sse"]
    assert server.headers[0]["x-goog-api-key"] == "k-1"
    assert "authorization" not in server.headers[0]
    assert server.requests == [
        {
            "systemInstruction": {"parts": [{"text": "Be brief.\n\nAnswer in German."}]},
            "contents": [
                {"role": "user", "parts": [{"text": "Say hello."}]},
                {"role": "model", "parts": [{"text": "Hallo."}]},
                {"role": "user", "parts": [{"text": "Again."}]},
            ],
        }
    ]


@pytest.mark.parametrize(
    ("name", "resource"),
    [
        ("models/gemini-x", "models/gemini-x"),
        ("tunedModels/mine", "tunedModels/mine"),
        ("vendor/gemini x?", "models/vendor%2Fgemini%20x%3F"),
        ("../../files", "models/..%2F..%2Ffiles"),
    ],
)
def test_the_model_in_the_address(name, resource):
    assert _resource(name) == resource


def test_settings_get_the_names_and_places_that_gemini_gives_them(serve, ask):
    server = serve(says(ANSWER))
    settings = {
        "temperature": 0,
        "top_p": 0.9,
        "max_tokens": 50,
        "stop": "END",
        "seed": 7,
        "topK": 4,
        "thinkingConfig": {"thinkingBudget": 0},
        "generationConfig": {"responseMimeType": "text/plain", "topK": 1},
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
        "stream": False,
        "model": "another",
        "contents": [],
    }

    ask(server.base_url, request=settings)

    assert server.requests == [
        {
            "contents": [{"role": "user", "parts": [{"text": "Say hello."}]}],
            "generationConfig": {
                "temperature": 0,
                "topP": 0.9,
                "maxOutputTokens": 50,
                "stopSequences": ["END"],
                "seed": 7,
                "topK": 4,
                "thinkingConfig": {"thinkingBudget": 0},
                "responseMimeType": "text/plain",
            },
            "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
        }
    ]


def test_images_in_the_message(serve, ask):
    server = serve(says(ANSWER))
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0K"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.jpg?size=2"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat"}},
    ]

    ask(server.base_url, messages=[{"role": "user", "content": parts}])

    assert server.requests[0]["contents"][0]["parts"] == [
        {"text": "What is this?"},
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw0K"}},
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://example.com/cat.jpg?size=2"}},
        {"fileData": {"fileUri": "https://example.com/cat"}},
    ]


def test_tools_and_their_results_in_the_request(serve, ask):
    server = serve(says(ANSWER))
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": False}
    tools = [
        {"type": "function", "function": {"name": "weather", "description": "Tells it.", "parameters": schema}},
        {"type": "function", "function": {"name": "time"}},
        {"googleSearch": {}},
    ]
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}},
        {"id": "c2", "type": "function", "function": {"name": "time", "arguments": ""}},
    ]
    messages = [
        {"role": "user", "content": "Rome?"},
        {"role": "assistant", "content": "I look.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": '{"degrees": 30}'},
        {"role": "tool", "tool_call_id": "c2", "content": "noon"},
    ]

    ask(server.base_url, messages=messages, request={"tools": tools, "tool_choice": "required"})

    body = server.requests[0]
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {"name": "weather", "description": "Tells it.", "parametersJsonSchema": schema},
                {"name": "time", "parametersJsonSchema": {"type": "object", "properties": {}}},
            ]
        },
        {"googleSearch": {}},
    ]
    assert "tool_choice" not in body
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY"}}
    unsigned = {"thoughtSignature": "skip_thought_signature_validator"}
    assert body["contents"][1:] == [
        {
            "role": "model",
            "parts": [
                {"text": "I look."},
                {"functionCall": {"id": "c1", "name": "weather", "args": {"city": "Rome"}}} | unsigned,
                {"functionCall": {"id": "c2", "name": "time", "args": {}}} | unsigned,
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "c1", "name": "weather", "response": {"degrees": 30}}},
                {"functionResponse": {"id": "c2", "name": "time", "response": {"result": "noon"}}},
            ],
        },
    ]


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        (
            {"type": "function", "function": {"name": "weather"}},
            {"mode": "ANY", "allowedFunctionNames": ["weather"]},
        ),
    ],
)
def test_the_choice_of_a_tool(serve, ask, choice, calling):
    server = serve(says(ANSWER))

    ask(server.base_url, request={"tool_choice": choice})

    assert server.requests[0]["toolConfig"] == {"functionCallingConfig": calling}


def test_thinking_is_kept_aside_and_counted_beside_the_answer(serve, ask):
    thought = event(content({"text": "Hmm.", "thought": True}, promptTokenCount=3, thoughtsTokenCount=20))
    counts = {"promptTokenCount": 3, "candidatesTokenCount": 5, "thoughtsTokenCount": 70}
    ending = event(content({"text": "Hi", "thoughtSignature": "EqQB"}, finish="STOP", **counts))

    reply = ask(serve(says(thought, ending)).base_url)

    assert (reply.text, reply.thinking) == ("Hi", "Hmm.")
    assert (reply.usage.tokens_out, reply.usage.tokens_thinking) == (75, 70)
    assert reply.ttft_ms is not None


def test_tool_calls_keep_their_order(serve, ask):
    def called(name, **rest):
        return {"functionCall": {"name": name} | rest}

    server = serve(
        says(
            event(content(called("weather", args={"city": "Rome"}, id="c1"), called("weather", args={"city": "Oslo"}))),
            event(content(called("time"), finish="STOP")),
        )
    )

    reply = ask(server.base_url)

    assert reply.tool_calls == (
        ToolCall("c1", "weather", '{"city": "Rome"}'),
        ToolCall("", "weather", '{"city": "Oslo"}'),
        ToolCall("", "time", "{}"),
    )
    assert reply.finish_reason == "tool_calls"


def test_the_cache_is_part_of_the_prompt_and_the_results_of_googles_tools_stand_beside_it(serve, ask):
    counts = {"promptTokenCount": 100, "cachedContentTokenCount": 80, "toolUsePromptTokenCount": 6}

    usage = ask(serve(says(text("Hi", finish="STOP", **counts))).base_url).usage

    assert (usage.tokens_in, usage.tokens_in_cached, usage.tokens_out) == (106, 80, None)


def test_counts_that_a_later_event_leaves_out_stay(serve, ask):
    begun = text("H", promptTokenCount=9, candidatesTokenCount=1, thoughtsTokenCount=20)
    ending = text("i", finish="STOP", promptTokenCount=9, candidatesTokenCount=2)

    assert ask(serve(says(begun, ending)).base_url).usage.tokens_out == 22


def test_a_whole_reply(serve, ask):
    whole = content({"text": "Hi"}, finish="STOP", promptTokenCount=3, candidatesTokenCount=1)

    reply = ask(serve(says(json.dumps(whole, indent=1).encode(), head=WHOLE)).base_url)

    assert (reply.text, reply.usage.tokens_in, reply.ttft_ms) == ("Hi", 3, None)


def test_only_the_first_candidate_is_kept(serve, ask):
    second = event({"candidates": [{"index": 1, "content": {"parts": [{"text": "no"}]}, "finishReason": "STOP"}]})

    assert ask(serve(says(text("yes"), second, text("", finish="STOP"))).base_url).text == "yes"


@pytest.mark.parametrize(("reason", "meaning"), [("STOP", "stop"), ("MAX_TOKENS", "length")])
def test_endings(serve, ask, reason, meaning):
    assert ask(serve(says(text("Well"), text("", finish=reason))).base_url).finish_reason == meaning


@pytest.mark.parametrize("reason", ["SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"])
def test_a_filtered_answer_is_an_error_even_with_text(failure, reason):
    error = failure(says(text("Well", promptTokenCount=9), text("", finish=reason)))

    assert error.category == Category.CONTENT_FILTER
    assert (reason in error.detail, error.usage.tokens_in) == (True, 9)


@pytest.mark.parametrize("reason", ["OTHER", "LANGUAGE", "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "LUNCH"])
def test_other_endings_are_no_answer(failure, reason):
    error = failure(says(text("Well"), text("", finish=reason)))

    assert error.category == Category.PROVIDER_ERROR
    assert reason in error.detail


def test_a_blocked_prompt_is_filtered(serve, ask):
    blocked = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 9}}

    with pytest.raises(Filtered, match="PROHIBITED_CONTENT") as caught:
        ask(serve(says(event(blocked))).base_url)

    assert caught.value.usage.tokens_in == 9


def test_an_empty_answer_says_why(serve, ask):
    with pytest.raises(EmptyAnswer, match="while thinking, before any answer: raise max_tokens"):
        ask(serve(says(event(content({"text": "Hm", "thought": True}, finish="MAX_TOKENS")))).base_url)


@pytest.mark.parametrize(
    ("code", "status", "message", "category"),
    [
        (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", Category.RATE_LIMITED),
        (500, "INTERNAL", "An internal error has occurred.", Category.PROVIDER_ERROR),
        (503, "UNAVAILABLE", "The model is overloaded.", Category.OVERLOADED),
    ],
)
def test_an_error_inside_the_stream(failure, code, status, message, category):
    body = {"error": {"code": code, "message": message, "status": status}}
    error = failure(says(text("Well", promptTokenCount=9), event(body)))

    assert error.category == category
    assert error.usage.tokens_in == 9


@pytest.mark.parametrize(
    ("code", "status", "message", "category"),
    [
        (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", Category.AUTH),
        (400, "INVALID_ARGUMENT", "Invalid value at 'generation_config.seed'", Category.BAD_REQUEST),
        (
            400,
            "INVALID_ARGUMENT",
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            Category.CONTEXT_LENGTH,
        ),
        (403, "PERMISSION_DENIED", "no", Category.AUTH),
        (404, "NOT_FOUND", "models/x is not found for API version v1beta", Category.MODEL_NOT_FOUND),
        (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", Category.RATE_LIMITED),
        (503, "UNAVAILABLE", "The model is overloaded.", Category.OVERLOADED),
    ],
)
@pytest.mark.parametrize("wrapped", [True, False])
def test_refusals(failure, code, status, message, category, wrapped):
    body = {"error": {"code": code, "message": message, "status": status}}

    error = failure(refuses(code, [body] if wrapped else body))

    assert (error.category, error.status_code) == (category, code)


@pytest.mark.parametrize("ending", [b"", b'data: {"candidates": [{"content"'])
def test_a_stream_without_a_finish_reason_is_cut(failure, ending):
    error = failure(says(text("Once upon", promptTokenCount=9), ending))

    assert error.category == Category.STREAM_TRUNCATED
    assert error.usage.tokens_in == 9


def test_odd_pieces_are_passed_over(serve, ask):
    odd = [
        {},
        {"candidates": None, "usageMetadata": 7, "promptFeedback": {}},
        {"candidates": [7, {}, {"content": []}, {"content": {"parts": [7, {"text": 7}, {"functionCall": 7}]}}]},
        {"candidates": [{"finishReason": 3}]},
    ]

    assert ask(serve(says(*map(event, odd), ANSWER)).base_url).text == "Hello there."


def test_candidates_of_no_known_shape_are_malformed(failure):
    assert failure(says(event({"candidates": "none"}))).category == Category.INVALID_REPLY
