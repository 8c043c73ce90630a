"""Ollama's `GET /api/tags`, and `POST /api/show` for what each model can do."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

from evals.catalog.found import FoundModel
from evals.collection.listing.reading import (
    Listing,
    answers_in_text,
    document,
    gathered,
    members,
    parsed,
    positive,
    title_of,
    usable_name,
)
from evals.collection.providers.errors import ProviderError
from evals.collection.providers.exchange import Exchange, Outgoing
from evals.collection.providers.fields import object_in
from evals.collection.providers.wire import Endpoint

__all__ = ["list_models", "parse_show", "parse_tags"]

# Each model is asked about by itself: so many of them, so many at a time, and for no longer than this part of the time.
_ASKED_ABOUT = 60
_AT_ONCE = 8
_PART = 0.4


async def list_models(exchange: Exchange, endpoint: Endpoint, *, only: frozenset[str] | None = None) -> Listing:
    """`only` names the models whose details are asked for."""
    root = endpoint.base_url.rstrip("/").removesuffix("/v1")
    listing = parse_tags(await document(exchange, endpoint, f"{root}/api/tags"))
    wanted = [one for one in listing.models if only is None or one.model_name in only][:_ASKED_ABOUT]
    shown: dict[str, Any] = {}
    gate = asyncio.Semaphore(_AT_ONCE)

    async def show(model: FoundModel) -> None:
        headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
        outgoing = Outgoing(f"{root}/api/show", headers, {"model": model.model_name})
        async with gate:
            with suppress(ProviderError):
                shown[model.model_name] = parsed(await exchange.text(outgoing))

    with suppress(TimeoutError):
        async with asyncio.timeout(_PART * endpoint.total_timeout_s):
            await asyncio.gather(*(show(one) for one in wanted))
    detailed = [parse_show(shown[one.model_name], one) if one.model_name in shown else one for one in listing.models]
    found = gathered(detailed)
    return replace(found, no_text=found.no_text + listing.no_text, unusable=listing.unusable, cut=listing.cut)


def parse_tags(found: Any) -> Listing:
    return gathered(_model(one) for one in members(found, "models"))


def parse_show(found: Any, model: FoundModel) -> FoundModel | None:
    """None for a model that answers nothing, such as one for embeddings."""
    if not isinstance(found, dict):
        return model
    can = found.get("capabilities")
    if isinstance(can, list) and can and "completion" not in can:
        return None
    words = tuple(word for word in ("tools", "vision") if isinstance(can, list) and word in can)
    info = object_in(found, "model_info")
    lengths = (value for name, value in info.items() if name.endswith(".context_length"))
    return replace(model, capabilities=words, context_tokens=positive(*lengths))


def _model(one: dict[str, Any]) -> FoundModel | None:
    name = usable_name(one.get("model") or one.get("name"))
    if name and not answers_in_text(name):
        return None
    details = object_in(one, "details")
    size, quantised = details.get("parameter_size"), details.get("quantization_level")
    return FoundModel(model_name=name, title=title_of(" ".join(part for part in (size, quantised) if
                                                              isinstance(part, str))))  # fmt: skip
