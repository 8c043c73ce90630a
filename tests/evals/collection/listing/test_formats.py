"""What each kind of list says: documents as the providers' own pages show them, and as nobody should send them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from evals.catalog.found import FoundModel, default_slug
from evals.collection.listing import anthropic, gemini, ollama, openai
from evals.collection.listing.reading import MOST_MODELS, gathered, parsed
from evals.collection.providers import InvalidReply


def only(document: Any) -> FoundModel:
    (model,) = openai.parse(document).models
    return model


def test_openai_names_models_and_nothing_else():
    names = ["gpt-4.1-mini", "text-embedding-3-small", "whisper-1", "tts-1-hd", "dall-e-3", "gpt-image-1", "sora-2"]
    data = [{"id": name, "object": "model", "created": 1686935002, "owned_by": "system"} for name in names]

    listing = openai.parse({"object": "list", "data": data})

    assert listing.models == (FoundModel(model_name="gpt-4.1-mini"),)
    assert listing.no_text == 6


def test_openrouter_says_what_a_model_can_do_and_costs():
    found = only(
        {
            "data": [
                {
                    "id": "openai/gpt-4.1-mini",
                    "name": "OpenAI: GPT-4.1 Mini",
                    "context_length": 1047576,
                    "architecture": {"input_modalities": ["image", "text"], "output_modalities": ["text"]},
                    "pricing": {"prompt": "0.0000004", "completion": "0.0000016", "image": "0"},
                    "top_provider": {"context_length": 1047576, "max_completion_tokens": 32768},
                    "supported_parameters": ["max_tokens", "response_format", "structured_outputs", "tools"],
                }
            ]
        }
    )

    assert found == FoundModel(
        model_name="openai/gpt-4.1-mini",
        title="OpenAI: GPT-4.1 Mini",
        capabilities=("tools", "json", "vision"),
        context_tokens=1047576,
        usd_per_mtok_input=Decimal("0.4"),
        usd_per_mtok_output=Decimal("1.6"),
    )


def test_a_price_of_minus_one_is_not_known_and_one_of_nothing_is():
    router = only({"data": [{"id": "openrouter/auto", "pricing": {"prompt": "-1", "completion": "-1"}}]})
    free = only({"data": [{"id": "a/b:free", "pricing": {"prompt": "0", "completion": "0"}}]})
    by_the_hour = only([{"id": "a/b", "type": "chat", "pricing": {"input": 0, "output": 0}}])

    assert (router.usd_per_mtok_input, by_the_hour.usd_per_mtok_output) == (None, None)
    assert free.usd_per_mtok_input == 0


@pytest.mark.parametrize(
    ("entry", "capabilities", "tokens"),
    [
        # Groq
        ({"id": "llama-3.3-70b-versatile", "active": True, "context_window": 131072}, (), 131072),
        # Mistral
        (
            {"id": "mistral-small-latest", "max_context_length": 131072, "type": "base",
             "capabilities": {"completion_chat": True, "function_calling": True, "vision": True}},
            ("tools", "vision"),
            131072,
        ),
        # Together, whose list is bare
        ({"id": "openai/gpt-oss-20b", "type": "chat", "context_length": 131072}, (), 131072),
        # Fireworks
        (
            {"id": "accounts/fireworks/models/qwen3-vl", "supports_chat": True, "supports_image_input": True,
             "supports_tools": True, "context_length": 262144},
            ("tools", "vision"),
            262144,
        ),
        # Hugging Face sends a call to any of a model's providers
        (
            {"id": "a/b", "providers": [{"context_length": 131072, "supports_tools": True},
                                        {"context_length": 32768, "supports_tools": False}]},
            (),
            32768,
        ),
        # vLLM
        ({"id": "Qwen/Qwen3-8B", "owned_by": "vllm", "max_model_len": 40960}, (), 40960),
        # llama.cpp
        ({"id": "m.gguf", "owned_by": "llamacpp", "meta": {"n_ctx": 8192, "n_ctx_train": 131072}}, (), 8192),
        # LM Studio's own API
        (
            {"id": "qwen2-vl-7b-instruct", "type": "vlm", "max_context_length": 32768, "capabilities": ["tool_use"]},
            ("tools", "vision"),
            32768,
        ),
    ],
)  # fmt: skip
def test_what_others_say_beside_the_name(entry: dict[str, Any], capabilities: tuple[str, ...], tokens: int):
    found = only([entry])

    assert (found.model_name, found.capabilities, found.context_tokens) == (entry["id"], capabilities, tokens)


@pytest.mark.parametrize(
    "entry",
    [
        {"id": "llama-guard", "active": False},
        {"id": "m", "type": "embeddings"},
        {"id": "m", "type": "image"},
        {"id": "m", "supports_chat": False},
        {"id": "m", "capabilities": {"completion_chat": False}},
        {"id": "m", "capabilities": {"chat_completion": False, "embeddings": True}},
        {"id": "m", "architecture": {"output_modalities": ["image"]}},
    ],
)
def test_what_says_that_it_gives_no_text_is_counted(entry: dict[str, Any]):
    listing = openai.parse({"data": [entry, {"id": "fine"}]})

    assert ([one.model_name for one in listing.models], listing.no_text) == (["fine"], 1)


def test_anthropic():
    (found,) = anthropic.parse(
        {
            "data": [
                {
                    "type": "model",
                    "id": "claude-sonnet-4-5-20250929",
                    "display_name": "Claude Sonnet 4.5",
                    "created_at": "2025-09-29T00:00:00Z",
                    "max_input_tokens": 200000,
                    "capabilities": {"image_input": {"supported": True}, "structured_outputs": {"supported": True}},
                }
            ],
            "has_more": False,
            "first_id": "claude-sonnet-4-5-20250929",
            "last_id": "claude-sonnet-4-5-20250929",
        }
    )

    assert found == FoundModel(
        model_name="claude-sonnet-4-5-20250929",
        title="Claude Sonnet 4.5",
        capabilities=("json", "vision"),
        context_tokens=200000,
    )


def test_gemini():
    found = gemini.parse(
        {
            "models": [
                {
                    "name": "models/gemini-2.5-flash",
                    "displayName": "Gemini 2.5 Flash",
                    "inputTokenLimit": 1048576,
                    "supportedGenerationMethods": ["generateContent", "countTokens"],
                },
                {"name": "models/text-embedding-004", "supportedGenerationMethods": ["embedContent"]},
                {"name": "tunedModels/ours-42", "supportedGenerationMethods": ["generateContent"]},
            ]
        }
    )

    assert [one and one.model_name for one in found] == ["gemini-2.5-flash", None, "tunedModels/ours-42"]
    assert found[0].context_tokens == 1048576
    assert gemini.parse({}) == []


def test_ollama():
    listing = ollama.parse_tags(
        {
            "models": [
                {"name": "llama3.2:3b", "model": "llama3.2:3b", "size": 2019393189,
                 "details": {"family": "llama", "parameter_size": "3.2B", "quantization_level": "Q4_K_M"}},
                {"name": "nomic-embed-text:latest", "model": "nomic-embed-text:latest", "details": {}},
            ]
        }
    )  # fmt: skip
    (model,) = listing.models
    shown = ollama.parse_show(
        {"capabilities": ["completion", "tools"], "model_info": {"llama.context_length": 131072}}, model
    )

    assert (model.model_name, model.title, listing.no_text) == ("llama3.2:3b", "3.2B Q4_K_M", 1)
    assert (shown.capabilities, shown.context_tokens) == (("tools",), 131072)
    assert ollama.parse_show({"capabilities": ["embedding"]}, model) is None


def test_llama_cpp_says_more_of_itself():
    props = {
        "default_generation_settings": {"n_ctx": 65536},
        "modalities": {"vision": True, "audio": False},
        "chat_template_caps": {"supports_tools": True},
    }

    found = openai.parse_props(props, FoundModel(model_name="m.gguf"))

    assert (found.capabilities, found.context_tokens) == (("tools", "vision"), 65536)


@pytest.mark.parametrize(
    "document",
    [{}, {"error": "Unexpected endpoint"}, {"data": "x"}, {"data": {"id": "m"}}, "text", 7, None, True],
)
def test_what_holds_no_list_is_refused(document: Any):
    with pytest.raises(InvalidReply, match="no list of models"):
        openai.parse(document)


def test_a_server_without_models_has_an_empty_list():
    assert openai.parse({"object": "list", "data": None}).models == ()


@pytest.mark.parametrize(
    "text", ["", "<html>", "[" * 100_000, '{"data": [{"id": "m"', '{"data": [' + "1" * 5000 + "]}"]
)
def test_what_is_no_json_is_refused(text: str):
    with pytest.raises(InvalidReply):
        parsed(text)


def test_names_that_cannot_be_asked_for_are_counted_and_never_shown():
    names: list[Any] = ["a\nb", "a\x00b", "\u202egpt", " a", "a" * 256, "", None, 7, ["a"], {"a": 1}, "\ud800"]

    listing = openai.parse({"data": [*({"id": name} for name in names), "text", 7, {"id": "fine"}]})

    assert [one.model_name for one in listing.models] == ["fine"]
    assert listing.unusable == len(names)


@pytest.mark.parametrize("value", [-1, 0, True, "131072", 1e9, 2**31, None, [], {}])
def test_an_odd_context_is_unknown(value: Any):
    assert only({"data": [{"id": "m", "context_length": value}]}).context_tokens is None


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999999", "-1", "free", True, None, [], "9" * 5000])
def test_an_odd_price_is_unknown(value: Any):
    found = only({"data": [{"id": "m", "pricing": {"prompt": value, "completion": value}}]})

    assert (found.usd_per_mtok_input, found.usd_per_mtok_output) == (None, None)


def test_odd_fields_of_every_kind_are_taken_for_absent():
    odd = ("architecture", "capabilities", "pricing", "providers", "supported_parameters", "meta", "type", "name")
    for value in (7, "text", [7], {"x": 7}, None, True, [[]], [{}]):
        assert only({"data": [{"id": "m"} | dict.fromkeys(odd, value)]}).model_name == "m"


def test_a_name_listed_twice_is_one_model_and_an_endless_list_is_cut_and_says_so():
    assert len(openai.parse({"data": [{"id": "m"}, {"id": "m"}]}).models) == 1

    listing = gathered(FoundModel(model_name=f"m{n}") for n in range(MOST_MODELS + 5))

    assert (len(listing.models), listing.cut) == (MOST_MODELS, True)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("gpt-4.1-mini", "gpt-4.1-mini"),
        ("meta-llama/llama-3.3-70b-instruct", "llama-3.3-70b-instruct"),
        ("accounts/fireworks/models/gpt-oss-20b", "gpt-oss-20b"),
        ("llama3.2:latest", "llama3.2"),
        ("llama3.2:3b", "llama3.2-3b"),
        ("models/gemma-4-12B-it-Q8_0.gguf", "gemma-4-12b-it-q8_0"),
        ("a/", "a"),
        ("///", "b01a6c05"),
    ],
)
def test_a_contender_is_named_after_its_model(name: str, slug: str):
    assert default_slug(name) == slug or (name == "///" and default_slug(name).isalnum())
