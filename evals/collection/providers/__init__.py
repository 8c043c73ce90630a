"""Clients of model providers: one per wire format, one Protocol, one error taxonomy. Nothing here touches the
database."""

from __future__ import annotations

from functools import lru_cache

from evals.collection.providers.anthropic import AnthropicMessages
from evals.collection.providers.chat_completions import ChatCompletions
from evals.collection.providers.errors import (
    InternalError,
    InvalidReply,
    KeyRefused,
    LastingError,
    Lost,
    NotAllowed,
    NotText,
    ProviderError,
    RequestRefused,
    TransientError,
    allowed_attempts,
    back_off,
)
from evals.collection.providers.fal import FalQueue
from evals.collection.providers.gemini import Gemini
from evals.collection.providers.llama_cpp import LlamaCpp
from evals.collection.providers.ollama import Ollama
from evals.collection.providers.prices import UNKNOWN, Cost, cost_of
from evals.collection.providers.replicate import Replicate
from evals.collection.providers.responses import Responses
from evals.collection.providers.usage import Usage
from evals.collection.providers.wire import Endpoint, Limits, Reply, Request, ToolCall, WireFormat
from evals.models import Provider

__all__ = [
    "UNKNOWN",
    "Cost",
    "Endpoint",
    "InternalError",
    "InvalidReply",
    "KeyRefused",
    "LastingError",
    "Limits",
    "Lost",
    "NotAllowed",
    "NotText",
    "ProviderError",
    "Reply",
    "Request",
    "RequestRefused",
    "ToolCall",
    "TransientError",
    "Usage",
    "WireFormat",
    "allowed_attempts",
    "back_off",
    "cost_of",
    "wire_format",
]

_FORMATS: dict[str, type[WireFormat]] = {
    Provider.Kind.OPENAI: ChatCompletions,
    Provider.Kind.RESPONSES: Responses,
    Provider.Kind.ANTHROPIC: AnthropicMessages,
    Provider.Kind.GEMINI: Gemini,
    Provider.Kind.OLLAMA: Ollama,
    Provider.Kind.LLAMA_CPP: LlamaCpp,
    Provider.Kind.REPLICATE: Replicate,
    Provider.Kind.FAL: FalQueue,
}


@lru_cache(maxsize=32)
def wire_format(kind: str) -> WireFormat:
    """The client for providers of this kind. Raises NotAllowed for one that cannot be asked."""
    try:
        return _FORMATS[kind]()
    except KeyError:
        raise NotAllowed(f"providers of kind “{kind}” cannot be asked: their outputs are imported") from None
