"""Anthropic's messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evals.collection.providers.answer import Answer, CallPieces
from evals.collection.providers.conversation import (
    Function,
    Image,
    Part,
    Text,
    ToolResult,
    Turn,
    arguments_of,
    conversation_of,
    tool_choice_of,
    tools_of,
)
from evals.collection.providers.errors import Filtered, InvalidReply
from evals.collection.providers.exchange import Outgoing
from evals.collection.providers.fields import object_in, objects_in, text_in
from evals.collection.providers.formats import StreamedFormat
from evals.collection.providers.usage import Usage, count
from evals.collection.providers.wire import Endpoint, Limits, Request

__all__ = ["AnthropicMessages"]

_VERSION = "2023-06-01"
# The format demands a limit.
_MAX_TOKENS = 4096
_COUNTS = (
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "output_tokens",
    "thinking_tokens",
)


class AnthropicMessages(StreamedFormat):
    """Asks `POST {base_url}/messages`, streamed. The base URL ends with `/v1`."""

    def _outgoing(self, endpoint: Endpoint, request: Request) -> Outgoing:
        return _outgoing(endpoint, request)

    def _answer(self, limits: Limits) -> Answer:
        return _Answer(limits)


def _outgoing(endpoint: Endpoint, request: Request) -> Outgoing:
    instructions, turns = conversation_of(request)
    body = _settings(request.options) | {
        "model": request.model_name,
        "messages": [_message(turn) for turn in turns],
        "stream": True,
    }
    if instructions:
        body["system"] = instructions
    headers = {"Accept": "text/event-stream, application/json", "anthropic-version": _VERSION}
    if endpoint.api_key:
        headers["x-api-key"] = endpoint.api_key
    return Outgoing(endpoint.base_url.rstrip("/") + "/messages", headers, body)


def _settings(options: dict[str, Any]) -> dict[str, Any]:
    """OpenAI's names become Anthropic's; everything else stays."""
    settings = dict(options)
    limit = settings.pop("max_completion_tokens", None)
    settings.setdefault("max_tokens", limit if limit is not None else _MAX_TOKENS)
    if "stop" in settings:
        stop = settings.pop("stop")
        settings.setdefault("stop_sequences", [stop] if isinstance(stop, str) else stop)
    functions, others = tools_of(options)
    if functions:
        settings["tools"] = [*map(_tool, functions), *others]
    choice = tool_choice_of(options)
    if choice is not None:
        kind = {"required": "any", "function": "tool"}.get(choice.mode, choice.mode)
        settings["tool_choice"] = {"type": kind} | ({"name": choice.name} if choice.name else {})
    return settings


def _tool(function: Function) -> dict[str, Any]:
    tool: dict[str, Any] = {"name": function.name, "input_schema": function.parameters}
    if function.description:
        tool["description"] = function.description
    return tool | ({"strict": True} if function.strict else {})


def _message(turn: Turn) -> dict[str, Any]:
    role = "assistant" if turn.role == "assistant" else "user"
    return {"role": role, "content": [_block(part) for part in turn.parts]}


def _block(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Image):
        if part.inline is None:
            return {"type": "image", "source": {"type": "url", "url": part.url}}
        media_type, data = part.inline
        return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}
    if isinstance(part, ToolResult):
        return {"type": "tool_result", "tool_use_id": part.id, "content": part.text}
    return {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments_of(part)}


class _Answer(Answer):
    """Takes the stream's events, or one whole message."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        # The block's index to its call, and the arguments that the beginning of the block held.
        self._at: dict[Any, tuple[CallPieces, dict[str, Any]]] = {}
        self._told: dict[str, int] = {}

    def take(self, document: dict[str, Any], *, name: str = "") -> bool:
        kind = document.get("type") or name
        if kind == "message":
            self._take_whole(document)
        elif kind == "message_start":
            self._take_usage(object_in(document, "message").get("usage"))
        elif kind == "content_block_start":
            self._take_block(object_in(document, "content_block"), _index(document))
        elif kind == "content_block_delta":
            self._take_delta(object_in(document, "delta"), _index(document))
        elif kind == "message_delta":
            self._take_usage(document.get("usage"))
            self._stop(object_in(document, "delta"))
        return kind in ("message", "message_stop")

    def _take_whole(self, message: dict[str, Any]) -> None:
        if not isinstance(message.get("content"), list):
            raise InvalidReply("`content` is not a list", status_code=200)
        for index, block in enumerate(objects_in(message, "content")):
            self._take_block(block, index)
        self._take_usage(message.get("usage"))
        self._stop(message)

    def _take_block(self, block: dict[str, Any], index: int | None) -> None:
        """A whole block, or the beginning of one. Calls of the provider's own tools are not the answer's."""
        kind = block.get("type")
        if kind == "text":
            self.add_text(text_in(block, "text"))
        elif kind in ("thinking", "redacted_thinking"):
            self.says_something = True  # even if no word of it is shown
            self.add_thinking(text_in(block, "thinking"))
        elif kind == "tool_use":
            call = self.new_call(id=block.get("id"), name=block.get("name"))
            self._at[index] = call, object_in(block, "input")

    def _take_delta(self, delta: dict[str, Any], index: int | None) -> None:
        kind = delta.get("type")
        if kind == "text_delta":
            self.add_text(text_in(delta, "text"))
        elif kind == "thinking_delta":
            self.add_thinking(text_in(delta, "thinking"))
        elif kind == "input_json_delta" and index in self._at:
            self.add_arguments(self._at[index][0], delta.get("partial_json"))

    def _stop(self, stopped: dict[str, Any]) -> None:
        reason = stopped.get("stop_reason")
        if not isinstance(reason, str):
            return
        for call, given in self._at.values():
            if not call.arguments:
                self.add_arguments(call, given)
        if reason == "refusal" and not self.has_begun:
            why = text_in(object_in(stopped, "stop_details"), "explanation")
            raise Filtered(f"the provider refused before any text{f': {why}' if why else ''}", status_code=200)
        self.end(reason)

    def _take_usage(self, usage: Any) -> None:
        """The end may tell some counts anew, and leave the others as the beginning told them."""
        if not isinstance(usage, Mapping):
            return
        details = object_in(usage, "output_tokens_details")
        for name in _COUNTS:
            number = count((details if name == "thinking_tokens" else usage).get(name))
            if number is not None and (number or name not in self._told):
                self._told[name] = number
        self.add_usage(_usage_of(self._told))


def _usage_of(told: dict[str, int]) -> Usage:
    read, written = told.get("cache_read_input_tokens"), told.get("cache_creation_input_tokens")
    tokens_in = told.get("input_tokens")
    if tokens_in is not None:
        # Anthropic counts what its cache was read and written for beside the rest.
        tokens_in += (read or 0) + (written or 0)
    return Usage(tokens_in, told.get("output_tokens"), read, written, told.get("thinking_tokens"))


def _index(document: dict[str, Any]) -> int | None:
    found = document.get("index")
    return found if isinstance(found, int) else None
