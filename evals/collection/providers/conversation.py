"""OpenAI's messages and tools taken apart, for the formats that have a form of their own.

What cannot be translated is refused (`RequestRefused`), never left out: an answer to half a prompt is no fair one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from evals.collection.providers.errors import RequestRefused
from evals.collection.providers.fields import object_in, objects_in, text_in
from evals.collection.providers.wire import Request, ToolCall, text_of

__all__ = [
    "Conversation",
    "Function",
    "Image",
    "Part",
    "Text",
    "ToolChoice",
    "ToolResult",
    "Tools",
    "Turn",
    "arguments_of",
    "conversation_of",
    "tool_choice_of",
    "tools_of",
]


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Image:
    """`url` is an address, or the image itself as a data: URL."""

    url: str
    detail: str = ""

    @property
    def inline(self) -> tuple[str, str] | None:
        """Media type and base64 text of a data: URL; None for an address."""
        if not self.url.startswith("data:"):
            return None
        head, _, data = self.url.removeprefix("data:").partition(",")
        media_type, *parameters = head.split(";")
        if "base64" not in parameters or not media_type:
            raise RequestRefused("an image is not a base64 data URL with a media type: data:image/png;base64,…")
        return media_type, data


@dataclass(frozen=True)
class ToolResult:
    id: str
    name: str
    text: str


Part = Text | Image | ToolCall | ToolResult


@dataclass(frozen=True)
class Turn:
    role: Literal["user", "assistant", "tool"]
    parts: tuple[Part, ...]


class Conversation(NamedTuple):
    """The instructions, and what was said: the results of the tools that one turn called are one turn."""

    instructions: str
    turns: list[Turn]


@dataclass(frozen=True)
class Function:
    """`parameters` is a JSON Schema."""

    name: str
    description: str
    parameters: dict[str, Any]
    strict: bool


class Tools(NamedTuple):
    """Functions in OpenAI's form, and tools that the provider itself offers, as the settings give them."""

    functions: list[Function]
    others: list[Any]


class ToolChoice(NamedTuple):
    mode: Literal["auto", "none", "required", "function"]
    name: str = ""


def conversation_of(request: Request) -> Conversation:
    instructions, messages = request.split_system()
    # OpenAI's newer name for system messages.
    told = [text_of(message.get("content")) for message in messages if message.get("role") == "developer"]
    turns: list[Turn] = []
    names: dict[str, str] = {}
    for message in messages:
        if message.get("role") == "developer":
            continue
        turn = _turn_of(message, names)
        if turn.role == "tool" and turns and turns[-1].role == "tool":
            turns[-1] = Turn("tool", turns[-1].parts + turn.parts)
        elif turn.parts:  # providers refuse messages without content
            turns.append(turn)
    return Conversation("\n\n".join(text for text in (instructions, *told) if text), turns)


def _turn_of(message: Mapping[str, Any], names: dict[str, str]) -> Turn:
    """`names` collects the functions' names by the ids of their calls."""
    role = message.get("role")
    if role == "user":
        return Turn("user", tuple(_parts_of(message.get("content"))))
    if role == "assistant":
        calls = [_call_of(call) for call in objects_in(message, "tool_calls")]
        names.update((call.id, call.name) for call in calls)
        return Turn("assistant", (*_parts_of(message.get("content")), *calls))
    if role == "tool":
        called = text_in(message, "tool_call_id")
        name = names.get(called) or text_in(message, "name")
        return Turn("tool", (ToolResult(called, name, text_of(message.get("content"))),))
    raise RequestRefused(f"a message has the role “{role}”: known are system, user, assistant and tool")


def _parts_of(content: Any) -> Iterator[Text | Image]:
    for part in content if isinstance(content, Sequence) and not isinstance(content, str) else [content]:
        if isinstance(part, str) or part is None:
            text = part or ""
        elif isinstance(part, Mapping) and part.get("type") == "image_url":
            yield _image_of(part)
            continue
        elif isinstance(part, Mapping) and part.get("type", "text") == "text":
            text = text_in(part, "text")
        else:
            kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
            raise RequestRefused(f"a message holds a part of type “{kind}”: only text and image_url are translated")
        if text:
            yield Text(text)


def _image_of(part: Mapping[str, Any]) -> Image:
    image = part.get("image_url")
    if isinstance(image, Mapping):
        return Image(text_in(image, "url"), text_in(image, "detail"))
    return Image(text_in(part, "image_url"))


def _call_of(call: Mapping[str, Any]) -> ToolCall:
    function = object_in(call, "function")
    return ToolCall(text_in(call, "id"), text_in(function, "name"), text_in(function, "arguments"))


def arguments_of(call: ToolCall) -> dict[str, Any]:
    """The arguments of a call in the conversation, for formats that want an object."""
    try:
        arguments: Any = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        raise RequestRefused(f"the arguments of the call of “{call.name}” in the messages are not a JSON object")
    return arguments


def tools_of(options: Mapping[str, Any]) -> Tools:
    tools = options.get("tools")
    functions, others = [], []
    for tool in tools if isinstance(tools, list) else []:
        function = object_in(tool, "function") if isinstance(tool, Mapping) else {}
        if not function:
            others.append(tool)
            continue
        functions.append(
            Function(
                text_in(function, "name"),
                text_in(function, "description"),
                object_in(function, "parameters") or {"type": "object", "properties": {}},
                function.get("strict") is True,
            )
        )
    return Tools(functions, others)


def tool_choice_of(options: Mapping[str, Any]) -> ToolChoice | None:
    """None if there is none in OpenAI's form."""
    choice = options.get("tool_choice")
    if choice == "auto" or choice == "none" or choice == "required":
        return ToolChoice(choice)
    if isinstance(choice, Mapping) and choice.get("type") == "function" and object_in(choice, "function"):
        return ToolChoice("function", text_in(object_in(choice, "function"), "name"))
    return None
