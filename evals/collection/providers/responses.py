"""OpenAI's responses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from evals.collection.providers.answer import Answer, CallPieces
from evals.collection.providers.conversation import (
    Function,
    Image,
    Text,
    ToolResult,
    Turn,
    conversation_of,
    tool_choice_of,
    tools_of,
)
from evals.collection.providers.errors import InvalidReply
from evals.collection.providers.exchange import Outgoing
from evals.collection.providers.fields import object_in, objects_in, text_in
from evals.collection.providers.formats import StreamedFormat
from evals.collection.providers.refusals import refusal
from evals.collection.providers.usage import Usage, cost, count
from evals.collection.providers.wire import Endpoint, Limits, Request, ToolCall

__all__ = ["Responses"]


class Responses(StreamedFormat):
    """Asks `POST {base_url}/responses`, streamed. The provider is asked not to keep the response."""

    def _outgoing(self, endpoint: Endpoint, request: Request) -> Outgoing:
        return _outgoing(endpoint, request)

    def _answer(self, limits: Limits) -> Answer:
        return _Answer(limits)


def _outgoing(endpoint: Endpoint, request: Request) -> Outgoing:
    instructions, turns = conversation_of(request)
    body = _settings(request.options) | {
        "model": request.model_name,
        "input": [item for turn in turns for item in _items(turn)],
        "stream": True,
    }
    if instructions:
        body["instructions"] = instructions
    headers = {"Accept": "text/event-stream, application/json"}
    if endpoint.api_key:
        headers["Authorization"] = f"Bearer {endpoint.api_key}"
    return Outgoing(endpoint.base_url.rstrip("/") + "/responses", headers, body)


def _settings(options: dict[str, Any]) -> dict[str, Any]:
    """The names of chat completions become those of responses; everything else stays."""
    settings = {"store": False} | {name: value for name, value in options.items() if name != "messages"}
    for name in ("max_completion_tokens", "max_tokens"):
        if name in settings:
            limit = settings.pop(name)
            settings.setdefault("max_output_tokens", limit)
    functions, others = tools_of(options)
    if functions:
        settings["tools"] = [*map(_tool, functions), *others]
    choice = tool_choice_of(options)
    if choice is not None and choice.name:
        settings["tool_choice"] = {"type": "function", "name": choice.name}
    return settings


def _tool(function: Function) -> dict[str, Any]:
    # Without `strict`, responses take it for true, where chat completions take it for false.
    tool = {"type": "function", "name": function.name, "parameters": function.parameters, "strict": function.strict}
    return tool | ({"description": function.description} if function.description else {})


def _items(turn: Turn) -> Iterator[dict[str, Any]]:
    """What was said is one item, every call and every result one of its own."""
    said = [part for part in turn.parts if isinstance(part, Text | Image)]
    if turn.role == "assistant":
        text = "".join(part.text for part in said if isinstance(part, Text))
        if text:
            yield {"role": "assistant", "content": text}
    elif said:
        yield {"role": "user", "content": [_content(part) for part in said]}
    for part in turn.parts:
        if isinstance(part, ToolCall):
            yield {"type": "function_call", "call_id": part.id, "name": part.name, "arguments": part.arguments or "{}"}
        elif isinstance(part, ToolResult):
            yield {"type": "function_call_output", "call_id": part.id, "output": part.text}


def _content(part: Text | Image) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "input_text", "text": part.text}
    return {"type": "input_image", "image_url": part.url} | ({"detail": part.detail} if part.detail else {})


class _Answer(Answer):
    """Takes the stream's events, or one whole response."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        # By the item's id, and by its place in the output: not every server tells both.
        self._at: dict[str | int, CallPieces] = {}

    def take(self, document: dict[str, Any], *, name: str = "") -> bool:
        if document.get("object") == "response" or ("output" in document and "type" not in document):
            self._take_response(document)
            return True
        kind = document.get("type") or name
        if kind == "error":
            _fail(document)
        if kind in ("response.completed", "response.incomplete", "response.failed"):
            self._take_response(object_in(document, "response"), event=kind.removeprefix("response."))
            return True
        if kind in ("response.output_item.added", "response.output_item.done"):
            item = object_in(document, "item")
            if item.get("type") == "reasoning":
                self.says_something = True  # even if no word of it is shown
            self._take_call(item, document.get("output_index"), whole=kind.endswith("done"))
            if kind.endswith("done"):
                self._take_image(item)
        else:
            self._take_delta(kind, document)
        return False

    def _take_delta(self, kind: Any, event: dict[str, Any]) -> None:
        delta = text_in(event, "delta")
        if kind == "response.output_text.delta":
            self.add_text(delta)
        elif kind == "response.refusal.delta":
            self.add_refusal(delta)
        elif kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
            self.add_thinking(delta)
        elif kind == "response.reasoning_summary_part.added" and self._thinking:
            self.add_thinking("\n\n")
        elif kind == "response.function_call_arguments.delta":
            call = self._known(event.get("item_id"), event.get("output_index"))
            if call is not None:
                self.add_arguments(call, delta)

    def _take_response(self, response: dict[str, Any], *, event: str = "") -> None:
        self.add_usage(_usage_of(response.get("usage")))
        error = response.get("error")
        if error and isinstance(error, dict | str):
            _fail({"error": error})
        output = response.get("output")
        if output is not None and not isinstance(output, list):
            raise InvalidReply("`output` is not a list", status_code=200)
        streamed, thought = self.has_begun, bool(self._thinking)
        for index, item in enumerate(output or []):
            if not isinstance(item, dict):
                continue
            self._take_call(item, index, whole=True)
            self._take_image(item)
            if item.get("type") == "message" and not streamed:
                self._take_message(item)
            elif item.get("type") == "reasoning" and not thought:
                self._take_reasoning(item)
        self._stop(response.get("status") or event, response)

    def _stop(self, status: Any, response: dict[str, Any]) -> None:
        if status == "incomplete":
            status = text_in(object_in(response, "incomplete_details"), "reason") or status
        elif status == "completed" and self._calls:
            status = "tool_calls"
        self.end(status)

    def _take_message(self, message: dict[str, Any]) -> None:
        for part in objects_in(message, "content"):
            if part.get("type") == "output_text":
                self.add_text(text_in(part, "text"))
            elif part.get("type") == "refusal":
                self.add_refusal(text_in(part, "refusal"))

    def _take_reasoning(self, item: dict[str, Any]) -> None:
        """The thinking itself, which few providers show, or its summary."""
        told = objects_in(item, "content") or objects_in(item, "summary")
        self.add_thinking("\n\n".join(text_in(part, "text") for part in told))

    def _take_call(self, item: dict[str, Any], index: Any, *, whole: bool) -> None:
        """A call that begins, or a whole one, of which the stream may have told nothing, all, or only the name."""
        if item.get("type") != "function_call":
            return
        call = self._known(item.get("id"), index)
        if call is None:
            call = self.new_call(id=item.get("call_id") or item.get("id"), name=item.get("name"))
            for key in (item.get("id"), index):
                if isinstance(key, str | int):
                    self._at[key] = call
        if whole and not call.arguments:
            self.add_arguments(call, item.get("arguments"))

    def _take_image(self, item: dict[str, Any]) -> None:
        """What the provider's own image tool drew. Previews come as events of their own, which are not the answer."""
        if item.get("type") == "image_generation_call":
            self.add_image_base64(item.get("result"))

    def _known(self, id: Any, index: Any) -> CallPieces | None:  # noqa: A002 (as the format calls it)
        if isinstance(id, str) and id in self._at:
            return self._at[id]
        return self._at.get(index) if isinstance(index, int) else None


def _fail(document: dict[str, Any]) -> None:
    kind, words = refusal(None, json.dumps(document))
    raise kind(words, status_code=200)


def _usage_of(usage: Any) -> Usage:
    """What the cache read is part of the input, thinking part of the output."""
    if not isinstance(usage, Mapping):
        return Usage()
    read, thought = object_in(usage, "input_tokens_details"), object_in(usage, "output_tokens_details")
    return Usage(
        count(usage.get("input_tokens")),
        count(usage.get("output_tokens")),
        count(read.get("cached_tokens")),
        count(read.get("cache_write_tokens")),
        count(thought.get("reasoning_tokens")),
        cost(usage.get("cost")),
    )
