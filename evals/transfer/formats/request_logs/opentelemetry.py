"""OpenTelemetry exports (OTLP in JSON) with spans of generative AI, in the conventions that were in use:

- `gen_ai.input.messages` on a span, or on the event `gen_ai.client.inference.operation.details`
- a log record, or an event of the span, for each message (`gen_ai.user.message` and so on, up to version 1.36)
- the events `gen_ai.content.prompt` and `gen_ai.content.completion` (1.27)
- numbered attributes: `gen_ai.prompt.0.role`, `gen_ai.prompt.0.content` (OpenLLMetry)

Log records may be in the same file as the spans, or in one of their own, whose requests then have no model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from evals.catalog.names import BadValueError
from evals.transfer.files.errors import Problems, UnreadableError
from evals.transfer.files.layout import Layout
from evals.transfer.files.text import Limits, Source
from evals.transfer.formats.frame import Format, Head, Values
from evals.transfer.formats.request_logs.records import json_records, parsed
from evals.transfer.formats.request_logs.requests import LoggedRequest, NotAskedError, values_of

__all__ = ["FORMAT"]

_DETAILS = "gen_ai.client.inference.operation.details"
_MESSAGE = re.compile(r"gen_ai\.(system|developer|user|assistant|tool)\.message")
_NUMBERED = re.compile(r"gen_ai\.prompt\.(\d{1,4})\.(.{1,60})")
_CALL = re.compile(r"tool_calls\.(\d{1,3})\.(id|name|arguments)")
_FUNCTION = re.compile(r"llm\.request\.functions\.(\d{1,3})\.(name|description|parameters)")
_OTHER_OPERATIONS = ("embeddings", "execute_tool", "create_agent", "invoke_agent", "invoke_workflow", "retrieval")
# Messages in log records wait for the rest of their request; the oldest is taken for complete beyond this many.
_MOST_OPEN = 2_000


def _recognises(head: Head) -> bool:
    return head.text.lstrip().startswith(("{", "[")) and re.search(r'"resource(?:Spans|Logs)"', head.text) is not None


@dataclass
class _Call:
    """One call of a model, as far as its span and its events have been read."""

    place: int
    attributes: dict[str, Any] = field(default_factory=dict)
    messages: list[Any] = field(default_factory=list)


def _read(source: Source, layout: Layout, problems: Problems) -> Iterator[Values]:
    spans = _spans_without_messages(source, layout)
    read = 0
    for call, key in _calls(source, layout, problems):
        attributes = spans.get(key, {}) | call.attributes
        try:
            request = _request(attributes, call.messages, key, layout.limits)
            yield call.place, values_of(request, attributes, layout, problems, call.place)
            read += 1
        except BadValueError as error:
            problems.notice(call.place, f"A span is left out: {error}")
    if not read and not problems.total:
        raise UnreadableError(
            f"{source.name} has no chat requests with their messages. Instrumentations record messages only if they "
            "are told to (OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT). " + " ".join(problems.notices)
        )


def _calls(source: Source, layout: Layout, problems: Problems) -> Iterator[tuple[_Call, str]]:
    """Each with the ids of its trace and span. Messages in log records are collected until the answer comes."""
    waiting: dict[str, _Call] = {}
    for place, record in json_records(source, layout, problems):
        for span in _listed(record, "resourceSpans", "scopeSpans", "spans"):
            attributes, messages = _span_attributes(span), _span_messages(span)
            if _is_call(attributes) and (messages or _holds_messages(attributes)):
                yield _Call(place, attributes, messages), _key(span)
        for log in _listed(record, "resourceLogs", "scopeLogs", "logRecords"):
            attributes, key = _attributes(log), _key(log)
            name = str(log.get("eventName") or attributes.get("event.name") or "")
            if name == _DETAILS:
                yield _Call(place, attributes), key
            elif (said := _MESSAGE.fullmatch(name)) is not None:
                call = waiting.setdefault(key, _Call(place, _call_facts(attributes)))
                call.messages.append(_message(said[1], _value(log.get("body"))))
            elif name == "gen_ai.choice" and key in waiting:
                yield waiting.pop(key), key
            if len(waiting) > _MOST_OPEN:
                oldest = next(iter(waiting))
                yield waiting.pop(oldest), oldest
    for key, call in waiting.items():
        yield call, key


def _spans_without_messages(source: Source, layout: Layout) -> dict[str, dict[str, Any]]:
    """The figures of spans whose messages are in log records, which may come before the span."""
    if b"resourceLogs" not in Head(source, layout.limits).start and not _mentions(source, b"resourceLogs"):
        return {}
    facts: dict[str, dict[str, Any]] = {}
    for _, record in json_records(source, layout, Problems()):
        for span in _listed(record, "resourceSpans", "scopeSpans", "spans"):
            attributes = _span_attributes(span)
            if _is_call(attributes) and not _holds_messages(attributes):
                facts[_key(span)] = _call_facts(attributes)
    return facts


def _mentions(source: Source, name: bytes) -> bool:
    source.stream.seek(0)
    tail = b""
    while chunk := source.stream.read(1 << 20):
        if name in tail + chunk:
            return True
        tail = chunk[-len(name) :]
    return False


def _call_facts(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if not isinstance(value, str) or len(value) < 1_000}


def _listed(record: Mapping[str, Any], *names: str) -> Iterator[dict[str, Any]]:
    """What is in a list in a list in a list, each under its name."""
    first, *rest = names
    for one in record.get(first) or []:
        if isinstance(one, dict):
            if rest:
                resource = one.get("resource")
                for inner in _listed(one, *rest):
                    if isinstance(resource, dict) and "resource" not in inner:
                        inner["resource"] = resource
                    yield inner
            else:
                yield one


def _key(record: Mapping[str, Any]) -> str:
    return f"{record.get('traceId', '')}-{record.get('spanId', '')}".strip("-")


def _attributes(record: Mapping[str, Any]) -> dict[str, Any]:
    """Of the record, and under `resource.` those of what sent it."""
    found = {}
    resource = record.get("resource")
    for prefix, holder in (("resource.", resource if isinstance(resource, dict) else {}), ("", record)):
        for pair in holder.get("attributes") or []:
            if isinstance(pair, dict) and isinstance(pair.get("key"), str):
                found[prefix + pair["key"]] = _value(pair.get("value"))
    return found


def _span_attributes(span: Mapping[str, Any]) -> dict[str, Any]:
    attributes = _attributes(span)
    attributes |= {name: span[name] for name in ("startTimeUnixNano", "endTimeUnixNano", "name") if name in span}
    return attributes


def _value(given: Any) -> Any:
    """A value of OTLP, which says its type, as plain JSON."""
    if not isinstance(given, dict):
        return None
    kind, value = next(iter(given.items()), (None, None))
    if kind == "arrayValue":
        return [_value(one) for one in (value or {}).get("values") or []]
    if kind == "kvlistValue":
        pairs = (value or {}).get("values") or []
        return {pair["key"]: _value(pair.get("value")) for pair in pairs if isinstance(pair, dict) and "key" in pair}
    if kind == "intValue":
        return _whole(value)
    return value


def _is_call(attributes: Mapping[str, Any]) -> bool:
    operation = attributes.get("gen_ai.operation.name") or attributes.get("llm.request.type") or ""
    return operation not in _OTHER_OPERATIONS and any(name.startswith("gen_ai.") for name in attributes)


def _holds_messages(attributes: Mapping[str, Any]) -> bool:
    return any(name in attributes for name in ("gen_ai.input.messages", "gen_ai.prompt", "gen_ai.prompt.0.role"))


def _span_messages(span: Mapping[str, Any]) -> list[Any]:
    """Messages in events of the span itself."""
    messages: list[Any] = []
    for event in span.get("events") or []:
        if not isinstance(event, dict):
            continue
        name, attributes = str(event.get("name", "")), _attributes(event)
        if name == _DETAILS and "gen_ai.input.messages" in attributes:
            return [attributes["gen_ai.input.messages"]]
        if name == "gen_ai.content.prompt" and "gen_ai.prompt" in attributes:
            return [attributes["gen_ai.prompt"]]
        if (said := _MESSAGE.fullmatch(name)) is not None:
            messages.append(_message(said[1], attributes.get("gen_ai.event.content", attributes)))
    return messages


def _message(role: str, body: Any) -> Any:
    if isinstance(body, str) and body.startswith("{"):
        return {"role": role, "json": body}
    return {"role": role} | body if isinstance(body, dict) else {"role": role, "content": body}


def _request(attributes: Mapping[str, Any], messages: list[Any], key: str, limits: Limits) -> LoggedRequest:
    asked: Any = [_unpacked(one, limits) for one in messages]
    if len(messages) == 1 and isinstance(messages[0], str | list):
        asked = parsed(messages[0], limits)
    if not asked:
        asked = parsed(attributes.get("gen_ai.input.messages") or attributes.get("gen_ai.prompt"), limits)
    asked = asked or _numbered(attributes, limits)
    if not asked:
        raise NotAskedError("its messages were not recorded.")
    instructions = parsed(attributes.get("gen_ai.system_instructions"), limits)
    return LoggedRequest(
        asked,
        tools=parsed(attributes.get("gen_ai.tool.definitions"), limits) or _numbered_functions(attributes, limits),
        system=instructions,
        id=key,
        told={
            "model": attributes.get("gen_ai.response.model") or attributes.get("gen_ai.request.model"),
            "at": _moment(attributes.get("startTimeUnixNano")),
            "tokens_in": _first(attributes, "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
            "tokens_out": _first(attributes, "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
            "latency_ms": _elapsed(attributes),
        },
    )


def _unpacked(message: Any, limits: Limits) -> Any:
    if isinstance(message, dict) and "json" in message:
        body = parsed(message["json"], limits)
        return (
            {"role": message["role"]} | body if isinstance(body, dict) else {"role": message["role"], "content": body}
        )
    return message


def _numbered(attributes: Mapping[str, Any], limits: Limits) -> list[dict[str, Any]]:
    messages: dict[int, dict[str, Any]] = {}
    calls: dict[int, dict[int, dict[str, Any]]] = {}
    for name, value in attributes.items():
        found = _NUMBERED.fullmatch(name)
        if found is None:
            continue
        at, what = int(found[1]), found[2]
        if (called := _CALL.fullmatch(what)) is not None:
            calls.setdefault(at, {}).setdefault(int(called[1]), {})[called[2]] = value
        elif what in ("role", "content", "tool_call_id"):
            messages.setdefault(at, {})[what] = parsed(value, limits) if what == "content" else value
    for at, listed in calls.items():
        messages.setdefault(at, {"role": "assistant"})["tool_calls"] = [listed[n] for n in sorted(listed)]
    return [messages[at] for at in sorted(messages)]


def _numbered_functions(attributes: Mapping[str, Any], limits: Limits) -> list[dict[str, Any]]:
    functions: dict[int, dict[str, Any]] = {}
    for name, value in attributes.items():
        if (found := _FUNCTION.fullmatch(name)) is not None:
            functions.setdefault(int(found[1]), {})[found[2]] = (
                parsed(value, limits) if found[2] == "parameters" else value
            )
    return [functions[at] for at in sorted(functions)]


def _first(attributes: Mapping[str, Any], *names: str) -> Any:
    return next((attributes[name] for name in names if attributes.get(name) is not None), None)


def _whole(value: Any) -> int | None:
    """OTLP writes large numbers as texts."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _moment(value: Any) -> str | None:
    at = _whole(value)
    if not at or at > 10**19:
        return None
    return datetime.fromtimestamp(at / 1e9, UTC).isoformat(timespec="milliseconds")


def _elapsed(attributes: Mapping[str, Any]) -> int | None:
    begun, ended = (_whole(attributes.get(name)) for name in ("startTimeUnixNano", "endTimeUnixNano"))
    return round((ended - begun) / 1e6) if begun and ended and ended >= begun else None


FORMAT = Format(
    "opentelemetry",
    "OpenTelemetry GenAI exports (OTLP JSON)",
    _recognises,
    _read,
    endings=(".json", ".jsonl"),
    tasks=True,
    requests=True,
)
