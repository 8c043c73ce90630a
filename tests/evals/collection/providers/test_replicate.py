"""Replicate's predictions: started, polled at their own address, and only text is an answer."""

from __future__ import annotations

import pytest

from evals.collection.providers import Limits, ProviderError, wire_format
from evals.collection.providers.errors import EmptyAnswer, InvalidReply, NotText
from evals.collection.providers.replicate import Replicate
from evals.models import Provider
from evals.models.generations import ErrorCategory as Category
from tests.servers import refuses, returns

MODEL = "meta/llama-3-8b-instruct"
VERSION = "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa"


def prediction(status: str, **fields):
    """A script: the prediction, with an address at whichever server is asked."""

    def script(talk):
        urls = {"get": f"http://{talk.headers['host']}/v1/predictions/p1"}
        returns({"id": "p1", "status": status, "urls": urls, "output": None, "error": None} | fields, status=201)(talk)

    return script


STARTING = prediction("starting")
ANSWER = prediction(
    "succeeded",
    output=["Hello ", "there."],
    metrics={"predict_time": 0.2, "input_token_count": 12, "output_token_count": 5},
)


@pytest.fixture
def ask_replicate(ask):
    def call(server, *, model: str = MODEL, **options):
        return ask(server.base_url, wire=Replicate, model=model, **options)

    return call


@pytest.fixture
def failure(serve, ask_replicate):
    def fail(*scripts, **options):
        with pytest.raises(ProviderError) as caught:
            ask_replicate(serve(*scripts), **options)
        return caught.value

    return fail


def test_it_is_the_client_of_its_kind():
    assert isinstance(wire_format(Provider.Kind.REPLICATE), Replicate)


def test_a_prediction_is_started_and_polled_until_it_has_succeeded(serve, ask_replicate):
    server = serve(STARTING, prediction("processing"), ANSWER)

    reply = ask_replicate(server, request={"system": "Be brief.", "temperature": 0}, api_key="r8-1")

    assert (reply.text, reply.finish_reason, reply.ttft_ms) == ("Hello there.", "stop", None)
    assert (reply.usage.tokens_in, reply.usage.tokens_out) == (12, 5)
    assert reply.latency_ms >= 500
    assert server.asked == [
        f"POST /v1/models/{MODEL}/predictions",
        "GET /v1/predictions/p1",
        "GET /v1/predictions/p1",
    ]
    assert server.requests[0] == {"input": {"prompt": "Say hello.", "system_prompt": "Be brief.", "temperature": 0}}
    assert [headers["authorization"] for headers in server.headers] == ["Bearer r8-1"] * 3
    assert server.headers[0]["cancel-after"] == "20s"
    assert "prefer" not in server.headers[0]


def test_a_version_is_asked_by_its_id(serve, ask_replicate):
    server = serve(ANSWER)

    assert ask_replicate(server, model=f"{MODEL}:{VERSION}").text == "Hello there."

    assert server.asked == ["POST /v1/predictions"]
    assert server.requests[0] == {"version": VERSION, "input": {"prompt": "Say hello."}}


@pytest.mark.parametrize("model", ["llama", "a/b/c", "../account", "a/..", "a/b?x=1", f"{MODEL}:latest"])
def test_a_name_that_is_no_model_is_not_sent(serve, ask_replicate, model):
    server = serve(ANSWER)

    with pytest.raises(ProviderError, match="owner/name") as caught:
        ask_replicate(server, model=model)

    assert caught.value.category == Category.BAD_REQUEST
    assert server.requests == []


def test_a_conversation_becomes_one_prompt(serve, ask_replicate):
    server = serve(ANSWER)
    messages = [
        {"role": "system", "content": "Answer in German."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hallo!"},
        {"role": "user", "content": [{"type": "text", "text": "And now?"}]},
    ]

    ask_replicate(server, messages=messages)

    assert server.requests[0]["input"] == {
        "system_prompt": "Answer in German.",
        "prompt": "User: Hi\n\nAssistant: Hallo!\n\nUser: And now?\n\nAssistant:",
    }


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]},
        {"role": "tool", "content": "sunny"},
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "x"}}]},
    ],
)
def test_what_a_prompt_cannot_hold_is_not_sent(serve, ask_replicate, message):
    server = serve(ANSWER)

    with pytest.raises(ProviderError, match="takes a prompt") as caught:
        ask_replicate(server, messages=[{"role": "user", "content": "Hi"}, message])

    assert caught.value.category == Category.BAD_REQUEST
    assert server.requests == []


def test_one_text_and_thinking_before_it(serve, ask_replicate):
    reply = ask_replicate(serve(prediction("succeeded", output="<think>Hmm.</think>Hi")))

    assert (reply.text, reply.thinking) == ("Hi", "Hmm.")
    assert (reply.usage.tokens_in, reply.usage.tokens_out) == (None, None)


@pytest.mark.parametrize("text", ["See https://example.com/cat.png for more.", "https://example.com/docs"])
def test_an_answer_may_name_an_address(serve, ask_replicate, text):
    assert ask_replicate(serve(prediction("succeeded", output=[text]))).text == text


@pytest.mark.parametrize(
    "output",
    [
        "https://replicate.delivery/pbxt/abc/output.mp4",
        ["https://example.com/a.png", "https://example.com/b.png"],
        "data:image/svg+xml,<svg/>",
        {"image": "x"},
        [1, 2],
        7,
    ],
)
def test_what_is_neither_text_nor_an_image_is_no_answer(failure, output):
    error = failure(prediction("succeeded", output=output))

    assert isinstance(error, NotText)
    assert any(words in error.detail for words in ("cannot be compared", "was not fetched", "not base64"))


@pytest.mark.parametrize("output", [None, "", [], ["  "]])
def test_no_output_is_an_empty_answer(failure, output):
    assert isinstance(failure(prediction("succeeded", output=output)), EmptyAnswer)


@pytest.mark.parametrize(
    ("status", "error", "category", "words"),
    [
        ("failed", "CUDA out of memory", Category.OUT_OF_MEMORY, "CUDA out of memory"),
        ("failed", "Input was flagged by moderation", Category.CONTENT_FILTER, "flagged"),
        ("failed", "it crashed", Category.PROVIDER_ERROR, "it crashed"),
        ("failed", None, Category.PROVIDER_ERROR, "without a reason"),
        ("canceled", None, Category.PROVIDER_ERROR, "was canceled"),
        ("aborted", None, Category.PROVIDER_ERROR, "was aborted"),
    ],
)
def test_other_endings(failure, status, error, category, words):
    ended = failure(STARTING, prediction(status, error=error, metrics={"input_token_count": 3}))

    assert ended.category == category
    assert words in ended.detail
    assert ended.usage.tokens_in == 3
    assert ended.latency_ms is not None


@pytest.mark.parametrize(
    ("status", "body", "category"),
    [
        (401, {"title": "Unauthenticated", "detail": "You did not pass a token", "status": 401}, Category.AUTH),
        (
            402,
            {"title": "Insufficient credit", "detail": "You have insufficient credit", "status": 402},
            Category.BILLING,
        ),
        (404, {"detail": "The requested resource could not be found.", "status": 404}, Category.MODEL_NOT_FOUND),
        (
            422,
            {"title": "Input validation failed", "detail": "- input.top_q: unexpected", "status": 422},
            Category.BAD_REQUEST,
        ),
        (429, {"detail": "Request was throttled.", "status": 429}, Category.RATE_LIMITED),
    ],
)
def test_refusals(failure, status, body, category):
    error = failure(refuses(status, body, Retry_After="7"))

    assert (error.category, error.status_code, error.retry_after_s) == (category, status, 7)


def test_polls_that_fail_in_between_do_not_lose_the_prediction(serve, ask_replicate):
    server = serve(STARTING, refuses(502, "<html>"), lambda talk: None, refuses(429, "slow down"), ANSWER)

    assert ask_replicate(server).text == "Hello there."
    assert [asked.partition(" ")[0] for asked in server.asked].count("POST") == 1


def test_polls_that_keep_failing_end_it(failure):
    assert failure(STARTING, refuses(500, "broken")).category == Category.PROVIDER_ERROR


def test_a_key_refused_at_a_poll_ends_it_at_once(failure):
    assert failure(STARTING, refuses(401, "no")).category == Category.AUTH


def test_a_poll_that_never_ends_times_out(failure):
    error = failure(STARTING, first_token_timeout_s=0.3, total_timeout_s=1)

    assert (error.category, error.detail) == (Category.TIMEOUT_TOTAL, "not finished in 1 s")


def test_a_poll_cut_short_is_tried_again(serve, ask_replicate):
    def cut(talk):
        talk.send(b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"status"')

    assert ask_replicate(serve(STARTING, cut, ANSWER)).text == "Hello there."


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://127.0.0.1:{port}/v1/predictions/p1", "not where the provider is"),
        ("http://127.0.0.1:1/v1/predictions/p1", "not where the provider is"),
        ("http://169.254.169.254/latest", "not where the provider is"),
        ("http://user:secret@127.0.0.1:{port}/v1/predictions/p1", "not where the provider is"),
        ("/v1/predictions/p1", "not an address"),
        ("http://127.0.0.1:port/", "not an address"),
        (7, "not an address"),
        (None, "not an address"),
    ],
)
def test_a_prediction_elsewhere_is_not_polled(serve, ask_replicate, url, words):
    def script(talk):
        port = talk.headers["host"].rpartition(":")[2]
        address = url.replace("{port}", port) if isinstance(url, str) else url
        prediction("starting", urls={"get": address})(talk)

    server = serve(script, ANSWER)

    with pytest.raises(InvalidReply, match=words) as caught:
        ask_replicate(server)

    assert "secret" not in caught.value.detail
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "script",
    [returns({}), returns([1]), returns({"status": 7}), prediction("starting", urls="none"), refuses(200, "<html>")],
)
def test_rubbish_is_no_reply_of_replicate(failure, script):
    assert failure(script).category == Category.INVALID_REPLY


def test_a_giant_of_replicate_is_too_large(failure):
    error = failure(prediction("succeeded", output=["word "] * 300), limits=Limits(text_chars=1000))

    assert error.category == Category.TOO_LARGE
