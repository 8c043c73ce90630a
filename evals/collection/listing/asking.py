"""Asks a provider for its list of models."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from arena.net.many import AsyncGuardedTransport
from evals.collection.endpoints import endpoint_of
from evals.collection.listing import anthropic, gemini, ollama, openai
from evals.collection.listing.reading import LIMITS, Listing
from evals.collection.providers import Endpoint, InvalidReply, NotAllowed, ProviderError
from evals.collection.providers.exchange import Exchange
from evals.models import Provider

__all__ = ["listed", "models_of", "note_on", "read_list", "why_no_list"]

log = logging.getLogger(__name__)

# Somebody waits for it. Hosted lists come in pages.
TOTAL_S = 15.0


class _Format(Protocol):
    async def __call__(
        self, exchange: Exchange, endpoint: Endpoint, *, only: frozenset[str] | None = None
    ) -> Listing: ...


_FORMATS: dict[str, _Format] = {
    Provider.Kind.OPENAI: openai.list_models,
    Provider.Kind.RESPONSES: openai.list_models,
    Provider.Kind.ANTHROPIC: anthropic.list_models,
    Provider.Kind.GEMINI: gemini.list_models,
    Provider.Kind.OLLAMA: ollama.list_models,
}
_WHY_NOT = {
    Provider.Kind.REPLICATE: (
        "Replicate's list holds every public model, and does not say which of them answer in text. Look for names at "
        "replicate.com/collections/language-models."
    ),
    Provider.Kind.FAL: (
        "fal's list of models is at another host than its queue, and the key is only sent to the queue. Look for names "
        "at fal.ai/models."
    ),
    Provider.Kind.LLAMA_CPP: "Its models are files on this machine: the form of a new contender lists them.",
    Provider.Kind.IMPORTED: "Its outputs were collected elsewhere: there is nothing to ask.",
}
_AZURE = (".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com")


def why_no_list(kind: str) -> str:
    """Why providers of this kind cannot be asked, and what to do; empty if they can."""
    return _WHY_NOT.get(Provider.Kind(kind), "")


def note_on(base_url: str) -> str:
    """What to know of this provider's list; empty for most."""
    if (urlsplit(base_url).hostname or "").endswith(_AZURE):
        return (
            "Azure lists the models that you could deploy, not your deployments. A contender is asked by its "
            "deployment's name: a model works where the two have the same name."
        )
    return ""


def models_of(provider: Provider, *, only: frozenset[str] | None = None) -> Listing:
    """Blocks for up to 15 s. `only`: names about which everything should be known. Raises ProviderError."""
    if words := why_no_list(provider.kind):
        raise NotAllowed(words)
    endpoint = endpoint_of(provider)
    limit = min(TOTAL_S, endpoint.total_timeout_s)
    endpoint = replace(endpoint, first_token_timeout_s=limit, total_timeout_s=limit)

    async def asked() -> Listing:
        async with AsyncGuardedTransport() as http:
            return await listed(http, provider.kind, endpoint, only=only)

    return asyncio.run(asked())


async def listed(
    http: httpx.AsyncBaseTransport, kind: str, endpoint: Endpoint, *, only: frozenset[str] | None = None
) -> Listing:
    """Within the endpoint's total time. Raises ProviderError alone, whatever the server says."""
    exchange = Exchange(http, endpoint, limits=LIMITS)
    return await exchange.run(read_list(exchange, kind, endpoint, only=only))


async def read_list(
    exchange: Exchange, kind: str, endpoint: Endpoint, *, only: frozenset[str] | None = None
) -> Listing:
    """As a part of an exchange under way."""
    try:
        return await _FORMATS[kind](exchange, endpoint, only=only)
    except ProviderError:
        raise
    except Exception as error:
        log.exception("A list of models was not understood.")
        raise InvalidReply(f"the list was not understood: {type(error).__name__}") from error
