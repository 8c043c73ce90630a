"""From a logged request to a task's values: messages in OpenAI's form without the answer, which is what is asked again.

Logs hold requests of several forms (chat completions, responses, Anthropic's messages, OpenTelemetry's parts) and
whatever clients add to them. What a task has no place for, such as cache marks or thoughts, is dropped. A request that
cannot be asked again as it was made raises BadValueError; readers leave it out and tell why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from evals.catalog.conversations import is_gap
from evals.catalog.names import BadValueError
from evals.transfer.files.errors import Problems, UnreadableError
from evals.transfer.files.layout import Layout
from evals.transfer.files.text import Limits, Source
from evals.transfer.formats.frame import Values
from evals.transfer.formats.request_logs.records import found_at, parsed
from evals.transfer.messages import read_messages, read_tools

__all__ = ["LoggedRequest", "NotAskedError", "body_of_request", "first_of", "values_of", "values_of_all"]

_ROLES = {"human": "user", "ai": "assistant", "model": "assistant", "function": "tool"}
_KNOWN_ROLES = ("system", "developer", "user", "assistant", "tool")
_LIKE_A_NUMBER = re.compile(r"\d[eE]\d+")
_DROPPED_PARTS = ("reasoning", "thinking", "redacted_thinking", "server_tool_call", "server_tool_call_response")
_IMAGES = ("image_url", "input_image", "image", "uri", "blob", "file_data")


class NotAskedError(BadValueError):
    """The record is not a chat request, or nothing of it can be asked. Completes "left out: …"."""


@dataclass(frozen=True)
class LoggedRequest:
    """What a log tells of a request. `told` are the figures kept beside the task: what is None was not told."""

    messages: Any
    tools: Any = None
    system: Any = None
    id: Any = None
    told: dict[str, Any] = field(default_factory=dict)


def values_of_all(
    records: Iterable[Values],
    request_of: Callable[[Any, Limits], LoggedRequest],
    source: Source,
    layout: Layout,
    problems: Problems,
) -> Iterator[Values]:
    """`values_of` each record; those that cannot be asked again are left out and told. UnreadableError if all are."""
    read = 0
    for place, record in records:
        try:
            yield place, values_of(request_of(record, layout.limits), record, layout, problems, place)
            read += 1
        except BadValueError as error:
            problems.notice(place, f"A request is left out: {error}")
    if not read and not problems.total:
        raise UnreadableError(f"{source.name} has no chat requests. " + " ".join(problems.notices))


def values_of(
    request: LoggedRequest, record: Mapping[str, Any], layout: Layout, problems: Problems, place: int
) -> dict[str, Any]:
    """The task's values under Arena's names, and what `--map` names by a path into the record.

    The answers of the log's own model, its name and its figures go into the metadata alone, which no reviewer reads.
    """
    messages = _asked(request.messages, request.system, layout)
    listed = parsed(request.tools, layout.limits)
    if isinstance(listed, dict):
        listed = list(listed.values())
    tools, dropped = _functions([parsed(one, layout.limits) for one in listed] if isinstance(listed, list) else [])
    for kind in dropped:
        problems.notice(place, f"A tool of the type {kind} is left out: only functions can be offered.")
    values: dict[str, Any] = {"messages": read_messages(messages, "messages")}
    if tools:
        values["tools"] = read_tools(tools)
    if isinstance(request.id, str | int) and not isinstance(request.id, bool) and str(request.id).strip():
        # An id of hexadecimal digits may look like a number that a spreadsheet shortened, which is refused.
        values["id"] = f"{'id-' if _LIKE_A_NUMBER.fullmatch(str(request.id)) else ''}{request.id}"[:200]
    told = {name: value for name, value in request.told.items() if value is not None and value != ""}
    if told:
        values["metadata"] = told | ({"at": _moment(told["at"])} if "at" in told else {})
    for column in layout.columns.values():
        if column and column not in values:
            found = first_of(parsed(found_at(record, column, layout.limits), layout.limits))
            if found is not None:
                values[column] = found
    return values


def _moment(value: Any) -> Any:
    """Seconds or milliseconds since 1970 as a date that people read; what else a log writes is kept."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 10**8 < value < 10**14:
        return datetime.fromtimestamp(value / 1000 if value > 10**11 else value, UTC).isoformat(timespec="seconds")
    return value


def first_of(value: Any) -> Any:
    """A text out of a list of them, such as tags."""
    return next(iter(value), None) if isinstance(value, list) else value


def body_of_request(body: Mapping[str, Any], *, model: Any = None) -> LoggedRequest:
    """The body of a request to chat completions, responses, completions, or Anthropic's messages."""
    asked = body.get("messages")
    system = body.get("system") or body.get("instructions")
    if asked is None and body.get("input") is not None:
        if "input" in body and not isinstance(body["input"], str) and not _are_items(body["input"]):
            raise NotAskedError("its input is neither a text nor messages.")
        asked = body["input"]
    if asked is None:
        asked = first_of(body.get("prompt"))
    tools = body.get("tools") or body.get("functions")
    return LoggedRequest(asked, tools, system, told={"model": model or body.get("model")})


def _are_items(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(one, dict) and ("role" in one or "type" in one) for one in given)


def _asked(given: Any, system: Any, layout: Layout) -> list[dict[str, Any]]:
    """The messages up to the last answer, which is left off."""
    given = parsed(given, layout.limits)
    if isinstance(given, dict):
        given = given.get("messages", given.get("prompt", given.get("input")))
        given = parsed(given, layout.limits)
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    if not isinstance(given, list) or not given:
        raise NotAskedError("it holds no messages.")
    reader = _Messages()
    if system:
        reader.add({"role": "system", "content": system})
    for one in given:
        reader.add({"role": "user", "content": one} if isinstance(one, str) else one)
    messages = reader.messages
    while messages and messages[-1]["role"] == "assistant":
        messages.pop()
    if not any(message["role"] in ("user", "tool") for message in messages):
        raise NotAskedError("nobody asks anything in it.")
    return messages


class _Messages:
    """Collects messages in OpenAI's form. Calls without an id get one, and their results in their order."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self._open: list[str] = []
        self._made = 0

    def add(self, given: Any) -> None:
        if not isinstance(given, dict):
            raise NotAskedError("its messages are not objects.")
        kind = given.get("type")
        if kind == "function_call":
            self._call(given.get("call_id") or given.get("id"), given.get("name"), given.get("arguments"))
            return
        if kind in ("function_call_output", "tool_call_response"):
            self._result(given.get("call_id") or given.get("id"), given.get("output", given.get("response")))
            return
        if kind in _DROPPED_PARTS:
            return
        role = given.get("role") or given.get("type")
        role = _ROLES.get(role, role) if isinstance(role, str) else None
        if role not in _KNOWN_ROLES:
            raise NotAskedError(f"it holds a message of the role “{str(role)[:40]}”.")
        content = given.get("content") if given.get("parts") is None else given["parts"]
        if role == "tool" and not _has_results(content):
            self._result(given.get("tool_call_id") or given.get("id"), content)
            return
        self._said(role, content, given)

    def _said(self, role: str, content: Any, given: Mapping[str, Any]) -> None:
        parts: list[dict[str, Any]] = []
        calls = _calls(given)
        for part in _parts(content):
            kind = part.get("type")
            if kind in ("tool_use", "tool_call"):
                calls.append((part.get("id"), part.get("name"), part.get("input", part.get("arguments"))))
            elif kind in ("tool_result", "tool_call_response"):
                result = part.get("content", part.get("response", part.get("result")))
                self._result(part.get("tool_use_id") or part.get("id"), result)
            elif kind not in _DROPPED_PARTS:
                parts.append(_part(part, kind))
        message: dict[str, Any] = {"role": role, "content": _content(parts)}
        if isinstance(given.get("name"), str) and given["name"].strip():
            message["name"] = given["name"]
        if role != "assistant":
            if message["content"] or role in ("system", "developer"):
                self.messages.append(message)
        # An empty turn in the middle of a log is not a gap to be filled.
        elif calls or not is_gap(message):
            self.messages.append(message)
            for called in calls:
                self._call(*called)

    def _call(self, told: Any, name: Any, arguments: Any) -> None:
        if not self.messages or self.messages[-1]["role"] != "assistant":
            self.messages.append({"role": "assistant", "content": ""})
        if not isinstance(told, str) or not told:
            self._made += 1
            told = f"call_{self._made}"
        self._open.append(told)
        if not isinstance(arguments, str):
            arguments = json.dumps({} if arguments is None else arguments, ensure_ascii=False)
        call = {"id": told, "type": "function", "function": {"name": name, "arguments": arguments}}
        self.messages[-1].setdefault("tool_calls", []).append(call)

    def _result(self, told: Any, content: Any) -> None:
        if not isinstance(told, str) or told not in self._open:
            if not self._open:
                raise NotAskedError("it holds the result of a call that stands before its beginning.")
            told = self._open[0]
        self._open.remove(told)
        text = (
            content if isinstance(content, str) else _content([_part(one, one.get("type")) for one in _parts(content)])
        )
        if not isinstance(text, str):
            text = json.dumps(text, ensure_ascii=False)
        self.messages.append({"role": "tool", "tool_call_id": told, "content": text})


def _calls(given: Mapping[str, Any]) -> list[tuple[Any, Any, Any]]:
    calls = []
    listed = given.get("tool_calls") if isinstance(given.get("tool_calls"), list) else []
    old = [{"function": given["function_call"]}] if isinstance(given.get("function_call"), dict) else []
    for call in [*(listed or []), *old]:
        function = call.get("function", call) if isinstance(call, dict) else None
        if not isinstance(function, dict):
            raise NotAskedError("it holds a tool call that is not in OpenAI's form.")
        calls.append((call.get("id"), function.get("name"), function.get("arguments", function.get("args"))))
    return calls


def _has_results(content: Any) -> bool:
    return isinstance(content, list) and any(
        isinstance(one, dict) and one.get("type") in ("tool_result", "tool_call_response") for one in content
    )


def _parts(content: Any) -> list[dict[str, Any]]:
    if content is None or content == "":
        return []
    if isinstance(content, str):
        # Some instrumentations write the list of parts as JSON.
        if content.startswith('[{"type"'):
            try:
                return _parts(json.loads(content))
            except ValueError:
                pass
        return [{"type": "text", "text": content}]
    if isinstance(content, Mapping):
        return [dict(content)] if "type" in content else [{"type": "text", "text": json.dumps(content)}]
    if isinstance(content, Sequence):
        return [dict(one) if isinstance(one, Mapping) else {"type": "text", "text": str(one)} for one in content]
    return [{"type": "text", "text": str(content)}]


def _part(part: Mapping[str, Any], kind: Any) -> dict[str, Any]:
    if kind in ("text", "input_text", "output_text", "refusal"):
        text = part.get("text", part.get("content", part.get("refusal")))
        if isinstance(text, str):
            return {"type": "text", "text": text}
    if kind in _IMAGES and (address := _image(part)):
        return {"type": "image_url", "image_url": {"url": address}}
    raise NotAskedError(f"it holds a part of the type “{str(kind)[:40]}”, which a task cannot.")


def _image(part: Mapping[str, Any]) -> str:
    """The address of an image, or its data: URL; empty if it is only named by an id, or is no image."""
    url = part.get("image_url", part.get("uri"))
    if isinstance(url, Mapping):
        url = url.get("url")
    kind = str(part.get("mime_type") or "")
    if isinstance(url, str) and (part.get("modality", "image") == "image") and not kind.startswith(("video", "audio")):
        return url
    source = part.get("source")
    source = source if isinstance(source, Mapping) else part
    data = source.get("data", source.get("content"))
    kind = str(source.get("media_type") or source.get("mime_type") or "")
    if isinstance(data, str) and kind.startswith("image/"):
        return f"data:{kind};base64,{data}"
    return str(source["url"]) if isinstance(source.get("url"), str) else ""


def _content(parts: list[dict[str, Any]]) -> Any:
    if all(part["type"] == "text" for part in parts):
        return "\n\n".join(part["text"] for part in parts)
    return parts


def _functions(given: list[Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """Functions in OpenAI's form, and the types of tools that are none."""
    functions, others = [], []
    for one in given:
        if not isinstance(one, dict):
            raise NotAskedError("a tool in it is not an object.")
        if isinstance(one.get("function"), dict):
            functions.append({"type": "function", "function": one["function"]})
        elif isinstance(one.get("name"), str) and one.get("type") in (None, "function", "custom"):
            parameters = one.get("parameters") or one.get("input_schema")
            function = {"name": one["name"], "description": one.get("description"), "parameters": parameters}
            functions.append({"type": "function", "function": {k: v for k, v in function.items() if v is not None}})
        else:
            others.append(str(one.get("type"))[:40])
    return functions, others
