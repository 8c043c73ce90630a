"""fal's queue: a request is put into it, its status is polled, and its result fetched."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from evals.collection.providers.answer import Answer
from evals.collection.providers.errors import InvalidReply, NotText, ProviderError, RequestRefused
from evals.collection.providers.exchange import Exchange, Outgoing
from evals.collection.providers.fields import object_in, objects_in
from evals.collection.providers.formats import Format
from evals.collection.providers.polling import check_same_origin, poll
from evals.collection.providers.prompts import as_prompt
from evals.collection.providers.refusals import refusal
from evals.collection.providers.texts import clean
from evals.collection.providers.usage import of_openai
from evals.collection.providers.wire import Endpoint, Reply, Request

__all__ = ["FalQueue"]

_MODEL = re.compile(r"(?P<app>\w[\w.-]*(?:/\w[\w.-]*)+)(?::(?P<model>.+))?", re.ASCII)


class FalQueue(Format):
    """Asks `POST {base_url}/{model}`, then the addresses that the reply names.

    A model named `app:model` is that app with `model` in its input: `fal-ai/any-llm:openai/gpt-4o` and the like. fal's
    own retries are off: they would hide failures, and be measured as a slow answer.
    """

    async def _asked(self, exchange: Exchange, endpoint: Endpoint, request: Request) -> Reply:
        queued = await exchange.document(_outgoing(endpoint, request))
        status_url = check_same_origin(queued.get("status_url"), endpoint, what="the request's status_url")
        response_url = check_same_origin(queued.get("response_url"), endpoint, what="the request's response_url")
        exchange.cancelling = _cancelling(queued.get("cancel_url"), endpoint)
        await poll(exchange, Outgoing(status_url, _headers(endpoint), method="GET"), is_done=_is_completed)
        exchange.cancelling = None
        result = await exchange.document(Outgoing(response_url, _headers(endpoint), method="GET"))
        return await exchange.conclude(result, _Answer(self._limits))


def _outgoing(endpoint: Endpoint, request: Request) -> Outgoing:
    named = _MODEL.fullmatch(request.model_name)
    if named is None:
        raise RequestRefused("name the model as its page at fal does, such as fal-ai/any-llm")
    system, prompt = as_prompt(request)
    body = request.options | {"prompt": prompt}
    if system:
        body["system_prompt"] = system
    if named["model"]:
        body["model"] = named["model"]
    headers = _headers(endpoint) | {"x-fal-no-retry": "1"}
    return Outgoing(f"{endpoint.base_url.rstrip('/')}/{named['app']}", headers, body)


def _cancelling(url: Any, endpoint: Endpoint) -> Outgoing | None:
    """Nothing to cancel with is no reason for the call to fail."""
    try:
        address = check_same_origin(url, endpoint, what="the request's cancel_url")
    except InvalidReply:
        return None
    return Outgoing(address, _headers(endpoint), method="PUT")


def _headers(endpoint: Endpoint) -> dict[str, str]:
    headers = {"Accept": "application/json"}
    if endpoint.api_key:
        headers["Authorization"] = f"Key {endpoint.api_key}"
    return headers


def _is_completed(status: dict[str, Any]) -> bool:
    """True once there is a result. Raises a ProviderError for a request that ended without one."""
    now = status.get("status")
    if not isinstance(now, str):
        raise InvalidReply("this is not the status of a request: it has none", status_code=200)
    if status.get("error"):
        raise _refused(status)
    if now in ("FAILED", "CANCELED", "CANCELLED"):
        raise _refused({"error": f"the request ended as {clean(now)}"})
    return now == "COMPLETED"


def _refused(document: dict[str, Any]) -> ProviderError:
    error = {"message": document["error"], "type": document.get("error_type")}
    kind, words = refusal(None, json.dumps({"error": error}))
    return kind(words, status_code=200)


class _Answer(Answer):
    """Takes the result, whose text is its `output` or `text`, and whose images are files."""

    def take(self, document: dict[str, Any], *, name: str = "") -> bool:
        self.add_usage(of_openai(document.get("usage")))
        if document.get("error"):
            raise _refused(document)
        self.add_thinking(_text(document.get("reasoning")))
        told = next((document[key] for key in ("output", "text") if document.get(key) is not None), None)
        text = _text(told)
        for file in _files(document):
            self.add_image(file.get("url"))
        if not text and not self.has_begun and (told or not {"output", "text"} & document.keys()):
            raise NotText(
                "the result has no text under `output` or `text`, and no images: it cannot be compared", status_code=200
            )
        self.add_text(text)
        if document.get("partial") is True:
            raise InvalidReply("the result is only a part of the answer", status_code=200)
        self.end("stop")
        return True


def _files(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The images of models that draw: several, or one. Apps that hold a model have theirs under `output`."""
    places = [document, *objects_in({"all": [document.get("output")]}, "all")]
    return [file for place in places for file in (*objects_in(place, "images"), object_in(place, "image"))]


def _text(told: Any) -> str:
    if isinstance(told, Mapping):
        told = told.get("text")
    if isinstance(told, list) and all(isinstance(piece, str) for piece in told):
        told = "".join(told)
    return told if isinstance(told, str) else ""
