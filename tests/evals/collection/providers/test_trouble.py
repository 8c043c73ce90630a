"""Servers that refuse, dawdle, cut and babble: each ends as one category, within its time, and with what was measured.

The times are short and the servers patient, so that a limit which does not hold would hang, not merely be late.
"""

from __future__ import annotations

import json

import pytest

from evals.collection.providers import Limits, ProviderError
from evals.collection.providers.errors import TimedOut
from evals.models.generations import ErrorCategory as Category
from tests.processes import free_port
from tests.servers import ANSWER, DONE, OK, chunk, event, refuses, says

FOREVER = 60.0


def test_nobody_listens(ask):
    with pytest.raises(ProviderError) as caught:
        ask(f"http://127.0.0.1:{free_port()}/v1")

    assert caught.value.category == Category.CONNECTION


def test_a_connection_closed_without_a_word(failure):
    assert failure(lambda talk: None).category == Category.CONNECTION


@pytest.mark.parametrize(
    ("status", "body", "category"),
    [
        (401, {"error": {"message": "Incorrect API key provided"}}, Category.AUTH),
        (402, {"error": "no credit"}, Category.BILLING),
        (403, {"message": "forbidden"}, Category.AUTH),
        (403, {"error": {"code": "content_policy_violation", "message": "no"}}, Category.CONTENT_FILTER),
        (404, {"error": {"message": "The model `x` does not exist"}}, Category.MODEL_NOT_FOUND),
        (400, {"error": {"message": "model not found, try pulling it"}}, Category.MODEL_NOT_FOUND),
        (400, {"error": {"message": "Unknown setting: temprature"}}, Category.BAD_REQUEST),
        (400, {"error": {"code": "context_length_exceeded", "message": "too much"}}, Category.CONTEXT_LENGTH),
        (400, {"error": {"type": "exceed_context_size_error", "message": "12 > 8"}}, Category.CONTEXT_LENGTH),
        (400, [{"error": {"status": "INVALID_ARGUMENT", "message": "API key not valid."}}], Category.AUTH),
        (400, {"error": {"code": "content_filter", "message": "no"}}, Category.CONTENT_FILTER),
        (408, "", Category.TIMEOUT_TOTAL),
        (413, "too large", Category.CONTEXT_LENGTH),
        (422, {"detail": [{"loc": ["body", "top_q"], "msg": "extra fields not permitted"}]}, Category.BAD_REQUEST),
        (429, {"error": {"message": "Rate limit reached"}}, Category.RATE_LIMITED),
        (
            429,
            {"error": {"code": "insufficient_quota", "message": "You exceeded your current quota"}},
            Category.BILLING,
        ),
        (500, "<html><h1>Oops</h1></html>", Category.PROVIDER_ERROR),
        (503, {"error": {"message": "Loading model"}}, Category.OVERLOADED),
        (503, {"error": {"message": "CUDA error: out of memory"}}, Category.OUT_OF_MEMORY),
        (500, {"error": "model requires more system memory (8.4 GiB) than is available"}, Category.OUT_OF_MEMORY),
        (529, {"error": {"message": "overloaded"}}, Category.OVERLOADED),
        (302, "", Category.NOT_ALLOWED),
    ],
)
def test_refusals(failure, status, body, category):
    error = failure(refuses(status, body, Location="http://169.254.169.254/"))

    assert error.category == category
    assert error.status_code == status
    assert not error.billed or error.category in (Category.TIMEOUT_TOTAL, Category.CONTENT_FILTER)


def test_redirects_are_not_followed(serve, ask):
    target = serve(says(ANSWER))
    server = serve(refuses(307, "", Location=target.base_url + "/chat/completions"))

    with pytest.raises(ProviderError, match="set the base URL to the final address"):
        ask(server.base_url)

    assert target.requests == []


def test_retry_after_is_reported(failure):
    assert failure(refuses(429, "slow down", Retry_After="17")).retry_after_s == 17


def test_a_wait_that_only_the_body_asks_for_is_reported(failure):
    """google.rpc.RetryInfo, as Gemini sends it."""
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "58.934310785s"}
    error = {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED", "details": [{}, info]}

    assert failure(refuses(429, {"error": error})).retry_after_s == 58.934310785
    assert failure(refuses(429, [{"error": error}], Retry_After="3")).retry_after_s == 3
    assert failure(refuses(429, {"error": error | {"details": [info | {"retryDelay": "soon"}]}})).retry_after_s is None


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "The server is overloaded", "type": "provider_error"}},
        {"error": {"code": 503, "message": "Loading model"}},
        {"error": "upstream unavailable"},
    ],
)
def test_an_error_inside_the_stream(failure, body):
    assert failure(says(chunk("Well, "), event(body))).category == Category.OVERLOADED


def test_an_error_field_as_llama_cpp_has_sent_it(failure):
    error = failure(says(b'error: {"code": 400, "message": "the request exceeds the available context size"}\n\n'))

    assert error.category == Category.CONTEXT_LENGTH


def test_a_rate_limit_inside_the_stream(failure):
    assert failure(says(event({"error": {"code": "rate_limit_exceeded"}}))).category == Category.RATE_LIMITED


def test_an_error_in_a_reply_that_says_200(failure):
    head = OK.replace(b"text/event-stream", b"application/json")

    assert failure(says(b'{"error": {"code": 429, "message": "later"}}', head=head)).category == Category.RATE_LIMITED


@pytest.mark.parametrize("ending", [b"", DONE, b'data: {"choices": [{"delta": {"content": " and'])
def test_a_stream_that_ends_without_a_finish_reason_is_cut(failure, ending):
    error = failure(says(chunk("Once upon"), ending))

    assert error.category == Category.STREAM_TRUNCATED
    assert error.ttft_ms is not None
    assert error.status_code == 200


def test_a_connection_reset_in_the_middle_is_cut(failure):
    def script(talk):
        talk.send(OK + chunk("Once upon"))
        talk.pause(0.05)
        talk.reset()

    assert failure(script).category == Category.STREAM_TRUNCATED


def test_a_body_shorter_than_announced_is_cut(failure):
    head = OK.replace(b"Connection", b"Content-Length: 99999\r\nConnection")

    assert failure(says(chunk("Once upon"), head=head)).category == Category.STREAM_TRUNCATED


def test_a_connection_that_breaks_after_the_answer_is_no_error(serve, ask):
    def script(talk):
        talk.send(OK.replace(b"Connection", b"Content-Length: 99999\r\nConnection"))
        talk.send(chunk("All of it") + chunk(finish="stop"))
        talk.pause(0.05)
        talk.reset()

    reply = ask(serve(script).base_url)

    assert (reply.text, reply.usage.tokens_out) == ("All of it", None)


def test_a_stream_that_never_ends_after_the_answer_is_no_error(serve, ask):
    def script(talk):
        talk.send(OK + chunk("All of it") + chunk(finish="stop") + DONE)
        talk.pause(FOREVER)

    assert ask(serve(script).base_url).text == "All of it"


@pytest.mark.parametrize(
    "script",
    [
        says(b"<html><body>It works!</body></html>", head=OK.replace(b"text/event-stream", b"text/html")),
        says(b"<!doctype html>"),
        says(b"data: {oops}\n\n"),
        says(b"data: [1, 2]\n\n"),
        says(b'data: {"choices": "none"}\n\n'),
        says(b'data: {"choices": [7]}\n\n'),
        says(b"data: \xff\xfe\n\n"),
        says(b"data: " + b"[" * 100_000 + b"\n\n"),
        says(b"data: " + b"9" * 10_000 + b"\n\n"),
        says(b"{}", head=OK.replace(b"text/event-stream", b"application/json")),
        says(b"[]", head=OK.replace(b"text/event-stream", b"application/json")),
        says(b"\x1f\x8b junk", head=OK.replace(b"Connection", b"Content-Encoding: gzip\r\nConnection")),
        says(b"", head=b"220 smtp.example ESMTP\r\n\r\n"),
        says(b"", head=b"\x00\x01\x02\x03 no http at all \r\n\r\n"),
        says(b""),
    ],
)
def test_rubbish_is_malformed(failure, script):
    assert failure(script).category == Category.INVALID_REPLY


def test_odd_but_harmless_pieces_are_passed_over(serve, ask):
    odd = [{}, {"choices": None}, {"choices": []}, {"choices": [{}]}, {"choices": [{"delta": None}]}]
    odd += [{"choices": [{"delta": {"content": 7, "tool_calls": "x"}, "finish_reason": 3}]}, {"usage": "many"}]

    server = serve(says(*map(event, odd), chunk("Hi"), chunk(finish="stop")))

    assert ask(server.base_url).text == "Hi"


@pytest.mark.parametrize(
    ("limits", "parts"),
    [
        (Limits(line_bytes=1000), [b"data: " + b"x" * 3000]),
        (Limits(line_bytes=1000), [b"data: 123456789\n"] * 200),
        (Limits(body_bytes=1000), [b": keep-alive\n\n"] * 200),
        (Limits(text_chars=1000), [chunk("word " * 10)] * 30),
        (Limits(tool_calls=3), [chunk(tool_calls=[{"index": n, "id": str(n)}]) for n in range(9)]),
    ],
)
def test_giants_are_too_large(failure, limits, parts):
    assert failure(says(*parts), limits=limits).category == Category.TOO_LARGE


def test_an_endless_body_is_left_early(failure):
    def script(talk):
        talk.send(OK)
        while talk.send(b": " + b"x" * 65_536 + b"\n"):
            pass

    assert failure(script, limits=Limits(body_bytes=1 << 20)).category == Category.TOO_LARGE


def test_a_giant_error_page_is_quoted_briefly(failure):
    def script(talk):
        talk.send(b"HTTP/1.1 500 No\r\nContent-Type: text/html\r\n\r\n")
        while talk.send(b"sorry " * 10_000):
            pass

    error = failure(script)

    assert error.category == Category.PROVIDER_ERROR
    assert len(error.detail) <= 500


def test_endless_headers_are_malformed(failure):
    def script(talk):
        talk.send(b"HTTP/1.1 200 OK\r\n")
        while talk.send(b"X-More: " + b"y" * 10_000 + b"\r\n"):
            pass

    assert failure(script).category == Category.INVALID_REPLY


class TestTime:
    LIMITS = {"first_token_timeout_s": 0.5, "total_timeout_s": 1.0}

    def test_no_answer_at_all(self, failure):
        error = failure(lambda talk: talk.pause(FOREVER), **self.LIMITS)

        assert (error.category, error.detail) == (Category.TIMEOUT_FIRST_TOKEN, "no first token in 0.5 s")
        assert error.latency_ms is not None

    def test_headers_dripped_byte_by_byte(self, failure):
        def script(talk):
            talk.drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"z" * 10_000, 0.05)

        assert failure(script, **self.LIMITS).detail == "no first token in 0.5 s"

    def test_comments_dripped_instead_of_tokens(self, failure):
        def script(talk):
            talk.send(OK)
            talk.drip(b": keep-alive\n\n" * 1000, 0.05)

        assert failure(script, **self.LIMITS).detail == "no first token in 0.5 s"

    def test_tokens_dripped_for_too_long(self, failure):
        def script(talk):
            talk.send(OK)
            while talk.send(chunk("a")) and not talk.pause(0.05):
                pass

        error = failure(script, **self.LIMITS)

        assert error.detail == "not finished in 1 s"
        assert error.ttft_ms is not None

    def test_one_byte_at_a_time_inside_an_event(self, failure):
        def script(talk):
            talk.send(OK + chunk("a"))
            talk.drip(chunk("b" * 10_000), 0.05)

        assert failure(script, **self.LIMITS).detail == "not finished in 1 s"

    def test_thinking_meets_the_first_limit(self, serve, ask):
        def script(talk):
            talk.send(OK + chunk(reasoning_content="Hmm."))
            talk.pause(0.8)
            talk.send(ANSWER)

        reply = ask(serve(script).base_url, first_token_timeout_s=0.5, total_timeout_s=20)

        assert reply.text == "Hello there."
        assert reply.ttft_ms > 500

    def test_an_error_body_that_never_ends(self, failure):
        def script(talk):
            talk.send(b"HTTP/1.1 429 No\r\nRetry-After: 3\r\n\r\nsl")
            talk.pause(FOREVER)

        error = failure(script, **self.LIMITS)

        assert (error.category, error.retry_after_s) == (Category.RATE_LIMITED, 3)

    def test_a_server_that_does_not_read(self, failure):
        messages = [{"role": "user", "content": "x" * 30_000_000}]

        def script(talk):
            talk.pause(FOREVER)

        assert failure(script, messages=messages, **self.LIMITS).category in (
            Category.TIMEOUT_FIRST_TOKEN,
            Category.CONNECTION,
        )


def test_keys_never_reach_the_error(failure):
    key = "very-secret-0123456789"
    body = {
        "error": {
            "message": f"Incorrect API key provided: {key} (sk-proj-abcdefghijk, AIzaSyabcdef-12, Bearer abc.def)"
        }
    }

    error = failure(refuses(401, body), api_key=key)

    for words in (error.detail, str(error), repr(error)):
        assert "secret" not in words
        assert "abcdef" not in words
        assert "abc.def" not in words


def test_a_detail_is_one_short_clean_line(failure):
    error = failure(refuses(500, json.dumps({"error": {"message": "a\n\x00\x1b[31mb\u2028c" + "d" * 5000}})))

    assert len(error.detail) <= 500
    assert error.detail.isprintable()


@pytest.mark.parametrize("key", ["two\nlines", "nul\x00", "ümlaut"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(serve, ask, key):
    server = serve(says(ANSWER))

    with pytest.raises(ProviderError) as caught:
        ask(server.base_url, api_key=key)

    assert caught.value.category == Category.BAD_REQUEST
    assert key not in str(caught.value)
    assert server.requests == []


def test_settings_that_are_no_json_are_refused(serve, ask):
    with pytest.raises(ProviderError) as caught:
        ask(serve(says(ANSWER)).base_url, request={"stop": object()})

    assert caught.value.category == Category.BAD_REQUEST


def test_the_first_token_limit_is_never_longer_than_the_total(failure):
    error = failure(lambda talk: talk.pause(FOREVER), first_token_timeout_s=60, total_timeout_s=0.5)

    assert isinstance(error, TimedOut)
    assert error.detail == "not finished in 0.5 s"
