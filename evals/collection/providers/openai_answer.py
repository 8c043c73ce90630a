"""Builds an OpenAI chat completion from its chunks, trusting none of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from evals.collection.providers.errors import EmptyAnswer, Filtered, Malformed, TooLarge
from evals.collection.providers.texts import clean
from evals.collection.providers.wire import Limits, Reply, ToolCall

__all__ = ["Answer"]

# More than any model reads or writes: a larger count is ignored.
_MOST_TOKENS = 100_000_000


@dataclass
class _CallPieces:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class Answer:
    """Takes `chat.completion.chunk` objects (or one whole `chat.completion`) and ends as a Reply."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, _CallPieces] = {}
        self._chars = 0
        self.finish_reason = ""
        self.tokens_in: int | None = None
        self.tokens_out: int | None = None
        self.tokens_in_cached: int | None = None
        # Read by the deadline and the clock after each chunk.
        self.says_something = False  # any token, thinking included
        self.has_begun = False  # the first piece of the answer itself

    def take(self, chunk: Any) -> None:
        if not isinstance(chunk, dict):
            raise Malformed(f"expected an object in the stream, got {type(chunk).__name__}")
        self._take_usage(chunk.get("usage"))
        choices = chunk.get("choices")
        if choices is None:
            return
        if not isinstance(choices, list):
            raise Malformed("`choices` is not a list")
        for choice in choices:
            if not isinstance(choice, dict):
                raise Malformed("a choice is not an object")
            if choice.get("index", 0) not in (0, None):
                continue  # the settings asked for several choices; the first is kept
            message = choice.get("delta", choice.get("message"))
            if isinstance(message, dict):
                self._take_message(message)
            reason = choice.get("finish_reason")
            if isinstance(reason, str) and reason:
                self.finish_reason = clean(reason)[:40]

    def reply(self, *, latency_ms: float, ttft_ms: float | None, status_code: int) -> Reply:
        """Raises Filtered or EmptyAnswer if there is nothing to vote on."""
        text = clean("".join(self._text))
        refusal = clean("".join(self._refusal))
        calls = tuple(
            ToolCall(clean(call.id), clean(call.name), clean("".join(call.arguments)))
            for _, call in sorted(self._calls.items())
        )
        if self.finish_reason == "content_filter":
            raise Filtered("the provider's filter ended the answer")
        if not text.strip() and not refusal.strip() and not calls:
            reason = self.finish_reason or "none given"
            hint = ": raise max_tokens" if reason == "length" else ""
            raise EmptyAnswer(f"finished with reason “{reason}” before any text{hint}")
        return Reply(
            text=text if text.strip() else refusal,
            finish_reason=self.finish_reason,
            latency_ms=latency_ms,
            ttft_ms=ttft_ms,
            tokens_in=self.tokens_in,
            tokens_out=self.tokens_out,
            tokens_in_cached=self.tokens_in_cached,
            tool_calls=calls,
            refused=bool(refusal.strip()),
            status_code=status_code,
        )

    def _take_message(self, message: dict[str, Any]) -> None:
        # Thinking shows that the model is at work, but is not an answer. Servers use several names for it.
        if any(_text_of(message.get(name)) for name in ("reasoning_content", "reasoning", "thinking")):
            self.says_something = True
        content = message.get("content")
        if isinstance(content, list) and content:
            self.says_something = True  # typed parts: thinking may be one of them
        self._keep(self._text, _text_of(content))
        self._keep(self._refusal, _text_of(message.get("refusal")))
        calls = message.get("tool_calls")
        if isinstance(calls, list):
            for position, call in enumerate(calls):
                if isinstance(call, dict):
                    self._take_call(call, position)

    def _take_call(self, piece: dict[str, Any], position: int) -> None:
        index = piece.get("index")
        if not isinstance(index, int) or isinstance(index, bool):
            # Servers that send each call in one piece leave out the index.
            known = [at for at, call in self._calls.items() if call.id and call.id == piece.get("id")]
            index = known[0] if known else (len(self._calls) if piece.get("id") else position)
        if index not in self._calls and len(self._calls) >= self._limits.tool_calls:
            raise TooLarge(f"more than {self._limits.tool_calls} tool calls")
        call = self._calls.setdefault(index, _CallPieces())
        call.id = call.id or str(piece.get("id") or "")[:200]
        function = piece.get("function")
        if isinstance(function, dict):
            if isinstance(function.get("name"), str) and not call.name:
                call.name = function["name"][:200]
            arguments = function.get("arguments")
            self._keep(call.arguments, json.dumps(arguments) if isinstance(arguments, dict) else _text_of(arguments))
        self.says_something = self.has_begun = True

    def _keep(self, pieces: list[str], text: str) -> None:
        if not text:
            return
        self._chars += len(text)
        if self._chars > self._limits.text_chars:
            raise TooLarge(f"the answer is longer than {self._limits.text_chars:,} characters")
        pieces.append(text)
        self.says_something = self.has_begun = True

    def _take_usage(self, usage: Any) -> None:
        """Each chunk may carry running counts; the last ones are kept."""
        if not isinstance(usage, dict):
            return
        self.tokens_in = _count(usage.get("prompt_tokens"), self.tokens_in)
        self.tokens_out = _count(usage.get("completion_tokens"), self.tokens_out)
        details = usage.get("prompt_tokens_details")
        if isinstance(details, dict):
            self.tokens_in_cached = _count(details.get("cached_tokens"), self.tokens_in_cached)


def _text_of(content: Any) -> str:
    """Text is a string, or a list of parts, of which those of type `text` are the answer."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(
            part["text"]
            for part in content
            if isinstance(part, dict) and part.get("type", "text") == "text" and isinstance(part.get("text"), str)
        )
    return ""


def _count(value: Any, known: int | None) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS:
        return value
    return known
