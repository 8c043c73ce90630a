"""What a reply has said so far, whatever its wire format; nothing in it is trusted.

Only an ending that is known to be good makes an answer. Thinking is kept aside, also where it leads the text between
`<think>` and `</think>`, or before a `</think>` that nothing opened.
"""

from __future__ import annotations

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from evals.collection.providers.errors import (
    EmptyAnswer,
    Filtered,
    NotText,
    Overloaded,
    ProviderError,
    ServerError,
    TooLarge,
)
from evals.collection.providers.texts import clean
from evals.collection.providers.usage import Usage, merged
from evals.collection.providers.wire import Gaps, Limits, Reply, ToolCall

__all__ = ["Answer", "CallPieces", "without_thinking"]

# The words by which providers end an answer, lower case, and what each of them means here.
_GOOD = {
    "stop": ("stop", "eos", "eos_token", "end_turn", "stop_sequence", "end", "complete", "completed", "stop_token"),
    "length": (
        "length",
        "max_tokens",
        "max_output_tokens",
        "model_length",
        "max_length",
        "token_limit",
        "model_context_window_exceeded",
    ),
    "tool_calls": ("tool_calls", "tool_call", "function_call", "tool_use"),
    "refusal": ("refusal",),
}
_MEANING = {word: meaning for meaning, words in _GOOD.items() for word in words}
_BAD: dict[str, tuple[type[ProviderError], str]] = {
    **dict.fromkeys(
        ("content_filter", "sensitive", "safety", "recitation", "blocklist", "prohibited_content", "spii",
         "image_safety", "guardrail_intervened"),
        (Filtered, "the provider's filter ended the answer"),
    ),
    "insufficient_system_resource": (Overloaded, "the provider ran out of resources in the middle of the answer"),
}  # fmt: skip

_OPEN, _CLOSE = "<think>", "</think>"


@dataclass
class CallPieces:
    """A tool call as it arrives."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    def named(self, name: Any) -> None:
        if isinstance(name, str) and not self.name:
            self.name = name[:200]


class Answer(ABC):
    """A wire format's own answer takes its events (`take`) and calls the `add_…` methods.

    After each event the clock reads `says_something` (any token, thinking included), `has_begun` (there is a piece of
    the answer itself) and `ended` (what follows can only be counts).
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._thinking: list[str] = []
        self._refusal: list[str] = []
        self._calls: list[CallPieces] = []
        # In their order: the bytes, or the address at which they are still to be fetched.
        self._images: list[bytes | str] = []
        self._chars = 0
        self._leading = _Leading()
        self.ending = ""
        self.usage = Usage()
        # Time before the first token that the server says was not the model's own: loading it into memory.
        self.loading_ms = 0.0
        self.says_something = False

    @abstractmethod
    def take(self, document: dict[str, Any], *, name: str = "") -> bool:
        """One event of the stream, or the whole reply. True: nothing more is expected."""

    @property
    def ended(self) -> bool:
        return bool(self.ending)

    @property
    def has_begun(self) -> bool:
        return self._leading.answered or bool(self._calls or self._refusal or self._images)

    @property
    def chars(self) -> int:
        """How many characters came so far: of the answer, its thinking and its calls' arguments."""
        return self._chars

    @property
    def lacks_images(self) -> bool:
        """Whether images were named that have not been fetched."""
        return any(isinstance(image, str) for image in self._images)

    # what the formats tell

    def add_text(self, text: str) -> None:
        if text:
            self._measure(text)
            self._leading.take(text)

    def add_thinking(self, text: str) -> None:
        if text:
            self._keep(self._thinking, text)

    def add_refusal(self, text: str) -> None:
        if text:
            self._keep(self._refusal, text)

    def new_call(self, *, id: Any = "", name: Any = "") -> CallPieces:  # noqa: A002 (as every format calls it)
        if len(self._calls) >= self._limits.tool_calls:
            raise TooLarge(f"more than {self._limits.tool_calls} tool calls")
        call = CallPieces(id=id[:200] if isinstance(id, str) else "")
        call.named(name)
        self._calls.append(call)
        self.says_something = True
        return call

    def add_arguments(self, call: CallPieces, arguments: Any) -> None:
        """Text in pieces, or the object itself."""
        if isinstance(arguments, dict | list):
            arguments = json.dumps(arguments, ensure_ascii=False)
        if isinstance(arguments, str) and arguments:
            self._keep(call.arguments, arguments)

    def add_image(self, url: Any) -> None:
        """An http(s) address or a data: URL; one that was told before is the same image. Anything else is left out."""
        if not isinstance(url, str):
            return
        if url.startswith("data:"):
            head, _, data = url.partition(",")
            if not head.endswith(";base64"):
                raise NotText(f"the answer holds a file that is not base64: {head[:80]}", status_code=200)
            self.add_image_base64(data)
        elif url.startswith(("http://", "https://")):
            self._keep_image(url)

    def add_image_base64(self, data: Any) -> None:
        if not isinstance(data, str):
            return
        if len(data) > self._limits.image_bytes * 4 / 3 + 4:
            raise TooLarge(f"an image is larger than {self._limits.image_bytes:,} bytes")
        try:
            self._keep_image(base64.b64decode(data, validate=True))
        except ValueError:
            raise NotText("an image in the answer is not base64", status_code=200) from None

    def _keep_image(self, image: bytes | str) -> None:
        if not image or image in self._images:
            return
        if len(self._images) >= self._limits.images:
            raise TooLarge(f"more than {self._limits.images} images")
        self._images.append(image)
        self.says_something = True

    async def fetch_images(self, fetch: Callable[[str], Awaitable[bytes]]) -> None:
        """Get those that were named by an address."""
        for at, image in enumerate(self._images):
            if isinstance(image, str):
                self._images[at] = await fetch(image)

    def add_usage(self, told: Usage) -> None:
        self.usage = merged(self.usage, told)

    def end(self, reason: Any) -> None:
        if isinstance(reason, str) and reason:
            self.ending = clean(reason)[:40]

    # what becomes of it

    def reply(self, *, latency_ms: float, ttft_ms: float | None, status_code: int, gaps: Gaps) -> Reply:
        """Raises a ProviderError if this is no answer that anybody should judge."""
        meaning = self._meaning()
        text, thinking = self._divided()
        refusal = clean("".join(self._refusal))
        calls = tuple(
            ToolCall(clean(call.id), clean(call.name), clean("".join(call.arguments))) for call in self._calls
        )
        images = tuple(image for image in self._images if isinstance(image, bytes))
        if not text.strip() and not refusal.strip() and not calls and not images:
            hint = ": raise max_tokens" if meaning == "length" else ""
            before = "before any text" if not thinking.strip() else "while thinking, before any answer"
            raise EmptyAnswer(f"finished with reason “{self.ending}” {before}{hint}")
        return Reply(
            text=text if text.strip() else refusal,
            thinking=thinking,
            finish_reason=meaning,
            latency_ms=latency_ms,
            ttft_ms=ttft_ms,
            gaps=gaps,
            usage=self.usage,
            tool_calls=calls,
            images=images,
            refused=bool(refusal.strip()) or meaning == "refusal",
            status_code=status_code,
        )

    def _meaning(self) -> str:
        word = self.ending.lower()
        if word in _MEANING:
            return _MEANING[word]
        kind, words = _BAD.get(word, (ServerError, "the answer did not end as a finished one does"))
        raise kind(f"{words}: “{self.ending}”")

    def _divided(self) -> tuple[str, str]:
        text, thinking = self._leading.divided()
        return clean(text), clean("".join(self._thinking) + thinking).strip()

    def _measure(self, text: str) -> None:
        self._chars += len(text)
        if self._chars > self._limits.text_chars:
            raise TooLarge(f"the answer is longer than {self._limits.text_chars:,} characters")
        self.says_something = True

    def _keep(self, pieces: list[str], text: str) -> None:
        self._measure(text)
        pieces.append(text)


def without_thinking(text: str) -> tuple[str, str]:
    """The answer, and the thinking that led it: between `<think>` and `</think>`, or before a lone `</think>`."""
    leading = _Leading()
    leading.take(text)
    answer, thinking = leading.divided()
    return answer, thinking.strip()


class _Leading:
    """Divides text, as it arrives, into the thinking that leads it and the answer.

    Takes time in proportion to the text, however it is cut into pieces.
    """

    def __init__(self) -> None:
        self._state = "lead"  # then "thinking" or "open", and last "answer"
        self._held = ""  # not yet divided: it may be the beginning of a tag
        self._opened = False
        self._thinking: list[str] = []
        self._text: list[str] = []
        self.answered = False

    def take(self, piece: str) -> None:
        if self._state == "lead":
            piece = self._lead(piece)
        if self._state == "thinking":
            piece = self._until_closed(piece)
        elif self._state == "open":
            piece = self._watched(piece)
        if piece and self._state in ("open", "answer"):
            self._say(piece)

    def divided(self) -> tuple[str, str]:
        """Text and thinking, once everything has arrived."""
        held = self._held if self._state in ("lead", "thinking") else ""
        self._held = ""
        if self._state == "lead":
            return held, ""
        return "".join(self._text), "".join(self._thinking) + held

    def _lead(self, piece: str) -> str:
        self._held += piece
        led = self._held.lstrip()
        if not led.startswith(_OPEN) and _OPEN.startswith(led):
            return ""
        whole, self._held = self._held, ""
        if led.startswith(_OPEN):
            self._state = "thinking"
            return led.removeprefix(_OPEN)
        self._state = "open"
        return whole

    def _until_closed(self, piece: str) -> str:
        before, closed, after = (self._held + piece).partition(_CLOSE)
        if closed:
            self._thinking.append(before)
            self._state, self._held = "answer", ""
            return after
        kept = len(before) - len(_CLOSE) + 1
        self._thinking.append(before[: max(kept, 0)])
        self._held = before[max(kept, 0) :]
        return ""

    def _watched(self, piece: str) -> str:
        """The answer, as far as is known: a closing tag that nothing opened would make all of it thinking."""
        window = self._held + piece
        self._opened = self._opened or _OPEN in window
        if not self._opened and _CLOSE in window:
            before, _, after = ("".join(self._text) + piece).partition(_CLOSE)
            self._thinking.append(before)
            self._text.clear()
            self._state, self._held, self.answered = "answer", "", False
            return after
        self._held = window[-len(_CLOSE) + 1 :]
        return piece

    def _say(self, piece: str) -> None:
        if not self.answered and self._thinking:
            piece = piece.lstrip()
        if piece:
            self._text.append(piece)
            self.answered = self.answered or bool(piece.strip())
