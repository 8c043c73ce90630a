"""Ollama's own chat API, which says more than its OpenAI-compatible one: how long it loaded the model, and whether the
answer was cut."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from evals.collection.providers.answer import Answer
from evals.collection.providers.errors import InvalidReply, RequestRefused, StreamTruncated
from evals.collection.providers.exchange import Outgoing
from evals.collection.providers.fields import object_in, objects_in
from evals.collection.providers.formats import StreamedFormat
from evals.collection.providers.usage import Usage, count
from evals.collection.providers.wire import Endpoint, Limits, Request, text_of

__all__ = ["Ollama"]

# Settings beside `options`; all others are the model's own and go into it.
_BESIDE = ("format", "keep_alive", "logprobs", "shift", "think", "tools", "top_logprobs", "truncate")
_RENAMED = {"max_tokens": "num_predict", "max_completion_tokens": "num_predict"}

_DAY_NS = 24 * 3600 * 10**9
_DATA_URL = re.compile(r"data:[\w.+/-]*;base64,(.*)", re.IGNORECASE | re.DOTALL)


class Ollama(StreamedFormat):
    """Asks `POST {base_url}/api/chat`, streamed as JSON lines.

    A base URL that ends in /v1, the address of its OpenAI-compatible API, is understood too.
    """

    def _outgoing(self, endpoint: Endpoint, request: Request) -> Outgoing:
        return _outgoing(endpoint, request)

    def _answer(self, limits: Limits) -> Answer:
        return _Answer(limits)


def _outgoing(endpoint: Endpoint, request: Request) -> Outgoing:
    headers = {"Accept": "application/x-ndjson, application/json"}
    if endpoint.api_key:
        headers["Authorization"] = f"Bearer {endpoint.api_key}"
    # A prompt longer than its context is refused, then; otherwise Ollama cuts it, and counts only what is left.
    body = (
        {"truncate": False}
        | _settings(request.options)
        | {
            "model": request.model_name,
            "messages": _messages(request.with_system()),
            "stream": True,
        }
    )
    return Outgoing(endpoint.base_url.rstrip("/").removesuffix("/v1") + "/api/chat", headers, body)


def _settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    given = settings.get("options")
    options = dict(given) if isinstance(given, Mapping) else {}
    beside: dict[str, Any] = {}
    for name, value in settings.items():
        if name in _BESIDE:
            beside[name] = value
        elif name == "response_format":
            if (form := _format(value)) is not None:
                beside.setdefault("format", form)
        elif name == "stop":
            # It refuses a single text.
            options["stop"] = [value] if isinstance(value, str) else value
        elif name != "options":
            options[_RENAMED.get(name, name)] = value
    return beside | ({"options": options} if options else {})


def _format(wanted: Any) -> Any:
    """OpenAI's `response_format` as Ollama's `format`: a JSON schema, or "json"."""
    if isinstance(wanted, Mapping):
        schema = wanted.get("json_schema")
        if isinstance(schema, Mapping) and "schema" in schema:
            return schema["schema"]
        return "json" if wanted.get("type") == "json_object" else None
    return wanted


def _messages(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A result names its function, where OpenAI's form names the call."""
    names = {
        call.get("id"): object_in(call, "function").get("name")
        for message in messages
        for call in objects_in(message, "tool_calls")
    }
    return [_message({"name": names.get(message.get("tool_call_id"))} | message) for message in messages]


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    """Text is one string, images are base64 beside it, and the arguments of tool calls are objects."""
    content = message.get("content")
    translated: dict[str, Any] = {"role": message.get("role"), "content": text_of(content)}
    images = [_image(part) for part in content if _is_image(part)] if isinstance(content, list) else []
    if images:
        translated["images"] = images
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        translated["tool_calls"] = [_call(call) for call in calls if isinstance(call, Mapping)]
    if message.get("role") == "tool" and isinstance(message.get("name"), str):
        translated["tool_name"] = message["name"]
    return translated


def _is_image(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type") == "image_url"


def _image(part: Mapping[str, Any]) -> str:
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, Mapping) else image
    found = _DATA_URL.fullmatch(url) if isinstance(url, str) else None
    if found is None:
        raise RequestRefused("Ollama takes images as data: URLs alone: put the image itself into the task")
    return found[1]


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = object_in(call, "function")
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except ValueError:
            raise RequestRefused("a tool call in the task has arguments that are not JSON") from None
    return {"function": {"name": function.get("name"), "arguments": arguments}}


class _Answer(Answer):
    """Takes one line after the other; the last one is `done`."""

    def take(self, document: dict[str, Any], *, name: str = "") -> bool:
        if "message" not in document and "done" not in document:
            raise InvalidReply("this is not Ollama's chat API: neither `message` nor `done`", status_code=200)
        message = object_in(document, "message")
        self.add_thinking(text_of(message.get("thinking")))
        self.add_text(text_of(message.get("content")))
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else []:
            self._take_call(call)
        if document.get("done") is not True:
            return False
        self.add_usage(Usage(count(document.get("prompt_eval_count")), count(document.get("eval_count"))))
        self.loading_ms = _milliseconds(document.get("load_duration"))
        if not document.get("done_reason"):
            # How it ends an answer whose runner went away.
            raise StreamTruncated("it was done without a reason", status_code=200)
        self.end(document["done_reason"])
        return True

    def _take_call(self, call: Any) -> None:
        if isinstance(call, dict):
            function = object_in(call, "function")
            taken = self.new_call(id=call.get("id"), name=function.get("name"))
            self.add_arguments(taken, function.get("arguments"))


def _milliseconds(nanoseconds: Any) -> float:
    told = isinstance(nanoseconds, int | float) and not isinstance(nanoseconds, bool)
    return nanoseconds / 1e6 if told and 0 < nanoseconds < _DAY_NS else 0.0
