"""OpenAI's chat completions: what most servers speak, hosted ones and those at home."""

from __future__ import annotations

import json
from typing import Any

from evals.collection.providers.answer import Answer, CallPieces
from evals.collection.providers.errors import InvalidReply, RequestRefused
from evals.collection.providers.exchange import Exchange, Outgoing
from evals.collection.providers.fields import object_in
from evals.collection.providers.formats import Format
from evals.collection.providers.refusals import refusal
from evals.collection.providers.usage import of_openai
from evals.collection.providers.wire import Endpoint, Limits, Reply, Request, text_of

__all__ = ["ChatCompletions", "request_body"]

# Base URLs of servers that refuse `stream_options`: each gets it only once.
_refuse_usage: set[str] = set()


class ChatCompletions(Format):
    """Asks `POST {base_url}/chat/completions`, streamed."""

    async def _asked(self, exchange: Exchange, endpoint: Endpoint, request: Request) -> Reply:
        usage = endpoint.base_url not in _refuse_usage
        try:
            return await exchange.stream(_outgoing(endpoint, request, usage=usage), _Answer(self._limits))
        except RequestRefused as error:
            if not usage or not _is_about_usage(error.detail):
                raise
            _refuse_usage.add(endpoint.base_url)
            return await exchange.stream(_outgoing(endpoint, request, usage=False), _Answer(self._limits))


def request_body(request: Request) -> dict[str, Any]:
    """What clients of a routing table send, too: it is what people voted on."""
    return request.options | {"model": request.model_name, "messages": request.with_system()}


def _outgoing(endpoint: Endpoint, request: Request, *, usage: bool) -> Outgoing:
    body = request_body(request) | {"stream": True}
    if usage:
        body["stream_options"] = {"include_usage": True}
    headers = {"Accept": "text/event-stream, application/json"}
    if endpoint.api_key:
        headers["Authorization"] = f"Bearer {endpoint.api_key}"
    return Outgoing(endpoint.base_url.rstrip("/") + "/chat/completions", headers, body)


def _is_about_usage(words: str) -> bool:
    return "stream_options" in words or "include_usage" in words


class _Answer(Answer):
    """Takes `chat.completion.chunk` objects, or one whole `chat.completion`."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        # The provider's index to the call that pieces without an id go on with.
        self._at: dict[int, CallPieces] = {}

    def take(self, document: dict[str, Any], *, name: str = "") -> bool:
        self._count(document)
        if "x_groq" in document:
            self._count(object_in(document, "x_groq"))
        choices = document.get("choices")
        if choices is None:
            return False
        if not isinstance(choices, list):
            raise InvalidReply("`choices` is not a list", status_code=200)
        for choice in choices:
            if not isinstance(choice, dict):
                raise InvalidReply("a choice is not an object", status_code=200)
            if choice.get("index", 0) in (0, None):  # the settings may ask for several: the first is kept
                self._take_choice(choice)
        return False

    def _count(self, place: dict[str, Any]) -> None:
        if isinstance(place.get("usage"), dict):
            self.add_usage(of_openai(place["usage"]))

    def _take_choice(self, choice: dict[str, Any]) -> None:
        if isinstance(choice.get("error"), dict | str) and choice["error"]:
            kind, words = refusal(None, json.dumps({"error": choice["error"]}))
            raise kind(words, status_code=200)
        self._count(choice)  # Moonshot's place for it
        message = choice.get("delta") or choice.get("message")
        if isinstance(message, dict):
            self._take_message(message)
        self.end(choice.get("finish_reason"))

    def _take_message(self, message: dict[str, Any]) -> None:
        thought = next(
            (text for key in ("reasoning_content", "reasoning", "thinking") if (text := text_of(message.get(key)))), ""
        )
        self.add_thinking(thought)
        content = message.get("content")
        if isinstance(content, list):
            self.add_thinking("".join(_thinking_of(part) for part in content))
            for part in content:
                self._take_image(part)
        self.add_text(text_of(content))
        for image in message["images"] if isinstance(message.get("images"), list) else []:
            self._take_image(image)
        self.add_refusal(text_of(message.get("refusal")))
        calls = message.get("tool_calls")
        for position, call in enumerate(calls if isinstance(calls, list) else []):
            if isinstance(call, dict):
                self._take_call(call, position)
        old = message.get("function_call")
        if isinstance(old, dict):
            self._take_call({"index": 0, "function": old}, 0)

    def _take_image(self, part: Any) -> None:
        """OpenRouter's form, and other routers': a part as in a request, in a list beside the content or in it."""
        if isinstance(part, dict) and part.get("type", "image_url") == "image_url":
            image = part.get("image_url")
            self.add_image(image.get("url") if isinstance(image, dict) else image)

    def _take_call(self, piece: dict[str, Any], position: int) -> None:
        function = object_in(piece, "function")
        call = self._call_of(piece, position)
        call.named(function.get("name"))
        self.add_arguments(call, function.get("arguments"))

    def _call_of(self, piece: dict[str, Any], position: int) -> CallPieces:
        """The call that a piece belongs to. Some servers give no index, and some give two calls the same one."""
        told = piece["id"][:200] if isinstance(piece.get("id"), str) else ""
        index = piece.get("index")
        if not isinstance(index, int) or isinstance(index, bool):
            index = len(self._at) if told else position
        at_index = self._at.get(index)
        if told:
            known = next((call for call in self._at.values() if call.id == told), None)
            if known is None and at_index is not None and not at_index.id:
                at_index.id, known = told, at_index
        else:
            known = at_index
        if known is None:
            known = self._at[index] = self.new_call(id=told)
        return known


def _thinking_of(part: Any) -> str:
    """A part of a content list that holds thinking: Mistral's form, or a plain text."""
    if not isinstance(part, dict) or part.get("type") not in ("thinking", "reasoning"):
        return ""
    return text_of(part.get("thinking") or part.get("text") or part.get("reasoning"))
