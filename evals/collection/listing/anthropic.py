"""Anthropic's `GET {base_url}/models`, in pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from evals.catalog.found import FoundModel
from evals.collection.listing.reading import (
    MOST_MODELS,
    MOST_PAGES,
    Listing,
    document,
    gathered,
    members,
    positive,
    title_of,
    usable_name,
)
from evals.collection.providers.exchange import Exchange
from evals.collection.providers.fields import object_in, text_in
from evals.collection.providers.wire import Endpoint

__all__ = ["list_models", "parse"]

_VERSION = "2023-06-01"


async def list_models(exchange: Exchange, endpoint: Endpoint, *, only: frozenset[str] | None = None) -> Listing:
    headers = {"anthropic-version": _VERSION}
    if endpoint.api_key:
        headers["x-api-key"] = endpoint.api_key
    url = f"{endpoint.base_url.rstrip('/')}/models?limit=1000"
    after, models = "", []
    for _ in range(MOST_PAGES):
        page = await document(exchange, endpoint, url + (f"&after_id={quote(after, safe='')}" if after else ""),
                              headers=headers)  # fmt: skip
        models += list(parse(page))
        last = text_in(page, "last_id") if isinstance(page, dict) else ""
        if not last or last == after or page.get("has_more") is not True or len(models) > MOST_MODELS:
            return gathered(models)
        after = last
    return Listing(gathered(models).models, cut=True)


def parse(page: Any) -> list[FoundModel]:
    return [_model(one) for one in members(page, "data")]


def _model(one: dict[str, Any]) -> FoundModel:
    can = object_in(one, "capabilities")
    words = (("json", "structured_outputs"), ("vision", "image_input"))
    return FoundModel(
        model_name=usable_name(one.get("id")),
        title=title_of(one.get("display_name")),
        capabilities=tuple(word for word, theirs in words if object_in(can, theirs).get("supported") is True),
        context_tokens=positive(one.get("max_input_tokens")),
    )
