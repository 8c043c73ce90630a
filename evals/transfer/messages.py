"""Messages and tools of a task in OpenAI's form, as files, pages and the API give them: checked, and brought into the
one form that is stored. An assistant message without content is a gap for the model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from evals.catalog.conversations import is_gap, turns_asked
from evals.catalog.names import BadValueError
from evals.transfer.files.values import name_text

__all__ = ["GAP", "MOST_TURNS", "read_calls", "read_messages", "read_tools"]

GAP: dict[str, Any] = {"role": "assistant", "content": ""}

MOST_MESSAGES = 1_000
MOST_TURNS = 20
MOST_TOOLS = 128
MOST_CALLS = 128
LONGEST_TOOLS = 200_000
LONGEST_NAME = 200

_FIELDS = {
    "system": {"role", "content", "name"},
    "developer": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "name", "tool_calls"},
    "tool": {"role", "content", "name", "tool_call_id"},
}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOOL = '{"type": "function", "function": {"name": "…", "description": "…", "parameters": {…}}}'
_CALL = '{"id": "…", "type": "function", "function": {"name": "…", "arguments": "{…}"}}'


def read_messages(given: Any, name: str) -> list[dict[str, Any]]:
    """BadValueError names the message and the fix. A gap at the end, which goes without saying, is left out."""
    if not isinstance(given, list) or not given:
        raise BadValueError(f'{name} must be a JSON list, such as [{{"role": "user", "content": "…"}}].')
    if len(given) > MOST_MESSAGES:
        raise BadValueError(f"{name} hold {len(given):,} messages; the limit is {MOST_MESSAGES:,}.")
    messages = [_message(n, one) for n, one in enumerate(given, start=1)]
    if is_gap(messages[-1]) and len(messages) > 1:
        del messages[-1]
    _check_gaps(messages, name)
    _check_results(messages)
    if not any(isinstance(one["content"], list) or one["content"].strip() for one in messages):
        raise BadValueError(f"{name} are blank.")
    return messages


def _check_gaps(messages: list[dict[str, Any]], name: str) -> None:
    said = False
    for n, message in enumerate(messages, start=1):
        if not is_gap(message):
            said = said or message["role"] in ("user", "tool")
        elif not said:
            raise BadValueError(
                f"message {n} is the assistant's without content, a gap for the model, but no user message stands "
                "before it since the last one. Add one, or give the assistant's message its content."
            )
        elif messages[n - 2]["role"] == "assistant":
            raise BadValueError(
                f"message {n} is a gap for the model after an assistant message. Leave one of them out."
            )
        else:
            said = False
    if messages[-1]["role"] == "assistant":
        raise BadValueError(f"{name} end with the assistant's: there is nothing to ask.")
    turns = turns_asked(messages)
    if turns > 1 and not said:
        raise BadValueError(f"{name} end without a user message after the last gap for the model. Add one.")
    if turns > MOST_TURNS:
        raise BadValueError(f"{name} ask the model for {turns:,} answers; the limit is {MOST_TURNS}. Split the task.")


def _check_results(messages: list[dict[str, Any]]) -> None:
    """Every call of the messages has its result before anything else is said: no provider takes them otherwise."""
    open_calls: dict[str, int] = {}
    known: set[str] = set()
    for n, message in enumerate(messages, start=1):
        if message["role"] == "tool":
            called = message["tool_call_id"]
            if open_calls.pop(called, None) is None:
                raise BadValueError(
                    f"message {n}: its tool_call_id “{called}” is not the id of a call in the assistant message before "
                    "it that has no result yet."
                )
            continue
        _check_none_open(open_calls)
        for call in message.get("tool_calls", ()):
            if call["id"] in known:
                raise BadValueError(f"message {n}: the id “{call['id']}” of a call is given twice. Make ids unique.")
            known.add(call["id"])
            open_calls[call["id"]] = n
    _check_none_open(open_calls)


def _check_none_open(calls: Mapping[str, int]) -> None:
    for called, n in calls.items():
        raise BadValueError(
            f"message {n}: the call “{called}” has no result. Add a message with the role tool and this tool_call_id "
            "right after it."
        )


def _message(n: int, given: Any) -> dict[str, Any]:
    role = given.get("role") if isinstance(given, dict) else None
    if not isinstance(role, str) or role not in _FIELDS:
        raise BadValueError(f"message {n} needs a role: {', '.join(_FIELDS)}.")
    # Clients write what they leave out as null or as an empty list.
    fields = {name: value for name, value in given.items() if value is not None and value != []}
    unknown = sorted(set(fields) - _FIELDS[role])
    if unknown:
        *some, last = sorted(_FIELDS[role])
        raise BadValueError(
            f"message {n} has “{unknown[0][:40]}”; a message with the role {role} holds {', '.join(some)} and {last}."
        )
    message: dict[str, Any] = {"role": role, "content": _content(n, role, given.get("content"))}
    if "name" in fields:
        message["name"] = name_text(fields["name"], "a message's name", longest=64)
    if "tool_calls" in fields:
        message["tool_calls"] = list(read_calls(fields["tool_calls"], f"message {n}", ids=True))
    if role == "tool":
        if not isinstance(given.get("tool_call_id"), str):
            raise BadValueError(f"message {n} needs tool_call_id, the id of the call whose result it is.")
        message["tool_call_id"] = name_text(given["tool_call_id"], "tool_call_id", longest=LONGEST_NAME)
    return message if not is_gap(message) else GAP | message | {"content": ""}


def _content(n: int, role: str, given: Any) -> str | list[dict[str, Any]]:
    """Text; a list if there are images in it."""
    if isinstance(given, str):
        return given
    if role == "assistant" and (given is None or given == []):
        return ""
    if not isinstance(given, list) or not given:
        raise BadValueError(f"message {n} needs content, as text or as a list of parts.")
    parts = [_part(f"message {n}, part {at}", role, part) for at, part in enumerate(given, start=1)]
    if all(part["type"] == "text" for part in parts):
        return "\n\n".join(part["text"] for part in parts)
    return parts


def _part(where: str, role: str, given: Any) -> dict[str, Any]:
    kind = given.get("type") if isinstance(given, dict) else None
    if kind == "text" and isinstance(given.get("text"), str):
        return {"type": "text", "text": given["text"]}
    if kind == "image_url" and role == "user":
        return {"type": "image_url", "image_url": _image(where, given.get("image_url"))}
    if kind == "image_url":
        raise BadValueError(f"{where}: images belong to messages with the role user.")
    raise BadValueError(
        f'{where} must be {{"type": "text", "text": "…"}} or {{"type": "image_url", "image_url": {{"url": "…"}}}}.'
    )


def _image(where: str, given: Any) -> dict[str, Any]:
    image = {"url": given} if isinstance(given, str) else given
    if not isinstance(image, dict) or not isinstance(image.get("url"), str) or not image["url"].strip():
        raise BadValueError(f'{where} needs the image\'s address: {{"image_url": {{"url": "…"}}}}.')
    unknown = sorted(set(image) - {"url", "detail"})
    if unknown or image.get("detail", "auto") not in ("auto", "low", "high"):
        raise BadValueError(f"{where}: an image has url, and detail (auto, low or high).")
    return dict(image)


def read_calls(given: Any, where: str, *, ids: bool = False) -> Iterator[dict[str, Any]]:
    """Tool calls in OpenAI's form. `ids`: each needs one. Arguments may be the object itself; text is kept as it is."""
    if not isinstance(given, list):
        raise BadValueError(f"{where}: tool_calls must be a list of calls, such as {_CALL}.")
    if len(given) > MOST_CALLS:
        raise BadValueError(f"{where} has {len(given):,} tool calls; the limit is {MOST_CALLS}.")
    for n, call in enumerate(given, start=1):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise BadValueError(f"{where}, tool call {n} must have this form: {_CALL}.")
        if len(function["name"]) > LONGEST_NAME:
            raise BadValueError(
                f"{where}, tool call {n}: the name is longer than {LONGEST_NAME} characters, the limit."
            )
        arguments = function.get("arguments")
        if not isinstance(arguments, str | dict | None):
            raise BadValueError(f"{where}, tool call {n}: the arguments are a JSON object, or its text.")
        told = call.get("id") or None
        if ids and (not isinstance(told, str) or not told.strip()):
            raise BadValueError(f"{where}, tool call {n} needs an id, which the message with its result names.")
        yield {
            "id": "" if told is None else name_text(told, f"{where}, tool call {n}: id", longest=LONGEST_NAME),
            "type": "function",
            "function": {
                "name": function["name"],
                "arguments": arguments
                if isinstance(arguments, str)
                else json.dumps(arguments or {}, ensure_ascii=False),
            },
        }


def read_tools(given: Any) -> list[dict[str, Any]]:
    """The functions that a task offers; BadValueError names the tool and the fix."""
    if not isinstance(given, list):
        raise BadValueError(f"tools must be a JSON list, such as [{_TOOL}].")
    if len(given) > MOST_TOOLS:
        raise BadValueError(f"has {len(given):,} tools; the limit is {MOST_TOOLS}.")
    size = len(json.dumps(given, ensure_ascii=False))
    if size > LONGEST_TOOLS:
        raise BadValueError(f"tools have {size:,} characters; the limit is {LONGEST_TOOLS:,}.")
    tools = [_tool(n, one) for n, one in enumerate(given, start=1)]
    names = [tool["function"]["name"] for tool in tools]
    for name in names:
        if names.count(name) > 1:
            raise BadValueError(f"two tools have the name “{name}”. Rename one.")
    return tools


def _tool(n: int, given: Any) -> dict[str, Any]:
    function = given.get("function") if isinstance(given, dict) else None
    if not isinstance(function, dict) or given.get("type") != "function" or set(given) != {"type", "function"}:
        raise BadValueError(f"tool {n} must have OpenAI's form: {_TOOL}.")
    unknown = sorted(set(function) - {"name", "description", "parameters", "strict"})
    if unknown:
        raise BadValueError(
            f"tool {n} has “{unknown[0][:40]}”; a function has name, description, parameters and strict."
        )
    name = function.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadValueError(f"tool {n} needs a name of 1 to 64 letters, digits, _ and -.")
    if not isinstance(function.get("description", ""), str):
        raise BadValueError(f"tool {n} ({name}): the description must be text.")
    if not isinstance(function.get("parameters", {}), dict):
        raise BadValueError(f"tool {n} ({name}): parameters must be a JSON Schema, an object.")
    if not isinstance(function.get("strict", False), bool | None):
        raise BadValueError(f"tool {n} ({name}): strict must be true or false.")
    return {"type": "function", "function": {key: value for key, value in function.items() if value is not None}}
