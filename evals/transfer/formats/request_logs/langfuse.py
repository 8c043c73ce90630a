"""Langfuse exports as JSON, JSONL or CSV: generations among observations (from the table, the API or the scheduled
export to a bucket), traces with their input, and a trace downloaded with its observations.

The table and the API write names in camel case (`traceId`), the scheduled export in snake case (`trace_id`).
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

_MARKS = ({"traceId", "input"}, {"trace_id", "input"}, {"observations", "input"}, {"sessionId", "input"})
# Fields of task sets, which may hold an input and the id of a trace as well.
_OF_TASKS = {"category", "checks", "ideal", "turns", "question_id"}
_TRACES = ({"session_id", "input", "tags"}, {"timestamp", "input", "observations"})


def _recognises(head: Head) -> bool:
    names = csv_header(head)
    if _OF_TASKS & (names | set(head.row)):
        return False
    if names:
        return any(names >= marks for marks in (*_MARKS, *_TRACES))
    return any(in_json(head, *marks) for marks in (*_MARKS, *_TRACES)) and "gen_ai." not in head.text


def _read(source: Source, layout: Layout, problems: Problems) -> Iterator[Values]:
    return values_of_all(_records(source, layout, problems), _request, source, layout, problems)


def _records(source: Source, layout: Layout, problems: Problems) -> Iterator[Values]:
    head = Head(source, layout.limits)
    if csv_header(head):
        yield from table_records(source, layout, problems)
        return
    for place, record in json_records(source, layout, problems):
        for one in _inside(record):
            yield place, one


def _inside(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Of a page of the API its rows; of a trace with observations these, with what the trace says of itself."""
    listed = record.get("data")
    if isinstance(listed, list) and "id" not in record:
        yield from (one for one in listed if isinstance(one, dict))
        return
    listed = record.get("observations")
    if isinstance(listed, list) and any(isinstance(one, dict) for one in listed):
        nested = record.get("trace")
        trace = {name: value for name, value in record.items() if name not in ("observations", "scores", "trace")}
        trace |= nested if isinstance(nested, dict) else {}
        yield from ({"trace": trace} | one for one in listed if isinstance(one, dict))
        return
    yield record


def _request(record: Mapping[str, Any], limits: Limits) -> LoggedRequest:
    kind = record.get("type")
    if kind is not None and str(kind).upper() != "GENERATION":
        raise NotAskedError(f"it is an observation of the type {str(kind)[:40]}.")
    given = parsed(record.get("input"), limits)
    if given is None or given == "" or given == {}:
        raise NotAskedError("it has no input.")
    model = record.get("model") or record.get("provided_model_name") or record.get("providedModelName")
    if isinstance(given, dict):
        asked = body_of_request(given if "messages" in given else _text_in(given), model=model)
    else:
        asked = LoggedRequest(given, told={"model": model})
    tools = asked.tools or parsed(record.get("toolDefinitions", record.get("tool_definitions")), limits)
    usage = parsed(record.get("usageDetails", record.get("usage_details", record.get("usage"))), limits)
    usage = usage if isinstance(usage, dict) else {}
    return replace(
        asked,
        tools=tools,
        id=record.get("id"),
        told=asked.told
        | {
            "at": record.get("startTime") or record.get("start_time") or record.get("timestamp"),
            "tokens_in": usage.get("input", record.get("promptTokens")),
            "tokens_out": usage.get("output", record.get("completionTokens")),
        },
    )


def _text_in(given: dict[str, Any]) -> dict[str, Any]:
    """The input of a generation that is no list of messages: a message itself, or the one text in it."""
    if "role" in given and "content" in given:
        return {"messages": [given]}
    texts = [value for value in given.values() if isinstance(value, str) and value.strip()]
    if len(texts) != 1:
        raise NotAskedError("its input is neither a text nor messages.")
    return {"prompt": texts[0]}


FORMAT = Format(
    "langfuse",
    "Langfuse exports (JSON, JSONL or CSV)",
    _recognises,
    _read,
    endings=(".json", ".jsonl", ".csv"),
    tasks=True,
    requests=True,
)
