"""Replies that went wrong as servers really get them wrong, and what must become of each: only a known good ending
makes an answer, the bytes decide and not their label, and nothing unknown counts as zero."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal

import pytest

from evals.collection.providers import ProviderError
from evals.models.generations import ErrorCategory as Category
from tests.servers import DONE, OK, chunk, event, says

JSON = OK.replace(b"text/event-stream", b"application/json")
HALF = chunk("Half of an ans")
COUNTED = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


def choice(**fields):
    return event({"choices": [{"index": 0, "delta": {}, **fields}]})


def told(usage):
    return event({"choices": [], "usage": usage})


END = choice(finish_reason="stop")


@pytest.mark.parametrize(
    ("body", "category"),
    [
        (HALF + choice(finish_reason="error", error={"code": 502, "message": "gone"}), Category.PROVIDER_ERROR),
        (HALF + choice(finish_reason="error"), Category.PROVIDER_ERROR),
        (HALF + choice(finish_reason="abort"), Category.PROVIDER_ERROR),
        (HALF + choice(finish_reason="a word of tomorrow"), Category.PROVIDER_ERROR),
        (HALF + choice(finish_reason="insufficient_system_resource"), Category.OVERLOADED),
        (HALF + choice(finish_reason="sensitive"), Category.CONTENT_FILTER),
        (HALF + choice(finish_reason="content_filter"), Category.CONTENT_FILTER),
        (
            event({"object": "error", "message": "This model's maximum context length is 8 tokens", "code": 400}),
            Category.CONTEXT_LENGTH,
        ),
        (event({"text": "Sorry. (CUDA out of memory)", "error_code": 50002}), Category.OUT_OF_MEMORY),
        (HALF, Category.STREAM_TRUNCATED),
    ],
)
def test_what_is_no_answer(serve, ask, body, category):
    with pytest.raises(ProviderError) as caught:
        ask(serve(says(body + DONE)).base_url)

    assert caught.value.category == category


def test_an_error_in_a_choice_of_one_document(serve, ask):
    failed = {"message": {"content": "Half"}, "finish_reason": "error", "error": {"code": 502, "message": "gone"}}

    with pytest.raises(ProviderError) as caught:
        ask(serve(says(json.dumps({"choices": [failed]}).encode(), head=JSON)).base_url)

    assert caught.value.category == Category.PROVIDER_ERROR


WHOLE = chunk("All of it.") + END + told(COUNTED) + DONE


@pytest.mark.parametrize(
    ("body", "head"),
    [
        (WHOLE, JSON),
        (WHOLE, OK.replace(b"text/event-stream", b"application/octet-stream")),
        (WHOLE, OK.replace(b"text/event-stream", b"text/html")),
        (gzip.compress(WHOLE), OK.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")),
        (gzip.compress(WHOLE), OK),
    ],
)
def test_the_bytes_decide_what_a_reply_is(serve, ask, body, head):
    reply = ask(serve(says(body, head=head)).base_url)

    assert (reply.text, reply.usage.tokens_in, reply.usage.tokens_out) == ("All of it.", 100, 20)
    assert reply.ttft_ms is not None


def test_a_compressed_reply_larger_than_the_limit_is_refused_before_it_is_unpacked(serve, ask):
    with pytest.raises(ProviderError) as caught:
        ask(serve(says(gzip.compress(b"data: " + b"0" * (80 << 20)))).base_url)

    assert caught.value.category == Category.TOO_LARGE


@pytest.mark.parametrize(
    "counted",
    [
        choice(usage=COUNTED),
        event({"choices": [], "x_groq": {"usage": COUNTED}}),
        told(COUNTED) + told(dict.fromkeys(COUNTED, 0)),
    ],
)
def test_counts_are_found_where_providers_put_them_and_no_later_zero_replaces_them(serve, ask, counted):
    usage = ask(serve(says(chunk("Hi") + END + counted + DONE)).base_url).usage

    assert (usage.tokens_in, usage.tokens_out) == (100, 20)


@pytest.mark.parametrize(("total", "tokens_out"), [(150, 50), (120, 20), (None, 20)])
def test_thinking_beside_the_completion_is_added_where_the_total_proves_it(serve, ask, total, tokens_out):
    counted = COUNTED | {"total_tokens": total, "completion_tokens_details": {"reasoning_tokens": 30}}

    usage = ask(serve(says(chunk("Hi") + END + told(counted) + DONE)).base_url).usage

    assert (usage.tokens_out, usage.tokens_thinking) == (tokens_out, 30)


def test_caches_and_costs_are_read(serve, ask):
    counted = COUNTED | {"prompt_cache_hit_tokens": 80, "cost": 0.0123}

    usage = ask(serve(says(chunk("Hi") + END + told(counted) + DONE)).base_url).usage

    assert (usage.tokens_in_cached, usage.cost_usd) == (80, Decimal("0.0123"))


@pytest.mark.parametrize(
    ("pieces", "text", "thinking"),
    [
        (["<think>Six times ", "seven.</think>", "\n\n42"], "42", "Six times seven."),
        (["<th", "ink>Six", "</thi", "nk>42"], "42", "Six"),
        (["Six times seven", " is easy.</think>", "\n42"], "42", "Six times seven is easy."),
        (["  <think></think>42"], "42", ""),
        (["<think>JSON</think>", '{"n": 42}'], '{"n": 42}', "JSON"),
        (["Write <think> and </think> around it."], "Write <think> and </think> around it.", ""),
        (["a < b, and <thinner> is no tag"], "a < b, and <thinner> is no tag", ""),
        (["<"], "<", ""),
    ],
)
def test_thinking_in_the_text_is_kept_aside(serve, ask, pieces, text, thinking):
    reply = ask(serve(says(b"".join(map(chunk, pieces)) + END + DONE)).base_url)

    assert (reply.text, reply.thinking) == (text, thinking)


def test_thinking_alone_is_no_answer(serve, ask):
    with pytest.raises(ProviderError, match="while thinking, before any answer: raise max_tokens") as caught:
        ask(serve(says(chunk("<think>Hm") + choice(finish_reason="length") + DONE)).base_url)

    assert caught.value.category == Category.EMPTY


def test_the_first_token_is_the_first_of_the_answer(serve, ask):
    def script(talk):
        talk.send(OK + chunk("It is said that") + chunk(" so</think>"))
        talk.pause(0.3)
        talk.send(chunk("42") + END + DONE)

    assert ask(serve(script).base_url).ttft_ms > 300


def test_two_calls_under_one_index_are_two(serve, ask):
    def call(id=None, **function):  # noqa: A002
        return choice(delta={"tool_calls": [{"index": 0, **({"id": id} if id else {}), "function": function}]})

    body = (
        call("a", name="find", arguments='{"q":')
        + call(arguments="1}")
        + call("b", name="keep", arguments="{}")
        + choice(finish_reason="tool_calls")
    )

    calls = ask(serve(says(body + DONE)).base_url).tool_calls

    assert [(one.id, one.name, one.arguments) for one in calls] == [("a", "find", '{"q":1}'), ("b", "keep", "{}")]
