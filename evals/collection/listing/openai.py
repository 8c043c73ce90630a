"""`GET {base_url}/models`, as OpenAI has it, and what others say beside its three fields.

Which fields: OpenRouter (`context_length`, `architecture`, `supported_parameters`, `pricing` in dollars a token), Groq
(`active`, `context_window`), Mistral (`capabilities`, `max_context_length`), Together (a bare list; `type`, `pricing`
in dollars per million tokens), Fireworks (`supports_chat`, `supports_tools`, `supports_image_input`), Kimi
(`supports_image_in`), Hugging Face (`providers`), Azure (`capabilities`), vLLM (`max_model_len`), llama.cpp (`meta`),
LM Studio (`/api/v0/models`: `type`, `max_context_length`, `capabilities`).
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

from evals.catalog.found import FoundModel
from evals.collection.listing.reading import (
    Listing,
    answers_in_text,
    document,
    gathered,
    members,
    positive,
    price,
    title_of,
    usable_name,
)
from evals.collection.providers.errors import ProviderError
from evals.collection.providers.exchange import Exchange
from evals.collection.providers.fields import object_in, objects_in, text_in
from evals.collection.providers.wire import Endpoint

__all__ = ["list_models", "owners", "parse", "parse_props"]

_NO_TEXT_TYPES = {"embedding", "embeddings", "image", "audio", "moderation", "rerank", "transcribe", "video", "speech"}
LM_STUDIO, LLAMA_CPP, VLLM = "organization_owner", "llamacpp", "vllm"


async def list_models(exchange: Exchange, endpoint: Endpoint, *, only: frozenset[str] | None = None) -> Listing:
    """`only` is of no use here: one answer says everything."""
    base_url = endpoint.base_url.rstrip("/")
    found = await document(exchange, endpoint, f"{base_url}/models")
    listing = parse(found)
    owned_by, root = owners(found), base_url.removesuffix("/v1")
    # Two servers say more at addresses of their own. What they do not say there is not missed.
    with suppress(ProviderError):
        if owned_by == {LM_STUDIO}:
            return parse(await document(exchange, endpoint, f"{root}/api/v0/models"))
        if owned_by == {LLAMA_CPP} and len(listing.models) == 1:
            props = parse_props(await document(exchange, endpoint, f"{root}/props"), listing.models[0])
            return replace(listing, models=(props,))
    return listing


def parse(found: Any) -> Listing:
    return gathered(_model(one) for one in members(found, "data", "models"))


def owners(found: Any) -> set[str]:
    """Who the listed models belong to, which is how local servers say what they are."""
    return {text_in(one, "owned_by") for one in objects_in(found, "data")} if isinstance(found, dict) else set()


def parse_props(found: Any, model: FoundModel) -> FoundModel:
    """llama.cpp's properties: the context that the server was started with, and whether its model sees images."""
    if not isinstance(found, dict):
        return model
    context = positive(object_in(found, "default_generation_settings").get("n_ctx"), model.context_tokens)
    sees = object_in(found, "modalities").get("vision") is True
    tools = object_in(found, "chat_template_caps").get("supports_tools") is True
    words = {*model.capabilities, *(["vision"] if sees else []), *(["tools"] if tools else [])}
    return replace(model, context_tokens=context, capabilities=_ordered(words))


def _model(one: dict[str, Any]) -> FoundModel | None:
    name = usable_name(one.get("id"))
    if name and not _answers(one, name):
        return None
    inward, outward = _prices(one)
    return FoundModel(
        model_name=name,
        title=title_of(one.get("display_name") or one.get("name")),
        capabilities=_ordered(_capabilities(one)),
        context_tokens=_context(one),
        usd_per_mtok_input=inward,
        usd_per_mtok_output=outward,
    )


def _answers(one: dict[str, Any], name: str) -> bool:
    """Only a clear no counts: an unknown type is shown, and the one who chooses knows better."""
    outputs = object_in(one, "architecture").get("output_modalities")
    if isinstance(outputs, list) and outputs:
        return "text" in outputs and one.get("active") is not False
    can = object_in(one, "capabilities")
    chats = [can[word] for word in ("completion_chat", "chat_completion") if isinstance(can.get(word), bool)]
    if text_in(one, "type").lower() in _NO_TEXT_TYPES or one.get("supports_chat") is False or chats == [False]:
        return False
    return one.get("active") is not False and answers_in_text(name)


def _capabilities(one: dict[str, Any]) -> Iterable[str]:
    can, listed = object_in(one, "capabilities"), one.get("capabilities")
    parameters, inputs = one.get("supported_parameters"), object_in(one, "architecture").get("input_modalities")
    words = set(_texts(listed)) | set(_texts(parameters)) | {f"sees {kind}" for kind in _texts(inputs)}
    providers = objects_in(one, "providers")
    if (
        words & {"tools", "tool_use"}
        or can.get("function_calling") is True
        or one.get("supports_tools") is True
        or (providers and all(each.get("supports_tools") is True for each in providers))
    ):
        yield "tools"
    if words & {"structured_outputs", "response_format"} or (
        providers and all(each.get("supports_structured_output") is True for each in providers)
    ):
        yield "json"
    if (
        words & {"sees image", "vision"}
        or can.get("vision") is True
        or text_in(one, "type") == "vlm"
        or one.get("supports_image_input") is True
        or one.get("supports_image_in") is True
    ):
        yield "vision"


def _context(one: dict[str, Any]) -> int | None:
    # The server's own limit before that of the model's training.
    names = ("context_length", "context_window", "max_model_len", "max_context_length")
    found = positive(*(one.get(name) for name in names), object_in(one, "meta").get("n_ctx"))
    if found is not None:
        return found
    # Hugging Face sends a call to any of them.
    lengths = [positive(each.get("context_length")) for each in objects_in(one, "providers")]
    known = [length for length in lengths if length is not None]
    return min(known) if known and len(known) == len(lengths) else None


def _prices(one: dict[str, Any]) -> tuple[Decimal | None, Decimal | None]:
    pricing = object_in(one, "pricing")
    if "prompt" in pricing:
        return price(pricing["prompt"], per_tokens=1), price(pricing.get("completion"), per_tokens=1)
    inward, outward = (price(pricing.get(name), per_tokens=1_000_000) for name in ("input", "output"))
    # Together writes 0 for what it sells by the hour.
    return inward or None, outward or None


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _ordered(words: Iterable[str]) -> tuple[str, ...]:
    found = set(words)
    return tuple(word for word in ("tools", "json", "vision") if word in found)
