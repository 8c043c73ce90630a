"""Clients of model providers: one per wire format, one Protocol, one error taxonomy. Nothing here touches the
database."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from evals.collection.providers.errors import (
    KeyRefused,
    LastingError,
    Lost,
    Malformed,
    NotAllowed,
    ProviderError,
    RequestRefused,
    TransientError,
    allowed_attempts,
    back_off,
)
from evals.collection.providers.openai import OpenAIFormat
from evals.collection.providers.prices import cost_usd
from evals.collection.providers.wire import Endpoint, Limits, Reply, Request, ToolCall, WireFormat
from evals.models import Provider

__all__ = [
    "Endpoint",
    "KeyRefused",
    "LastingError",
    "Limits",
    "Lost",
    "Malformed",
    "NotAllowed",
    "OpenAIFormat",
    "ProviderError",
    "Reply",
    "Request",
    "RequestRefused",
    "ToolCall",
    "TransientError",
    "WireFormat",
    "allowed_attempts",
    "back_off",
    "cost_usd",
    "wire_format",
]

_FORMATS: dict[str, Callable[[httpx.Client], WireFormat]] = {Provider.Kind.OPENAI: OpenAIFormat}


def wire_format(kind: str, http: httpx.Client) -> WireFormat:
    """The client for providers of this kind. Raises NotAllowed for one that cannot be asked."""
    try:
        return _FORMATS[kind](http)
    except KeyError:
        raise NotAllowed(f"providers of kind “{kind}” cannot be asked: their outputs are imported") from None
