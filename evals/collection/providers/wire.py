"""Types shared by all wire formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from evals.collection.providers.usage import Usage

__all__ = ["Endpoint", "Gaps", "Limits", "Reply", "Request", "ToolCall", "WireFormat"]


@dataclass(frozen=True)
class Endpoint:
    """Where to ask, and how long to wait. The key never shows in a repr. `direct`: never through a proxy."""

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    first_token_timeout_s: float = 60.0
    total_timeout_s: float = 300.0
    direct: bool = False


@dataclass(frozen=True)
class Request:
    """`settings` go into the request unchanged, except `system`, a text put before the task's own instructions.

    `messages` and `tools`, which are the task's, are in OpenAI's form; every wire format translates them to its own.
    """

    model_name: str
    messages: Sequence[Mapping[str, Any]]
    settings: Mapping[str, Any] = field(default_factory=dict)
    tools: Sequence[Mapping[str, Any]] = ()

    @property
    def options(self) -> dict[str, Any]:
        """The settings without `system`, and the task's tools before the contender's own. Of two functions with one
        name the task's is offered: it is what every contender is asked with."""
        options = {name: value for name, value in self.settings.items() if name != "system"}
        if self.tools:
            own = options.get("tools")
            given = {_function_name(tool) for tool in self.tools}
            kept = [tool for tool in own if _function_name(tool) not in given] if isinstance(own, list) else []
            options["tools"] = [*self.tools, *kept]
        return options

    def with_system(self) -> list[dict[str, Any]]:
        """The messages with the contender's own instructions first, in one message with the task's: many chat templates
        accept only one system message, at the beginning."""
        messages = [dict(message) for message in self.messages]
        system = self.settings.get("system")
        if not isinstance(system, str) or not system.strip():
            return messages
        if messages and messages[0].get("role") == "system" and isinstance(messages[0].get("content"), str):
            return [{"role": "system", "content": f"{system}\n\n{messages[0]['content']}"}, *messages[1:]]
        return [{"role": "system", "content": system}, *messages]

    def split_system(self) -> tuple[str, list[dict[str, Any]]]:
        """For formats that take instructions apart: their text, and the other messages."""
        messages = self.with_system()
        instructions = [text_of(message.get("content")) for message in messages if message.get("role") == "system"]
        others = [message for message in messages if message.get("role") != "system"]
        return "\n\n".join(instructions), others


@dataclass(frozen=True)
class ToolCall:
    """`arguments` is the text that the model wrote, which should be JSON."""

    id: str
    name: str
    arguments: str

    def to_json(self) -> dict[str, str]:
        return {"id": self.id, "name": self.name, "arguments": self.arguments}


@dataclass(frozen=True)
class Gaps:
    """Time in milliseconds between the chunks in which an answer came: half of the gaps were at most `p50`, 19 of 20 at
    most `p95`. Of `chunks` that brought some of the answer or of its thinking; what arrives together is one chunk.

    None where they say nothing of the time between tokens: the answer came as a whole, or many tokens to a chunk.
    """

    p50: float | None = None
    p95: float | None = None
    chunks: int | None = None


@dataclass(frozen=True)
class Reply:
    """A finished answer: `text`, `tool_calls` or `images`, or several of these. Everything in it is hostile; `images`
    are bytes that should be images, and nobody has looked at them.

    `thinking` is what the model wrote before its answer, no part of it. `ttft_ms`: time to the first piece of the
    answer itself; None if the server did not stream. `gaps`: the pace at which it came. `refused`: the provider marked
    it as a refusal.
    """

    text: str
    finish_reason: str
    latency_ms: float
    ttft_ms: float | None = None
    gaps: Gaps = field(default_factory=Gaps)
    usage: Usage = field(default_factory=Usage)
    thinking: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    images: tuple[bytes, ...] = field(default=(), repr=False)
    refused: bool = False
    status_code: int = 200


@dataclass(frozen=True)
class Limits:
    """The most that is accepted from a server; anything larger fails as `too_large`."""

    line_bytes: int = 32 << 20  # one event may hold a whole image, as base64
    body_bytes: int = 64 << 20
    error_bytes: int = 64 << 10
    text_chars: int = 1_000_000
    tool_calls: int = 128
    images: int = 8
    image_bytes: int = 20 << 20


class WireFormat(Protocol):
    """One way of speaking to model servers over HTTP."""

    async def ask(self, http: httpx.AsyncBaseTransport, endpoint: Endpoint, request: Request) -> Reply:
        """One call. Takes at most `endpoint.total_timeout_s`; raises ProviderError."""
        ...


def _function_name(tool: Any) -> str | None:
    """None for a tool that is no function in OpenAI's form."""
    function = tool.get("function") if isinstance(tool, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    return name if isinstance(name, str) else None


def text_of(content: Any) -> str:
    """Text is a string, or a list of parts, of which those of type `text` count."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(
            part["text"]
            for part in content
            if isinstance(part, Mapping) and part.get("type", "text") == "text" and isinstance(part.get("text"), str)
        )
    return ""
