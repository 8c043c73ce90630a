"""Asking a server for its list, over real HTTP: which addresses, with which key, page by page, and when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from arena.net.many import AsyncGuardedTransport
from evals.collection.listing.asking import listed, note_on, why_no_list
from evals.collection.listing.local import survey
from evals.collection.listing.reading import Listing
from evals.collection.providers import Endpoint, ProviderError
from evals.models import Provider
from tests.servers import Misbehaving, misbehaving, refuses, returns, routes, says

Kind = Provider.Kind


@pytest.fixture
def serve(settings: Any) -> Iterator[Callable[..., Misbehaving]]:
    """`serve({path: document})`: a server on loopback that Arena may ask."""
    settings.ARENA_OUTBOUND_ALLOW, settings.LOCAL_LOOK_S = [], 30
    with ExitStack() as stack:

        def call(documents: Any) -> Misbehaving:
            script = documents if callable(documents) else routes(documents)
            server = stack.enter_context(misbehaving(script))
            settings.ARENA_OUTBOUND_ALLOW = [*settings.ARENA_OUTBOUND_ALLOW, f"127.0.0.1:{server.port}"]
            return server

        yield call


def ask(kind: str, base_url: str, *, within_s: float = 20, only: frozenset[str] | None = None) -> Listing:
    endpoint = Endpoint(base_url, "the-key", first_token_timeout_s=within_s, total_timeout_s=within_s)

    async def asked() -> Listing:
        async with AsyncGuardedTransport() as http:
            return await listed(http, kind, endpoint, only=only)

    return asyncio.run(asked())


def names(listing: Listing) -> list[str]:
    return [one.model_name for one in listing.models]


@pytest.mark.parametrize("kind", [Kind.OPENAI, Kind.RESPONSES])
def test_openai(serve, kind: str):
    server = serve({"/v1/models": {"data": [{"id": "gpt-x"}]}})

    assert names(ask(kind, server.base_url)) == ["gpt-x"]
    assert server.headers[0]["authorization"] == "Bearer the-key"


def test_anthropic_page_by_page(serve):
    server = serve(
        {
            "/v1/models?limit=1000": {"data": [{"id": "a"}], "has_more": True, "last_id": "a=1"},
            "/v1/models?limit=1000&after_id=a%3D1": {"data": [{"id": "b"}], "has_more": False, "last_id": "b"},
        }
    )

    assert names(ask(Kind.ANTHROPIC, server.base_url)) == ["a", "b"]
    assert {(one["x-api-key"], one["anthropic-version"]) for one in server.headers} == {("the-key", "2023-06-01")}


def test_gemini_page_by_page(serve):
    can = {"supportedGenerationMethods": ["generateContent"]}
    server = serve(
        {
            "/v1/models?pageSize=1000": {"models": [{"name": "models/a", **can}], "nextPageToken": "t=2"},
            "/v1/models?pageSize=1000&pageToken=t%3D2": {"models": [{"name": "models/b", **can}]},
        }
    )

    assert names(ask(Kind.GEMINI, server.base_url)) == ["a", "b"]
    assert {one["x-goog-api-key"] for one in server.headers} == {"the-key"}


def test_pages_without_end_are_cut_and_said_to_be(serve):
    def page(talk: Any) -> dict[str, Any]:
        n = len(server.asked)
        return {"models": [{"name": f"models/{n}"}], "nextPageToken": str(n)}

    server = serve({"/v1/models": page})
    listing = ask(Kind.GEMINI, server.base_url)

    assert (len(listing.models), listing.cut) == (50, True)


def test_a_page_that_leads_to_itself_is_the_last(serve):
    server = serve({"/v1/models": {"data": [{"id": "a"}], "has_more": True, "last_id": "a"}})

    assert names(ask(Kind.ANTHROPIC, server.base_url)) == ["a"]
    assert len(server.asked) == 2


def test_ollama_is_asked_about_each_model(serve):
    def show(talk: Any) -> dict[str, Any]:
        embeds = talk.body["model"] == "bge-m3"
        return {"capabilities": ["embedding"] if embeds else ["completion", "vision"]}

    server = serve({"/api/tags": {"models": [{"model": "gemma3:4b"}, {"model": "bge-m3"}]}, "/api/show": show})
    listing = ask(Kind.OLLAMA, f"{server.origin}/v1")

    assert [(one.model_name, one.capabilities) for one in listing.models] == [("gemma3:4b", ("vision",))]
    assert listing.no_text == 1
    assert len(ask(Kind.OLLAMA, server.origin, only=frozenset(["gemma3:4b"])).models) == 2
    assert server.asked.count("POST /api/show") == 3


def test_an_ollama_that_says_nothing_of_its_models_has_them_all_the_same(serve):
    server = serve({"/api/tags": {"models": [{"name": "old:7b"}]}})

    assert names(ask(Kind.OLLAMA, server.origin)) == ["old:7b"]


@pytest.mark.parametrize(
    ("script", "category"),
    [
        (refuses(401, {"error": {"message": "Incorrect API key provided: the-key"}}), "auth"),
        (refuses(404), "model_not_found"),
        (refuses(302, Location="http://10.0.0.1/"), "not_allowed"),
        (refuses(503), "overloaded"),
        (returns({"object": "list"}), "invalid_reply"),
        (says(b"<html>", head=b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n"), "invalid_reply"),
    ],
)
def test_a_refusal_is_one_of_the_errors_and_never_repeats_the_key(serve, script: Any, category: str):
    with pytest.raises(ProviderError) as caught:
        ask(Kind.OPENAI, serve(script).base_url)

    assert caught.value.category == category
    assert "the-key" not in caught.value.detail


def test_a_body_without_end_is_cut_off(serve):
    def endless(talk: Any) -> None:
        while talk.send(b" " * 65536):
            pass

    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    with pytest.raises(ProviderError, match="longer than"):
        ask(Kind.OPENAI, serve(lambda talk: (talk.send(head), endless(talk))).base_url)


def test_a_server_that_keeps_us_waiting_is_left(serve):
    with pytest.raises(ProviderError, match=r"not finished in 0\.2 s"):
        ask(Kind.OPENAI, serve(lambda talk: talk.pause(30)).base_url, within_s=0.2)


def test_those_without_a_list_say_why():
    assert "replicate.com" in why_no_list(Kind.REPLICATE)
    assert "fal.ai" in why_no_list(Kind.FAL)
    asked = (Kind.OPENAI, Kind.RESPONSES, Kind.ANTHROPIC, Kind.GEMINI, Kind.OLLAMA)
    assert [kind for kind in Kind if not why_no_list(kind)] == list(asked)


def test_azure_lists_models_and_not_deployments():
    assert "deployment" in note_on("https://ours.openai.azure.com/openai/v1")
    assert note_on("https://openai.azure.com.example/v1") == ""


OLLAMA = {"/api/tags": {"models": [{"model": "llama3.2:3b"}]}, "/v1/models": {"data": None}}
LM_STUDIO = {
    "/v1/models": {"data": [{"id": "qwen2-vl", "owned_by": "organization_owner"}]},
    "/api/v0/models": {"data": [{"id": "qwen2-vl", "type": "vlm", "max_context_length": 32768}]},
}
LLAMA_CPP = {
    "/v1/models": {"data": [{"id": "m.gguf", "owned_by": "llamacpp"}], "models": [{"model": "m.gguf"}]},
    "/api/tags": {"models": [{"model": "m.gguf"}]},
    "/props": {"default_generation_settings": {"n_ctx": 4096}},
}
VLLM = {"/v1/models": {"data": [{"id": "Qwen/Qwen3-8B", "owned_by": "vllm", "max_model_len": 40960}]}}
SOMETHING = {"/v1/models": {"data": [{"id": "m", "owned_by": "sglang"}]}}


def test_local_servers_are_known_by_what_they_say(serve):
    places = [f"127.0.0.1:{serve(one).port}" for one in (OLLAMA, LM_STUDIO, LLAMA_CPP, VLLM, SOMETHING)]

    found = {str(one.place): one for one in survey().found}

    assert [(found[place].slug, found[place].fields.kind, found[place].fields.base_url) for place in places] == [
        ("ollama", "ollama", f"http://{places[0]}"),
        ("lm-studio", "openai", f"http://{places[1]}/v1"),
        ("llama-cpp", "openai", f"http://{places[2]}/v1"),
        ("vllm", "openai", f"http://{places[3]}/v1"),
        (f"local-{places[4].partition(':')[2]}", "openai", f"http://{places[4]}/v1"),
    ]
    contexts = [found[place].listing.models[0].context_tokens for place in places]
    assert contexts == [None, 32768, 4096, 40960, None]
    assert {one.fields.locality for one in found.values()} == {"local"}


@pytest.mark.parametrize(
    "documents",
    [
        {},
        {"/v1/models": {"detail": "Not found"}},
        {"/healthz": {"status": "ok"}},
        refuses(404, "<html>Arena</html>"),
        refuses(403),
        says(b"SSH-2.0-OpenSSH_9.2\r\n", head=b""),
        lambda talk: talk.reset(),
    ],
)
def test_what_is_no_model_server_is_not_taken_for_one(serve, documents: Any):
    server = serve(documents)

    seen = survey(only=f"127.0.0.1:{server.port}")

    assert (seen.found, [one.port for one in seen.silent]) == ((), [server.port])


def test_a_place_that_is_not_allowed_is_not_asked_and_is_said_to_be(settings: Any):
    settings.ARENA_OUTBOUND_ALLOW = ["10.0.0.5:8000"]

    seen = survey()

    assert [(one.usual, one.port) for one in seen.closed] == [
        ("Ollama", 11434),
        ("LM Studio", 1234),
        ("llama.cpp", 8080),
        ("vLLM", 8000),
    ]
    assert seen.allow.startswith("10.0.0.5:8000,127.0.0.1:11434,127.0.0.1:1234")


def test_a_place_is_asked_by_the_name_that_is_allowed(serve, settings):
    port = serve(VLLM).port
    settings.ARENA_OUTBOUND_ALLOW = [f"localhost:{port}"]

    assert [one.fields.base_url for one in survey().found] == [f"http://localhost:{port}/v1"]


def test_arena_does_not_ask_itself(serve):
    server = serve(VLLM)

    assert survey(only=f"127.0.0.1:{server.port}", except_port=server.port).found == ()
    assert server.connections == 0


def test_a_server_that_says_nothing_is_left_and_the_others_are_looked_for_beside_it(serve, settings):
    silent, other = serve(lambda talk: talk.pause(30)), serve(VLLM)
    settings.LOCAL_LOOK_S = 1

    seen = survey()

    assert silent.port in [one.port for one in seen.silent]
    assert other.connections >= 1
