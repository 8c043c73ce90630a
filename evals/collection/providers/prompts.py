"""A conversation as one text, for models that take a prompt instead of messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evals.collection.providers.errors import RequestRefused
from evals.collection.providers.wire import Request, text_of

__all__ = ["as_prompt"]

_SPEAKERS = {"user": "User", "assistant": "Assistant"}


def as_prompt(request: Request) -> tuple[str, str]:
    """The instructions, and the prompt: one message as it is; of several, each after its speaker's name.

    Raises RequestRefused for what a text cannot hold: an answer to half a question must not be judged.
    """
    if request.tools:
        raise RequestRefused("this provider takes a prompt, which cannot offer the task's tools")
    system, messages = request.split_system()
    for message in messages:
        _check(message)
    if len(messages) == 1:
        return system, text_of(messages[0].get("content"))
    turns = [f"{_SPEAKERS[message['role']]}: {text_of(message.get('content'))}" for message in messages]
    return system, "\n\n".join([*turns, "Assistant:"])


def _check(message: Mapping[str, Any]) -> None:
    content = message.get("content")
    if message.get("role") not in _SPEAKERS or message.get("tool_calls"):
        raise RequestRefused("this provider takes a prompt, which cannot hold tool calls or their results")
    if isinstance(content, list) and any(
        not isinstance(part, Mapping) or part.get("type", "text") != "text" for part in content
    ):
        raise RequestRefused("this provider takes a prompt, which cannot hold images or files")
