"""fal's queue: a request is submitted, its status polled, its result fetched, and text or images are an answer."""

from __future__ import annotations

import json

import pytest

from evals.collection.providers import ProviderError, wire_format
from evals.collection.providers.errors import EmptyAnswer, InvalidReply, NotText
from evals.collection.providers.fal import FalQueue
from evals.models import Provider
from evals.models.generations import ErrorCategory as Category
from tests.servers import refuses, returns

MODEL = "fal-ai/any-llm"


def queued(**changes):
    """A script: the reply to a submitted request, with addresses at whichever server is asked."""

    def script(talk):
        base = f"http://{talk.headers['host']}/v1/fal-ai/any-llm/requests/r1"
        urls = {"status_url": f"{base}/status", "response_url": base, "cancel_url": f"{base}/cancel"}
        port = talk.headers["host"].rpartition(":")[2]
        document = {"status": "IN_QUEUE", "request_id": "r1"} | urls | changes
        returns(json.loads(json.dumps(document).replace("{port}", port)))(talk)

    return script


def status(now: str, **fields):
    return returns({"status": now, "request_id": "r1"} | fields, status=200 if now == "COMPLETED" else 202)


COMPLETED = status("COMPLETED")
ANSWER = returns(
    {"output": "Hello there.", "reasoning": "Hmm.", "usage": {"prompt_tokens": 12, "completion_tokens": 5}}
)


@pytest.fixture
def ask_fal(ask):
    def call(server, *, model: str = MODEL, **options):
        return ask(server.base_url, wire=FalQueue, model=model, **options)

    return call


@pytest.fixture
def failure(serve, ask_fal):
    def fail(*scripts, **options):
        with pytest.raises(ProviderError) as caught:
            ask_fal(serve(*scripts), **options)
        return caught.value

    return fail


def test_it_is_the_client_of_its_kind():
    assert isinstance(wire_format(Provider.Kind.FAL), FalQueue)


def test_a_request_is_submitted_polled_and_its_result_fetched(serve, ask_fal):
    server = serve(queued(), status("IN_QUEUE", queue_position=1), status("IN_PROGRESS"), COMPLETED, ANSWER)

    reply = ask_fal(server, request={"system": "Be brief.", "temperature": 0}, api_key="id:secret")

    assert (reply.text, reply.thinking, reply.finish_reason, reply.ttft_ms) == ("Hello there.", "Hmm.", "stop", None)
    assert (reply.usage.tokens_in, reply.usage.tokens_out) == (12, 5)
    assert reply.latency_ms >= 700
    requests = f"/v1/{MODEL}/requests/r1"
    assert server.asked == [f"POST /v1/{MODEL}", *[f"GET {requests}/status"] * 3, f"GET {requests}"]
    assert server.requests[0] == {"prompt": "Say hello.", "system_prompt": "Be brief.", "temperature": 0}
    assert [headers["authorization"] for headers in server.headers] == ["Key id:secret"] * 5
    assert server.headers[0]["x-fal-no-retry"] == "1"


def test_an_app_gets_the_model_behind_it(serve, ask_fal):
    server = serve(queued(), COMPLETED, ANSWER)

    ask_fal(server, model=f"{MODEL}:deepseek/deepseek-r1:free")

    assert server.asked[0] == f"POST /v1/{MODEL}"
    assert server.requests[0] == {"prompt": "Say hello.", "model": "deepseek/deepseek-r1:free"}


@pytest.mark.parametrize("model", ["any-llm", "../x", "a/../b", "a//b", "a/b?x", ""])
def test_a_name_that_is_no_model_is_not_sent(serve, ask_fal, model):
    server = serve(ANSWER)

    with pytest.raises(ProviderError, match="name the model") as caught:
        ask_fal(server, model=model)

    assert caught.value.category == Category.BAD_REQUEST
    assert server.requests == []


@pytest.mark.parametrize(
    "result",
    [
        {"text": "Hi"},
        {"output": ["H", "i"]},
        {"output": {"text": "Hi"}},
        {"output": None, "text": "Hi"},
        {"output": "Hi", "error": None},
    ],
)
def test_where_the_text_may_be(serve, ask_fal, result):
    assert ask_fal(serve(queued(), COMPLETED, returns(result))).text == "Hi"


@pytest.mark.parametrize(
    "result",
    [
        {"images": [{"width": 8}]},
        {"output": {"url": "x"}},
        {"output": [{"url": "x"}]},
        {"text": 7},
    ],
)
def test_what_is_neither_text_nor_an_image_is_no_answer(failure, result):
    error = failure(queued(), COMPLETED, returns(result))

    assert isinstance(error, NotText)
    assert "it cannot be compared" in error.detail


def test_a_part_of_an_answer_is_none(failure):
    error = failure(queued(), COMPLETED, returns({"output": "Once upon", "partial": True}))

    assert error.category == Category.INVALID_REPLY


def test_an_empty_answer(failure):
    assert isinstance(failure(queued(), COMPLETED, returns({"output": " "})), EmptyAnswer)


@pytest.mark.parametrize(
    ("ended", "category", "words"),
    [
        (
            status("COMPLETED", error="Runner went away", error_type="runner_disconnected"),
            "provider_error",
            "runner_disc",
        ),
        (status("COMPLETED", error="no", error_type="content_policy_violation"), "content_filter", "content_policy"),
        (status("FAILED"), "provider_error", "ended as FAILED"),
        (status("CANCELED"), "provider_error", "ended as CANCELED"),
    ],
)
def test_requests_that_end_without_a_result(failure, ended, category, words):
    error = failure(queued(), ended)

    assert (error.category, error.status_code) == (category, 200)
    assert words in error.detail


def test_an_error_in_the_result(failure):
    assert (
        failure(queued(), COMPLETED, returns({"output": "", "error": "rate limit"})).category == Category.RATE_LIMITED
    )


@pytest.mark.parametrize(
    ("code", "body", "category"),
    [
        (422, {"detail": [{"loc": ["body", "prompt"], "msg": "field required"}]}, Category.BAD_REQUEST),
        (422, {"detail": [{"msg": "flagged", "type": "content_policy_violation"}]}, Category.CONTENT_FILTER),
        (504, {"detail": "Request timed out", "error_type": "request_timeout"}, Category.PROVIDER_ERROR),
    ],
)
def test_a_result_that_is_a_refusal(failure, code, body, category):
    assert failure(queued(), COMPLETED, refuses(code, body)).category == category


@pytest.mark.parametrize(
    ("code", "category"),
    [(401, Category.AUTH), (402, Category.BILLING), (404, Category.MODEL_NOT_FOUND), (429, Category.RATE_LIMITED)],
)
def test_refusals(failure, code, category):
    error = failure(refuses(code, {"detail": "no"}, Retry_After="7"))

    assert (error.category, error.status_code, error.retry_after_s) == (category, code, 7)


def test_polls_that_fail_in_between_do_not_lose_the_request(serve, ask_fal):
    server = serve(queued(), refuses(503, "busy"), lambda talk: None, COMPLETED, ANSWER)

    assert ask_fal(server).text == "Hello there."
    assert [asked.partition(" ")[0] for asked in server.asked].count("POST") == 1


def test_a_request_that_nobody_waits_for_is_cancelled(serve, ask_fal):
    server = serve(queued(), status("IN_QUEUE"))

    with pytest.raises(ProviderError, match="not finished in 1 s") as caught:
        ask_fal(server, first_token_timeout_s=0.3, total_timeout_s=1, api_key="id:secret")

    assert caught.value.category == Category.TIMEOUT_TOTAL
    assert server.asked[-1] == "PUT /v1/fal-ai/any-llm/requests/r1/cancel"
    assert server.headers[-1]["authorization"] == "Key id:secret"


def test_a_request_is_not_cancelled_elsewhere(serve, ask_fal):
    server = serve(queued(cancel_url="http://127.0.0.1:1/cancel"), status("IN_QUEUE"))

    with pytest.raises(ProviderError, match="not finished in 1 s"):
        ask_fal(server, total_timeout_s=1)

    assert not any(asked.startswith("PUT") for asked in server.asked)


@pytest.mark.parametrize("field", ["status_url", "response_url"])
@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/x", "https://127.0.0.1:{port}/x", "http://u@127.0.0.1:{port}/x", "/x", 7, None]
)
def test_addresses_elsewhere_are_not_asked(serve, ask_fal, field, url):
    server = serve(queued(**{field: url}), COMPLETED, ANSWER)

    with pytest.raises(InvalidReply, match=field):
        ask_fal(server)

    assert len(server.requests) == 1


@pytest.mark.parametrize("script", [returns({}), returns([1]), refuses(200, "<html>")])
def test_rubbish_is_no_reply_of_fal(failure, script):
    assert failure(script).category == Category.INVALID_REPLY


def test_a_status_that_is_none_is_malformed(failure):
    assert failure(queued(), returns({"state": "ok"})).category == Category.INVALID_REPLY


def test_a_result_cut_short_is_truncated(failure):
    def cut(talk):
        talk.send(b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"output"')

    assert failure(queued(), COMPLETED, cut).category == Category.STREAM_TRUNCATED
