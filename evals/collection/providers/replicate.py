"""Replicate's predictions: started with one request, then polled."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import httpx

from evals.collection.providers.answer import Answer
from evals.collection.providers.errors import InvalidReply, NotText, RequestRefused
from evals.collection.providers.exchange import Exchange, Outgoing
from evals.collection.providers.formats import Format
from evals.collection.providers.polling import check_same_origin, poll
from evals.collection.providers.prompts import as_prompt
from evals.collection.providers.refusals import refusal
from evals.collection.providers.usage import Usage, count
from evals.collection.providers.wire import Endpoint, Limits, Reply, Request

__all__ = ["Replicate"]

_MODEL = re.compile(r"(?P<owner>\w[\w.-]*)/(?P<name>\w[\w.-]*)(?::(?P<version>[0-9a-f]{8,64}))?", re.ASCII)
_ENDED = ("succeeded", "failed", "canceled", "aborted")
# Replicate accepts no deadline that is nearer.
_NEAREST_DEADLINE_S = 5

# A file that a model made, alone in its output: inline, or by its ending. At Replicate's own store there may be none.
_FILE = re.compile(
    r"data:[\w.+-]+/[\w.+-]+[;,]\S*|https?://[^/\s]*\breplicate\.delivery/\S+|"
    r"https?://\S+\.(?:png|jpe?g|webp|gif|svg|avif|bmp|tiff?|mp4|webm|mov|mp3|wav|flac|ogg|glb|zip)",
    re.IGNORECASE,
)
_NO_IMAGE = re.compile(r"[^?#]+\.(?:svg|mp4|webm|mov|mp3|wav|flac|ogg|glb|zip)", re.IGNORECASE)
_STORE = re.compile(r"(?:.+\.)?replicate\.delivery", re.IGNORECASE)


class Replicate(Format):
    """Asks `POST {base_url}/models/{owner}/{name}/predictions`, then the prediction's own address until it has ended.

    A model named `owner/name:version` is asked at `{base_url}/predictions`. The prompt and the settings are its input.
    """

    async def _asked(self, exchange: Exchange, endpoint: Endpoint, request: Request) -> Reply:
        prediction = await exchange.document(_outgoing(endpoint, request))
        if not _has_ended(prediction):
            urls = prediction.get("urls")
            url = check_same_origin(
                urls.get("get") if isinstance(urls, dict) else None, endpoint, what="the prediction's address"
            )
            prediction = await poll(exchange, Outgoing(url, _headers(endpoint), method="GET"), is_done=_has_ended)
        return await exchange.conclude(prediction, _Answer(self._limits, _host(endpoint)))


def _outgoing(endpoint: Endpoint, request: Request) -> Outgoing:
    named = _MODEL.fullmatch(request.model_name)
    if named is None:
        raise RequestRefused("name the model as owner/name or owner/name:version, as its page at Replicate does")
    system, prompt = as_prompt(request)
    body: dict[str, Any] = {"input": request.options | {"prompt": prompt}}
    if system:
        body["input"]["system_prompt"] = system
    path = f"/models/{named['owner']}/{named['name']}/predictions"
    if named["version"]:
        path, body["version"] = "/predictions", named["version"]
    # What nobody waits for any longer ends there too, and costs no more.
    deadline = max(math.ceil(endpoint.total_timeout_s), _NEAREST_DEADLINE_S)
    headers = _headers(endpoint) | {"Cancel-After": f"{deadline}s"}
    return Outgoing(endpoint.base_url.rstrip("/") + path, headers, body)


def _headers(endpoint: Endpoint) -> dict[str, str]:
    headers = {"Accept": "application/json"}
    if endpoint.api_key:
        headers["Authorization"] = f"Bearer {endpoint.api_key}"
    return headers


def _has_ended(prediction: dict[str, Any]) -> bool:
    if not isinstance(prediction.get("status"), str):
        raise InvalidReply("this is not a prediction: it has no status", status_code=200)
    return prediction["status"] in _ENDED


class _Answer(Answer):
    """Takes a prediction that has ended. Files are taken from Replicate's store, or from `host`, where it was asked: an
    address elsewhere may be anything that a model wrote."""

    def __init__(self, limits: Limits, host: str) -> None:
        super().__init__(limits)
        self._host = host

    def take(self, document: dict[str, Any], *, name: str = "") -> bool:
        metrics = document.get("metrics")
        if isinstance(metrics, dict):
            self.add_usage(Usage(count(metrics.get("input_token_count")), count(metrics.get("output_token_count"))))
        if document["status"] != "succeeded":
            kind, words = refusal(
                None, json.dumps({"error": document.get("error") or f"it {_HOW[document['status']]}"})
            )
            raise kind(words, status_code=200)
        pieces = _pieces(document.get("output"))
        if pieces and all(_FILE.fullmatch(piece.strip()) for piece in pieces):
            for piece in pieces:
                self._take_file(piece.strip())
        else:
            for piece in pieces:
                self.add_text(piece)
        self.end("stop")
        return True

    def _take_file(self, url: str) -> None:
        if _NO_IMAGE.fullmatch(url):
            raise NotText("the model's output is a file that is not an image, and cannot be compared", status_code=200)
        host = "" if url.startswith("data:") else httpx.URL(url).host
        if host and host != self._host and not _STORE.fullmatch(host):
            raise NotText(f"the model's output is a file at {host}, which was not fetched", status_code=200)
        self.add_image(url)


_HOW = {"failed": "failed without a reason", "canceled": "was canceled", "aborted": "was aborted before it began"}


def _pieces(output: Any) -> list[str]:
    """The strings of an output. Raises NotText for anything else."""
    pieces = [output] if isinstance(output, str) else [] if output is None else output
    if not isinstance(pieces, list) or not all(isinstance(piece, str) for piece in pieces):
        raise NotText("the model's output is neither text nor images, and cannot be compared", status_code=200)
    return pieces


def _host(endpoint: Endpoint) -> str:
    return httpx.URL(endpoint.base_url).host
