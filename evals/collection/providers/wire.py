"""Types shared by all wire formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

__all__ = ["Endpoint", "Limits", "Reply", "Request", "ToolCall", "WireFormat"]


@dataclass(frozen=True)
class Endpoint:
    """Where to ask, and how long to wait. The key never shows in a repr."""

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    first_token_timeout_s: float = 60.0
    total_timeout_s: float = 300.0


@dataclass(frozen=True)
class Request:
    """`settings` go into the request unchanged, except `system`, a text put before the task's own instructions.

    `messages` are `{"role", "content"}`.
    """

    model_name: str
    messages: Sequence[Mapping[str, Any]]
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ToolCall:
    """`arguments` is the text that the model wrote, which should be JSON."""

    id: str
    name: str
    arguments: str

    def to_json(self) -> dict[str, str]:
        return {"id": self.id, "name": self.name, "arguments": self.arguments}


@dataclass(frozen=True)
class Reply:
    """A finished answer: `text` or `tool_calls`, or both. Everything in it is hostile.

    `ttft_ms`: time to the first piece of the answer itself, not of thinking; None if the server did not stream. Tokens
    are the provider's count, None if it gave none. `refused`: the provider marked it as a refusal.
    """

    text: str
    finish_reason: str
    latency_ms: float
    ttft_ms: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_in_cached: int | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    refused: bool = False
    status_code: int = 200


@dataclass(frozen=True)
class Limits:
    """The most that is accepted from a server; anything larger fails as `too_large`."""

    line_bytes: int = 1 << 20
    body_bytes: int = 64 << 20
    error_bytes: int = 64 << 10
    text_chars: int = 1_000_000
    tool_calls: int = 128


class WireFormat(Protocol):
    """One way of speaking to model servers over HTTP."""

    def ask(self, endpoint: Endpoint, request: Request) -> Reply:
        """One call. Blocks for at most `endpoint.total_timeout_s`; raises ProviderError."""
        ...
