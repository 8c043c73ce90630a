"""Conversations: a task's messages in OpenAI's form, in which an assistant message without content is a gap that the
model fills. The model is asked at each gap in turn, and after the last message, whether or not a gap stands there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = [
    "calls_in",
    "content_text",
    "is_gap",
    "pretty_arguments",
    "prompt_text",
    "segments",
    "turns_asked",
    "written",
]

Message = Mapping[str, Any]
# Arguments of calls longer than this are shown as they were written: putting them in order takes time.
_PRETTY_CHARS = 60_000


def is_gap(message: Message) -> bool:
    """Whether the model's answer belongs here."""
    if message.get("role") != "assistant" or message.get("tool_calls"):
        return False
    content = message.get("content")
    return not (content.strip() if isinstance(content, str) else content)


def segments(messages: Sequence[Message]) -> list[list[Message]]:
    """What is said before each of the model's answers, since the answer before; one list an answer."""
    found: list[list[Message]] = [[]]
    for message in messages:
        if is_gap(message):
            found.append([])
        else:
            found[-1].append(message)
    return found if found[-1] else found[:-1]


def turns_asked(messages: Sequence[Message]) -> int:
    """How many answers the model gives: 1 for a task that is no conversation, 0 for one known only by its id."""
    return len(segments(messages))


def prompt_text(messages: Sequence[Message]) -> str:
    """The last user message before the first answer; of a prompt without one, the last message. Empty if nothing is
    known of the prompt."""
    said = next(iter(segments(messages)), [])
    asked = [message for message in said if message.get("role") == "user"] or said
    return content_text(asked[-1].get("content")) if asked else ""


def content_text(content: Any) -> str:
    """The text of a message's content: a text, or a list of parts, of which those that are not text are named; images
    are not, as pages show them."""
    if isinstance(content, list):
        parts = (part for part in content if isinstance(part, Mapping) and part.get("type") != "image_url")
        return "\n\n".join(str(part.get("text") or f"[{part.get('type', 'attachment')}]") for part in parts)
    return "" if content is None else str(content)


def written(*, text: str, tool_calls: Any, turns: Sequence[Mapping[str, Any]]) -> list[tuple[str, tuple[str, ...]]]:
    """All that a generation's model wrote for others to see: of each of its answers the text, and the calls as they are
    shown. The parameters are the generation's columns."""
    answers = turns or [{"text": text, "tool_calls": tool_calls}]
    return [
        (str(one.get("text", "")).strip(), tuple(f"{name}({given})" for name, given in calls_in(one.get("tool_calls"))))
        for one in answers
    ]


def calls_in(calls: Any) -> Iterator[tuple[str, str]]:
    """Names and arguments of tool calls, in OpenAI's form (`function`) or as generations store them (flat). Their ids
    are left out: their form tells the provider."""
    for call in calls if isinstance(calls, list) else []:
        if isinstance(call, Mapping):
            function = call.get("function", call)
            function = function if isinstance(function, Mapping) else {}
            yield str(function.get("name", "")), pretty_arguments(function.get("arguments", ""))


def pretty_arguments(written: Any) -> str:
    """JSON in one form, whatever its spaces and the order of its keys; anything else exactly as it was written. None at
    all is an empty object: some providers write one, some nothing, which would tell them apart."""
    if not isinstance(written, str):
        return json.dumps(written, indent=2, ensure_ascii=False, sort_keys=True)
    if len(written) > _PRETTY_CHARS:
        return written
    if not written.strip():
        return "{}"
    try:
        parsed = json.loads(written, object_pairs_hook=_object, parse_float=_as_written)
        pretty = json.dumps(parsed, indent=2, ensure_ascii=False, sort_keys=True, allow_nan=False)
        pretty.encode()
    except (ValueError, RecursionError):  # lone surrogates, which only escapes can write, are ValueErrors too
        return written
    return pretty


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice: only the text shows both")
    return found


def _as_written(number: str) -> float:
    found = float(number)
    if repr(found) != number:
        raise ValueError("shown in another form, the number would not be what was written")
    return found
