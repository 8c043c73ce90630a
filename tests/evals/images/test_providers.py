"""Images of a task reach each wire format in its own form, and images that models make come back from each."""

from __future__ import annotations

import base64
import json

import pytest

from evals.collection.providers import Limits, ProviderError
from evals.collection.providers.anthropic import AnthropicMessages
from evals.collection.providers.chat_completions import ChatCompletions
from evals.collection.providers.errors import EmptyAnswer, NotText, TooLarge
from evals.collection.providers.fal import FalQueue
from evals.collection.providers.gemini import Gemini
from evals.collection.providers.ollama import Ollama
from evals.collection.providers.replicate import Replicate
from evals.collection.providers.responses import Responses
from tests.evals.collection.providers.conftest import ask, ask_anywhere, serve  # noqa: F401 (fixtures)
from tests.servers import ANSWER, DONE, OK, chunk, event, line, refuses, returns, says, usage

from .pictures import BLUE, picture

DATA = picture()
TEXT = base64.b64encode(DATA).decode()
URL = f"data:image/png;base64,{TEXT}"
ASKED = (
    {
        "role": "user",
        "content": [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": URL}}],
    },
)
FORMATS = [
    (ChatCompletions, says(ANSWER), {"type": "image_url", "image_url": {"url": URL}}),
    (
        Responses,
        returns({"object": "response", "status": "completed", "output": [
            {"type": "message", "content": [{"type": "output_text", "text": "A stone."}]}]}),
        {"type": "input_image", "image_url": URL},
    ),
    (
        AnthropicMessages,
        returns({"type": "message", "content": [{"type": "text", "text": "A stone."}], "stop_reason": "end_turn"}),
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": TEXT}},
    ),
    (
        Gemini,
        returns({"candidates": [{"content": {"parts": [{"text": "A stone."}]}, "finishReason": "STOP"}]}),
        {"inlineData": {"mimeType": "image/png", "data": TEXT}},
    ),
    (
        Ollama,
        says(line({"message": {"content": "A stone."}, "done": True, "done_reason": "stop"})),
        [TEXT],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("wire", "script", "sent"), FORMATS, ids=lambda one: getattr(one, "__name__", ""))
def test_an_image_is_sent_in_the_formats_own_form(serve, ask, wire, script, sent):  # noqa: F811
    server = serve(script)

    reply = ask(server.base_url, wire=wire, messages=ASKED)

    assert reply.text
    assert json.dumps(sent)[1:-1] in json.dumps(server.requests[0])


@pytest.mark.parametrize("wire", [Replicate, FalQueue])
def test_formats_that_take_a_prompt_refuse_images(serve, ask, wire):  # noqa: F811
    server = serve(returns({}))

    with pytest.raises(ProviderError, match="cannot hold images"):
        ask(server.base_url, wire=wire, messages=ASKED, model="owner/name")

    assert server.requests == []


def streamed(*documents):
    return says(*(event(document) for document in documents))


def response(*items):
    return {"type": "response.completed", "response": {"status": "completed", "output": list(items)}}


DRAWN = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": TEXT}
INLINE = [
    (ChatCompletions, says(chunk(images=[{"type": "image_url", "image_url": {"url": URL}}]),
                           chunk(finish="stop"), usage(5, 1290), DONE)),
    (ChatCompletions, returns({"choices": [{"message": {"content": "", "images": [{"image_url": {"url": URL}}]},
                                            "finish_reason": "stop"}]})),
    (ChatCompletions, says(chunk([{"type": "image_url", "image_url": URL}]), chunk(finish="stop"), DONE)),
    (Gemini, streamed({"candidates": [{"content": {"parts": [
        {"inlineData": {"data": base64.b64encode(picture(color=BLUE)).decode()}, "thought": True}]}}]},
        {"candidates": [{"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": TEXT}}]},
                         "finishReason": "STOP"}]})),
    (Responses, streamed({"type": "response.image_generation_call.partial_image", "partial_image_b64": "AAAA"},
                         {"type": "response.output_item.done", "output_index": 0, "item": DRAWN}, response(DRAWN))),
]  # fmt: skip


@pytest.mark.parametrize(("wire", "script"), INLINE)
def test_an_image_inline_is_the_answer(serve, ask, wire, script):  # noqa: F811
    reply = ask(serve(script).base_url, wire=wire)

    assert (reply.text, reply.images, reply.finish_reason) == ("", (DATA,), "stop")


def test_an_image_of_several_megabytes_fits_into_an_event(serve, ask):  # noqa: F811
    big = base64.b64encode(bytes(range(256)) * 20_000).decode()
    part = {"inlineData": {"data": big}}
    document = {"candidates": [{"content": {"parts": [{"text": "Here:"}, part]}, "finishReason": "STOP"}]}

    reply = ask(serve(streamed(document)).base_url, wire=Gemini)

    assert (reply.text, len(reply.images[0])) == ("Here:", 256 * 20_000)


def file(data=DATA, *, head=b"Content-Type: text/html\r\n"):
    length = b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n" % (head, len(data))
    return says(data, head=length)


def drawn(output):
    """A script: a prediction that has ended. `{origin}` in the output becomes the server's own address."""

    def script(talk):
        origin = f"http://{talk.headers['host']}"
        text = json.dumps({"status": "succeeded", "output": output, "metrics": {}}).replace("{origin}", origin)
        returns(json.loads(text))(talk)

    return script


@pytest.fixture
def ask_replicate(serve, ask):  # noqa: F811
    def call(*scripts, **options):
        server = serve(*scripts)
        return server, ask(server.base_url, wire=Replicate, model="stability-ai/sdxl", **options)

    return call


def test_replicates_files_are_fetched_once_and_without_the_key(ask_replicate):
    server, reply = ask_replicate(
        drawn(["{origin}/out-0.png", "{origin}/out-1.webp"]), file(), file(picture(color=BLUE)), api_key="r8-secret"
    )

    assert (reply.text, reply.images) == ("", (DATA, picture(color=BLUE)))
    assert reply.usage.cost_usd is None
    assert [asked.partition(" ")[2] for asked in server.asked[1:]] == ["/out-0.png", "/out-1.webp"]
    assert "authorization" in server.headers[0]
    assert not any("authorization" in headers for headers in server.headers[1:])


def test_a_fetch_that_breaks_is_tried_again_and_the_model_is_not(ask_replicate):
    server, reply = ask_replicate(
        drawn("{origin}/a.png"),
        says(DATA[:20], head=b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"),
        refuses(503, "busy"),
        file(),
    )

    assert reply.images == (DATA,)
    assert [asked.partition(" ")[0] for asked in server.asked] == ["POST", "GET", "GET", "GET"]


@pytest.mark.parametrize(
    ("output", "scripts", "kind", "words"),
    [
        ("{origin}/a.png", [refuses(404, "gone")], NotText, "could not be fetched: 404"),
        ("{origin}/a.png", [refuses(302, "", Location="http://127.0.0.1:1/")], NotText, "could not be fetched: 302"),
        ("{origin}/a.png", [file(bytes(5000))], TooLarge, "an image is larger than 1,000 bytes"),
        ("https://evil.example/a.png", [], NotText, "a file at evil.example, which was not fetched"),
        ("http://169.254.169.254/a.png", [], NotText, "169.254.169.254, which was not fetched"),
        ("{origin}/a.mp4", [], NotText, "a file that is not an image"),
        ("data:image/svg+xml,<svg/>", [], NotText, "not base64"),
        (["{origin}/" + f"{n}.png" for n in range(9)], [file()], TooLarge, "more than 8 images"),
    ],
)  # fmt: skip
def test_what_cannot_be_fetched_is_not_asked_for_again(ask_replicate, output, scripts, kind, words):
    with pytest.raises(ProviderError, match=words) as caught:
        ask_replicate(drawn(output), *scripts, limits=Limits(image_bytes=1000))

    assert type(caught.value) is kind


def test_a_slow_file_ends_with_the_calls_time(ask_replicate):
    def drips(talk):
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
        talk.drip(b"x" * 9999, 0.05)

    with pytest.raises(ProviderError, match=r"not finished in 0\.3 s"):
        ask_replicate(drawn("{origin}/a.png"), drips, total_timeout_s=0.3, first_token_timeout_s=0.3)


def test_fals_images(serve, ask):  # noqa: F811
    def queued(talk):
        base = f"http://{talk.headers['host']}/v1/fal-ai/flux/requests/r1"
        returns({"status": "IN_QUEUE", "status_url": f"{base}/status", "response_url": base})(talk)

    def result(talk):
        url = f"http://{talk.headers['host']}/files/a.jpg"
        returns({"images": [{"url": url, "content_type": "image/jpeg", "width": 8}], "seed": 7, "prompt": "a cat"})(
            talk
        )

    server = serve(queued, returns({"status": "COMPLETED"}), result, file(), returns({}))

    reply = ask(server.base_url, wire=FalQueue, model="fal-ai/flux/schnell", api_key="id:secret")

    assert (reply.text, reply.images) == ("", (DATA,))
    assert "authorization" not in server.headers[3]


def test_an_answer_without_anything_is_still_empty(serve, ask):  # noqa: F811
    with pytest.raises(EmptyAnswer):
        ask(serve(says(chunk(images=[]), chunk(finish="stop"), DONE)).base_url)


def test_headers_of_the_answer_do_not_decide(ask_replicate):
    """The bytes do, once they are decoded: here they are called HTML."""
    _, reply = ask_replicate(drawn("{origin}/a.png"), file(head=b"Content-Type: text/html\r\n"))

    assert reply.images == (DATA,)
    assert OK.startswith(b"HTTP")
