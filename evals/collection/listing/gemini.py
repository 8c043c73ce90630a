"""Gemini's `GET {base_url}/models`, in pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from evals.catalog.found import FoundModel
from evals.collection.listing.reading import (
    MOST_MODELS,
    MOST_PAGES,
    Listing,
    answers_in_text,
    document,
    gathered,
    members,
    positive,
    title_of,
    usable_name,
)
from evals.collection.providers.exchange import Exchange
from evals.collection.providers.fields import text_in
from evals.collection.providers.wire import Endpoint

__all__ = ["list_models", "parse"]


async def list_models(exchange: Exchange, endpoint: Endpoint, *, only: frozenset[str] | None = None) -> Listing:
    headers = {"x-goog-api-key": endpoint.api_key} if endpoint.api_key else {}
    url = f"{endpoint.base_url.rstrip('/')}/models?pageSize=1000"
    token = ""
    models: list[FoundModel | None] = []
    for _ in range(MOST_PAGES):
        page = await document(exchange, endpoint, url + (f"&pageToken={quote(token, safe='')}" if token else ""),
                              headers=headers)  # fmt: skip
        models += parse(page)
        following = text_in(page, "nextPageToken") if isinstance(page, dict) else ""
        if not following or following == token or len(models) > MOST_MODELS:
            return gathered(models)
        token = following
    return Listing(gathered(models).models, cut=True)


def parse(page: Any) -> list[FoundModel | None]:
    """The last page may have no `models` at all."""
    return [_model(one) for one in members({"models": None} | page if isinstance(page, dict) else page, "models")]


def _model(one: dict[str, Any]) -> FoundModel | None:
    name = usable_name(one.get("name")).removeprefix("models/")
    methods = one.get("supportedGenerationMethods")
    if name and isinstance(methods, list) and "generateContent" not in methods:
        return None
    if name and not answers_in_text(name):
        return None
    return FoundModel(
        model_name=name, title=title_of(one.get("displayName")), context_tokens=positive(one.get("inputTokenLimit"))
    )
