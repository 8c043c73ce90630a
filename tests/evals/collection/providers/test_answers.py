"""Answers as servers really send them: every one of them is understood."""

from __future__ import annotations

import json

import pytest

from evals.collection.providers import ToolCall
from evals.collection.providers.errors import EmptyAnswer, Filtered
from tests.servers import ANSWER, DONE, OK, KeepsOpen, chunk, event, says, usage


def test_a_streamed_answer_is_put_together_and_measured(serve, ask):
    reply = ask(serve(says(ANSWER)).base_url)

    assert reply.text == "Hello there."
    assert (reply.usage.tokens_in, reply.usage.tokens_out, reply.finish_reason) == (12, 5, "stop")
    assert 0 < reply.ttft_ms <= reply.latency_ms
    assert not reply.refused


def test_the_request_asks_for_a_stream_with_usage_and_carries_the_settings(serve, ask):
    server = serve(says(ANSWER))

    ask(server.base_url, request={"temperature": 0, "system": "Be brief."}, api_key="k-1")

    assert server.requests == [
        {
            "temperature": 0,
            "model": "some-model",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello."}],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ]
    assert server.headers[0]["authorization"] == "Bearer k-1"


def test_two_system_texts_become_one_message(serve, ask):
    server = serve(says(ANSWER))
    messages = [{"role": "system", "content": "Answer in German."}, {"role": "user", "content": "Hi"}]

    ask(server.base_url, messages=messages, request={"system": "Be brief."})

    assert server.requests[0]["messages"][0] == {"role": "system", "content": "Be brief.\n\nAnswer in German."}


def test_settings_do_not_override_what_collecting_decides(serve, ask):
    server = serve(says(ANSWER))

    ask(server.base_url, request={"stream": False, "model": "another", "messages": []})

    assert server.requests[0]["stream"] is True
    assert server.requests[0]["model"] == "some-model"
    assert server.requests[0]["messages"]


def test_a_server_that_refuses_stream_options_is_asked_once_more_without_and_remembered(serve, ask):
    complaint = b'{"error": {"message": "Unrecognized request argument: stream_options"}}'
    server = serve(says(complaint, head=b"HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\n"), says(ANSWER))

    assert ask(server.base_url).text == "Hello there."
    assert ask(server.base_url).text == "Hello there."
    assert ["stream_options" in request for request in server.requests] == [True, False, False]


def test_line_ends_comments_and_split_characters(serve, ask):
    body = ": warming up\r\n\r\n" + "".join(
        f'event: message\r\nid: {n}\r\ndata:{{"choices":[{{"delta":{{"content":"{text}"}}}}]}}\r\n\r\n'
        for n, text in enumerate(["Grüße, ", "naïve 🦉", " 日本"])
    )
    raw = body.encode() + chunk(finish="stop").replace(b"\n", b"\r\n") + b"data: [DONE]"
    server = serve(says(*[raw[n : n + 3] for n in range(0, len(raw), 3)]))

    assert ask(server.base_url).text == "Grüße, naïve 🦉 日本"


def test_a_character_split_over_two_events_is_put_together(serve, ask):
    server = serve(
        says(
            b'data: {"choices":[{"delta":{"content":"\\ud83e"}}]}\n\n'
            b'data: {"choices":[{"delta":{"content":"\\udd89"}}]}\n\n',
            chunk(finish="stop"),
        )
    )

    assert ask(server.base_url).text == "🦉"


def test_what_a_database_cannot_hold_is_replaced(serve, ask):
    server = serve(
        says(chunk("a\x00b"), b'data: {"choices":[{"delta":{"content":"\\ud83e!"}}]}\n\n', chunk(finish="stop"))
    )

    assert ask(server.base_url).text == "a\ufffdb\ufffd!"


def test_missing_usage_is_unknown_not_zero(serve, ask):
    reply = ask(serve(says(chunk("Hi"), chunk(finish="stop"), DONE)).base_url)

    assert (reply.usage.tokens_in, reply.usage.tokens_out) == (None, None)


@pytest.mark.parametrize("count", [-1, True, "12", 1e3, 10**30, None, [1]])
def test_usage_that_is_no_count_is_unknown(serve, ask, count):
    reply = ask(serve(says(chunk("Hi"), chunk(finish="stop"), usage(count, count), DONE)).base_url)

    assert (reply.usage.tokens_in, reply.usage.tokens_out) == (None, None)


def test_thinking_is_no_answer_but_a_sign_of_life(serve, ask):
    server = serve(says(chunk(reasoning_content="Hmm."), chunk("Hi"), chunk(finish="stop"), DONE))

    assert ask(server.base_url).text == "Hi"


def test_a_stream_without_done_counts_once_it_has_a_finish_reason(serve, ask):
    assert ask(serve(says(chunk("Hi"), chunk(finish="length"))).base_url).finish_reason == "length"


def test_tool_calls_are_put_together_by_index(serve, ask):
    def piece(index, **function):
        return {"index": index, "function": function} | ({"id": f"c{index}"} if "name" in function else {})

    server = serve(
        says(
            chunk(tool_calls=[piece(0, name="weather", arguments='{"ci')]),
            chunk(tool_calls=[piece(1, name="time", arguments="")]),
            chunk(tool_calls=[piece(0, arguments='ty": "Rome"}')]),
            chunk(tool_calls=[piece(1, arguments="{}")]),
            chunk(finish="tool_calls"),
            DONE,
        )
    )

    reply = ask(server.base_url)

    assert reply.tool_calls == (ToolCall("c0", "weather", '{"city": "Rome"}'), ToolCall("c1", "time", "{}"))
    assert reply.text == ""
    assert reply.ttft_ms is not None


def test_two_calls_with_one_index_stay_two_and_in_order(serve, ask):
    def begun(told, name):
        return chunk(tool_calls=[{"index": 0, "id": told, "function": {"name": name, "arguments": ""}}])

    def goes_on(arguments):
        return chunk(tool_calls=[{"index": 0, "function": {"arguments": arguments}}])

    server = serve(
        says(begun("x1", "b"), goes_on('{"n":'), goes_on(" 1}"), begun("x2", "a"), goes_on('{"n": 2}'),
             chunk(finish="tool_calls"), DONE)
    )  # fmt: skip

    assert ask(server.base_url).tool_calls == (ToolCall("x1", "b", '{"n": 1}'), ToolCall("x2", "a", '{"n": 2}'))


def test_tool_calls_without_index_are_told_apart_by_id(serve, ask):
    whole = [{"id": f"c{n}", "function": {"name": name, "arguments": {"n": n}}} for n, name in enumerate("ab")]

    reply = ask(serve(says(chunk(tool_calls=whole), chunk(finish="tool_calls"), DONE)).base_url)

    assert [(call.name, call.arguments) for call in reply.tool_calls] == [("a", '{"n": 0}'), ("b", '{"n": 1}')]


def test_a_refusal_in_its_own_field_is_the_text_and_marked(serve, ask):
    reply = ask(serve(says(chunk(refusal="I will not."), chunk(finish="stop"), DONE)).base_url)

    assert (reply.text, reply.refused) == ("I will not.", True)


def test_only_the_first_choice_is_kept(serve, ask):
    second = event({"choices": [{"index": 1, "delta": {"content": "no"}, "finish_reason": "stop"}]})

    assert ask(serve(says(chunk("yes"), second, chunk(finish="stop"))).base_url).text == "yes"


def test_text_in_typed_parts(serve, ask):
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "Hi"}]

    assert ask(serve(says(chunk(content=parts), chunk(finish="stop"))).base_url).text == "Hi"


def test_a_server_that_does_not_stream_is_understood_without_a_first_token_time(serve, ask):
    whole = {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 2}},
    }
    head = OK.replace(b"text/event-stream", b"application/json; charset=utf-8")

    reply = ask(serve(says(json.dumps(whole).encode(), head=head)).base_url)

    assert (reply.text, reply.usage.tokens_in, reply.usage.tokens_in_cached, reply.ttft_ms) == ("Hi", 3, 2, None)


def test_an_empty_answer_is_an_error_that_says_why(serve, ask):
    with pytest.raises(EmptyAnswer, match="“length” before any text: raise max_tokens") as caught:
        ask(serve(says(chunk("  \n"), chunk(finish="length"), usage(9, 4), DONE)).base_url)

    assert (caught.value.usage.tokens_in, caught.value.usage.tokens_out) == (9, 4)


def test_a_filtered_answer_is_an_error_even_with_text(serve, ask):
    with pytest.raises(Filtered):
        ask(serve(says(chunk("Well"), chunk(finish="content_filter"), DONE)).base_url)


def test_connections_are_used_again(serve, ask):
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (chunk("Hi"), chunk(finish="stop"), DONE))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    server = serve(KeepsOpen(says(body, b"0\r\n\r\n", head=head)))

    for _ in range(3):
        assert ask(server.base_url).text == "Hi"

    assert (server.connections, len(server.requests)) == (1, 3)


def test_a_kept_connection_that_the_server_closed_meanwhile_is_no_failure(serve, ask):
    whole = chunk("Hi") + chunk(finish="stop") + DONE
    head = OK.replace(b"Connection: close", b"Content-Length: %d" % len(whole))

    def hang_up(talk):
        """Reads the request, then goes: as a server does whose patience with an idle connection ended just now."""

    server = serve(KeepsOpen(says(whole, head=head)), hang_up, says(whole, head=head))

    assert ask(server.base_url).text == "Hi"
    assert ask(server.base_url).text == "Hi"

    assert (server.connections, len(server.requests)) == (2, 3)
