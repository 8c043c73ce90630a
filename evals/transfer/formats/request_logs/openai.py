"""Requests to OpenAI's chat API as JSONL: their bodies, lines of the batch API (`custom_id`, `method`, `url`, `body`),
and pairs of `request` and `response` as services log them. Bodies of the responses API and of Anthropic's messages are
read too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from evals.transfer.files.errors import Problems
from evals.transfer.files.layout import Layout
from evals.transfer.files.text import Limits, Source
from evals.transfer.formats.frame import Format, Head, Values
from evals.transfer.formats.request_logs.records import json_records, parsed
from evals.transfer.formats.request_logs.requests import LoggedRequest, NotAskedError, body_of_request, values_of_all

__all__ = ["FORMAT"]

# A task set in JSONL has messages too; these fields say that it is one.
_OF_TASKS = {"category", "checks", "reference", "prompt", "question_id", "turns", "ideal", "vars"}
_ELSEWHERE = ("/embeddings", "/images", "/audio", "/moderations", "/files", "/models", "/rerank")


def _recognises(head: Head) -> bool:
    row = head.row
    if isinstance(row.get("body"), dict) and ("custom_id" in row or "url" in row or "messages" in row["body"]):
        return True
    request = row.get("request")
    if isinstance(request, dict) and ("response" in row or "messages" in request or "body" in request):
        return True
    asked = isinstance(row.get("messages"), list) or isinstance(row.get("input"), str | list)
    return asked and isinstance(row.get("model"), str) and not _OF_TASKS & set(row)


def _read(source: Source, layout: Layout, problems: Problems) -> Iterator[Values]:
    return values_of_all(json_records(source, layout, problems), _request, source, layout, problems)


def _request(record: Mapping[str, Any], limits: Limits) -> LoggedRequest:
    request = parsed(record.get("request", record), limits)
    if not isinstance(request, dict):
        raise NotAskedError("its request is not an object.")
    address = str(request.get("url") or record.get("url") or "")
    if any(one in address for one in _ELSEWHERE):
        raise NotAskedError(f"it went to {address[:60]}, which is not asked for a chat.")
    body = parsed(request.get("body", record.get("body") if "request" not in record else None) or request, limits)
    if not isinstance(body, dict):
        raise NotAskedError("its body is not an object.")
    response = parsed(record.get("response"), limits)
    response = response if isinstance(response, dict) else {}
    answered = parsed(response.get("body") or response, limits)
    answered = answered if isinstance(answered, dict) else {}
    usage = answered.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    asked = body_of_request(body, model=answered.get("model"))
    named = record.get("custom_id") or record.get("request_id") or record.get("id") or answered.get("id")
    return replace(
        asked,
        id=named,
        told=asked.told
        | {
            "at": record.get("timestamp") or record.get("created_at") or answered.get("created"),
            "tokens_in": usage.get("prompt_tokens", usage.get("input_tokens")),
            "tokens_out": usage.get("completion_tokens", usage.get("output_tokens")),
            "latency_ms": record.get("latency_ms") or record.get("duration_ms"),
        },
    )


FORMAT = Format(
    "openai-requests",
    "OpenAI chat requests (JSONL)",
    _recognises,
    _read,
    endings=(".jsonl", ".ndjson"),
    tasks=True,
    requests=True,
)
