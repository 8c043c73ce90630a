"""Google's Gemini."""

from __future__ import annotations

import json
import mimetypes
from typing import Any
from urllib.parse import quote, urlsplit

from evals.collection.providers.answer import Answer
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

__all__ = ["Gemini"]

_RENAMED = {
    "frequency_penalty": "frequencyPenalty",
    "max_completion_tokens": "maxOutputTokens",
    "max_tokens": "maxOutputTokens",
    "presence_penalty": "presencePenalty",
    "stop": "stopSequences",
    "top_k": "topK",
    "top_p": "topP",
}
# The fields of `generationConfig`; every other setting stands at the top of the request.
_GENERATION = frozenset(
    {
        "candidateCount",
        "enableEnhancedCivicAnswers",
        "frequencyPenalty",
        "imageConfig",
        "logprobs",
        "maxOutputTokens",
        "mediaResolution",
        "presencePenalty",
        "responseJsonSchema",
        "responseLogprobs",
        "responseMimeType",
        "responseModalities",
        "responseSchema",
        "seed",
        "speechConfig",
        "stopSequences",
        "temperature",
        "thinkingConfig",
        "topK",
        "topP",
    }
)
# In Gemini's requests these are part of the address, or have another name.
_DECIDED = ("contents", "messages", "model", "stream", "stream_options")
# Gemini 3 refuses a call in the conversation without the signature that it gave with it. Those of a task are not its
# own: this is Google's word for calls that have none.
_NO_SIGNATURE = "skip_thought_signature_validator"
_COUNTS = (
    "promptTokenCount",
    "toolUsePromptTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "cachedContentTokenCount",
)


class Gemini(StreamedFormat):
    """Asks `POST {base_url}/models/{model}:streamGenerateContent`. The base URL ends with the version, `/v1beta`."""

    def _outgoing(self, endpoint: Endpoint, request: Request) -> Outgoing:
        return _outgoing(endpoint, request)

    def _answer(self, limits: Limits) -> Answer:
        return _Answer(limits)


def _outgoing(endpoint: Endpoint, request: Request) -> Outgoing:
    instructions, turns = conversation_of(request)
    body = _settings(request.options) | {"contents": [_content(turn) for turn in turns]}
    if instructions:
        body["systemInstruction"] = {"parts": [{"text": instructions}]}
    headers = {"Accept": "text/event-stream, application/json"}
    if endpoint.api_key:
        headers["x-goog-api-key"] = endpoint.api_key
    return Outgoing(
        f"{endpoint.base_url.rstrip('/')}/{_resource(request.model_name)}:streamGenerateContent?alt=sse", headers, body
    )


def _resource(model_name: str) -> str:
    """Google's lists of models name them with their collection: `models/…`, `tunedModels/…`."""
    collection, slash, name = model_name.rpartition("/")
    if slash and collection in ("models", "tunedModels"):
        return f"{collection}/{quote(name, safe='')}"
    return f"models/{quote(model_name, safe='')}"


def _settings(options: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    generation: dict[str, Any] = {}
    for given, value in options.items():
        name = _RENAMED.get(given, given)
        if name == "stopSequences" and isinstance(value, str):
            generation[name] = [value]
        elif name in _GENERATION:
            generation[name] = value
        elif name not in _DECIDED:
            body[name] = value
    if generation:
        body["generationConfig"] = object_in(options, "generationConfig") | generation
    functions, others = tools_of(options)
    if functions:
        body["tools"] = [{"functionDeclarations": [_declaration(function) for function in functions]}, *others]
    choice = tool_choice_of(options)
    if choice is not None:
        del body["tool_choice"]
        mode = {"auto": "AUTO", "none": "NONE"}.get(choice.mode, "ANY")
        calling = {"mode": mode} | ({"allowedFunctionNames": [choice.name]} if choice.name else {})
        body["toolConfig"] = object_in(options, "toolConfig") | {"functionCallingConfig": calling}
    return body


def _declaration(function: Function) -> dict[str, Any]:
    # `parameters` would take no more than a part of JSON Schema.
    declared = {"name": function.name, "parametersJsonSchema": function.parameters}
    return declared | ({"description": function.description} if function.description else {})


def _content(turn: Turn) -> dict[str, Any]:
    return {"role": "model" if turn.role == "assistant" else "user", "parts": [_part(part) for part in turn.parts]}


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"text": part.text}
    if isinstance(part, Image):
        return _image(part)
    if isinstance(part, ToolResult):
        return {"functionResponse": _with_id({"name": part.name, "response": _object(part.text)}, part.id)}
    called = _with_id({"name": part.name, "args": arguments_of(part)}, part.id)
    return {"functionCall": called, "thoughtSignature": _NO_SIGNATURE}


def _image(image: Image) -> dict[str, Any]:
    if image.inline is not None:
        media_type, data = image.inline
        return {"inlineData": {"mimeType": media_type, "data": data}}
    media_type = mimetypes.guess_type(urlsplit(image.url).path)[0] or ""
    return {"fileData": ({"mimeType": media_type} if media_type else {}) | {"fileUri": image.url}}


def _with_id(fields: dict[str, Any], told: str) -> dict[str, Any]:
    return fields | ({"id": told} if told else {})


def _object(text: str) -> dict[str, Any]:
    """Gemini takes no other result than an object."""
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"result": text}


class _Answer(Answer):
    """Takes `GenerateContentResponse` objects, several or one."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._told: dict[str, int] = {}

    def take(self, document: dict[str, Any], *, name: str = "") -> bool:
        self._take_usage(object_in(document, "usageMetadata"))
        candidates = document.get("candidates")
        if candidates is not None and not isinstance(candidates, list):
            raise InvalidReply("`candidates` is not a list", status_code=200)
        feedback = object_in(document, "promptFeedback")
        blocked = text_in(feedback, "blockReason")
        if blocked:
            why = text_in(feedback, "blockReasonMessage")
            raise Filtered(f"the provider blocked the prompt: “{blocked}” {why}".rstrip(), status_code=200)
        for candidate in objects_in(document, "candidates"):
            if candidate.get("index", 0) in (0, None):  # the settings may ask for several: the first is kept
                self._take_candidate(candidate)
        return False

    def _take_candidate(self, candidate: dict[str, Any]) -> None:
        for part in objects_in(object_in(candidate, "content"), "parts"):
            self._take_part(part)
        reason = candidate.get("finishReason")
        # Gemini says STOP after calls too.
        self.end("tool_calls" if reason == "STOP" and self._calls else reason)

    def _take_part(self, part: dict[str, Any]) -> None:
        text = text_in(part, "text")
        if part.get("thought") is True:
            self.add_thinking(text)
            return
        self.add_text(text)
        self.add_image_base64(object_in(part, "inlineData").get("data"))
        called = object_in(part, "functionCall")
        if called:
            call = self.new_call(id=called.get("id"), name=called.get("name"))
            self.add_arguments(call, object_in(called, "args"))

    def _take_usage(self, usage: dict[str, Any]) -> None:
        """Every event may tell some of the counts, as they are until then."""
        for name in _COUNTS:
            number = count(usage.get(name))
            if number is not None and (number or name not in self._told):
                self._told[name] = number
        self.add_usage(_usage_of(self._told))


def _usage_of(told: dict[str, int]) -> Usage:
    """Gemini counts thinking beside the answer, and the results of its own tools beside the prompt."""
    thinking = told.get("thoughtsTokenCount")
    return Usage(
        _sum(told.get("promptTokenCount"), told.get("toolUsePromptTokenCount")),
        _sum(told.get("candidatesTokenCount"), thinking),
        told.get("cachedContentTokenCount"),
        tokens_thinking=thinking,
    )


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)
