"""LiteLLM's spend logs, as JSON, JSONL or CSV: rows of its table `LiteLLM_SpendLogs`, or what its API answers.

The proxy keeps prompts only if `store_prompts_in_spend_logs` is on. Then the request's body is in
`proxy_server_request`, and in older versions its messages in `messages`; both are `{}` otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from evals.transfer.files.errors import Problems
from evals.transfer.files.layout import Layout
from evals.transfer.files.text import Limits, Source
from evals.transfer.formats.frame import Format, Head, Values
from evals.transfer.formats.request_logs.records import csv_header, in_json, json_records, parsed, table_records
from evals.transfer.formats.request_logs.requests import LoggedRequest, NotAskedError, body_of_request, values_of_all

__all__ = ["FORMAT"]

_COLUMNS = {"request_id", "call_type", "spend"}
_CHATS = ("completion", "responses", "anthropic_messages", "text_completion")
_STORE = "The proxy keeps prompts only with store_prompts_in_spend_logs: true in its general_settings."
_CUT = "litellm_truncated"


def _recognises(head: Head) -> bool:
    return in_json(head, *_COLUMNS) or csv_header(head) >= _COLUMNS


def _read(source: Source, layout: Layout, problems: Problems) -> Iterator[Values]:
    return values_of_all(_records(source, layout, problems), _request, source, layout, problems)


def _records(source: Source, layout: Layout, problems: Problems) -> Iterator[Values]:
    head = Head(source, layout.limits)
    if csv_header(head):
        yield from table_records(source, layout, problems)
        return
    for place, record in json_records(source, layout, problems):
        rows = record.get("data")
        # A page of the API's answer holds its rows in a list.
        if isinstance(rows, list) and "request_id" not in record:
            yield from ((place, row) for row in rows if isinstance(row, dict))
        else:
            yield place, record


def _request(record: Mapping[str, Any], limits: Limits) -> LoggedRequest:
    kind = str(record.get("call_type") or "completion")
    if not any(one in kind for one in _CHATS):
        raise NotAskedError(f"its call_type is {kind[:40]}.")
    body = parsed(record.get("proxy_server_request"), limits)
    body = body.get("body", body) if isinstance(body, dict) else {}
    messages = parsed(record.get("messages"), limits)
    if not isinstance(body, dict) or not (body.get("messages") or body.get("input") or body.get("prompt")):
        body = {"messages": messages}
    if not any(body.get(name) for name in ("messages", "input", "prompt")):
        raise NotAskedError(f"its prompt was not stored. {_STORE}")
    asked = body_of_request(body, model=record.get("model"))
    if _CUT in str(asked.messages):
        raise NotAskedError("the proxy cut its prompt off (MAX_STRING_LENGTH_PROMPT_IN_DB).")
    return replace(
        asked,
        id=record.get("request_id"),
        told=asked.told
        | {
            "at": record.get("startTime"),
            "tokens_in": _count(record.get("prompt_tokens")),
            "tokens_out": _count(record.get("completion_tokens")),
        },
    )


def _count(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


FORMAT = Format(
    "litellm",
    "LiteLLM spend logs (JSON, JSONL or CSV)",
    _recognises,
    _read,
    endings=(".json", ".jsonl", ".csv"),
    tasks=True,
    requests=True,
)
