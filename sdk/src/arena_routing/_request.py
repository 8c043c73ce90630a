"""What a caller says about a request, and what can be estimated from its text.

The estimates follow the method `length-and-markers/1`, which the table names. `tests/routing/cases/estimates.json`
holds the client and the server to the same results.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

__all__ = ["METHOD", "RouteRequest", "Thresholds", "complexity_of", "estimate_tokens"]

METHOD = "length-and-markers/1"

_FULL_LENGTH = 4000
_FULL_MARKERS = 4
_MARKERS = re.compile(
    r"\b(?:prove|derive|explain why|step by step|compare|analy[sz]e|optimi[sz]e|refactor|debug|design|trade-?offs?|"
    r"algorithm|complexity|architecture|edge cases?|constraints?)\b|```|\$\$|\bSELECT\b|\bdef\b|\bclass\b",
    re.IGNORECASE,
)
# Every marker begins with one of these, and no two of them can overlap.
_MARKER_STARTS = (
    *("prove", "derive", "explain why", "step by step", "compare", "analy", "optimi", "refactor", "debug", "design"),
    *("trade", "algorithm", "complexity", "architecture", "edge case", "constraint", "```", "$$"),
    *("select", "def", "class"),
)
# IGNORECASE takes these for s, k or i; lower() leaves them as they are or makes them longer.
_LETTERS_UNLIKE_LOWER = "\u017f\u212a\u0130\u0131"


class Thresholds(NamedTuple):
    """The scores from which a table calls a request medium and complex."""

    medium_from: float
    complex_from: float


@dataclass(slots=True)
class RouteRequest:
    """None means that the caller did not say, and then no condition on the field holds.

    Not frozen: assigning the fields of a frozen dataclass would lengthen the shortest decision by a quarter.
    """

    category: str
    prompt: str | None = None
    messages: Sequence[Mapping[str, Any]] | None = None
    needs: frozenset[str] = frozenset()
    local_only: bool = False
    max_ttft_ms: float | None = None
    max_latency_ms: float | None = None
    max_usd: float | None = None
    prompt_tokens: int | None = None
    complexity: str | None = None
    reasoning: bool | None = None
    label: str | None = None
    _texts: list[str] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def texts(self) -> list[str] | None:
        """The text of the prompt and of every message, or None if neither was given. Collected when first needed."""
        if self._texts is None and not (self.prompt is None and self.messages is None):
            self._texts = [] if self.prompt is None else [self.prompt]
            for message in self.messages or ():
                content = message.get("content")
                if isinstance(content, str):
                    self._texts.append(content)
                elif isinstance(content, list):
                    parts = (part for part in content if isinstance(part, Mapping) and "text" in part)
                    self._texts += [str(part["text"]) for part in parts]
        return self._texts

    @property
    def chars(self) -> int | None:
        """Code points in all the text."""
        texts = self.texts
        return None if texts is None else _chars(texts)

    def has_fewer_tokens_than(self, limit: float) -> bool:
        """By the caller's number, else by `estimate_tokens`. Words are counted only if they can make a difference."""
        if self.prompt_tokens is not None:
            return self.prompt_tokens < limit
        texts = self.texts
        if texts is None or _quarters(texts) >= limit:
            return False
        # A word takes at least a character and a space; the last one of a text needs no space.
        if sum((len(text) + 1) // 2 for text in texts) < limit:
            return True
        return _words(texts) < limit

    def complexity_by(self, thresholds: Thresholds | None) -> str | None:
        """As the caller stated it, else as estimated; None if there is no text, or no thresholds to judge it by."""
        if self.complexity is not None:
            return self.complexity
        texts = self.texts
        return None if texts is None or thresholds is None else complexity_of(texts, thresholds)


def estimate_tokens(texts: Sequence[str]) -> int:
    """About four characters a token, and at least one token a word."""
    return max(_quarters(texts), _words(texts))


def _chars(texts: Sequence[str]) -> int:
    return sum(map(len, texts))


def _quarters(texts: Sequence[str]) -> int:
    return (_chars(texts) + 3) // 4


def _words(texts: Sequence[str]) -> int:
    return sum(len(text.split()) for text in texts)


def complexity_of(texts: Sequence[str], thresholds: Thresholds) -> str:
    """`simple`, `medium` or `complex`. Half of the score is the length, with its maximum at 4,000 characters; half is
    the number of markers of demanding work, with its maximum at four."""
    length = min(1.0, _chars(texts) / _FULL_LENGTH)
    found = 0
    for text in texts:
        found += _count_markers(text, _FULL_MARKERS - found)
        if found == _FULL_MARKERS:
            break
    score = 0.5 * length + 0.5 * (found / _FULL_MARKERS)
    if score >= thresholds.complex_from:
        return "complex"
    return "medium" if score >= thresholds.medium_from else "simple"


def _count_markers(text: str, at_most: int) -> int:
    """The number of matches of `_MARKERS`, at most `at_most`. Looking for their starts first takes a tenth of the time
    that the expression would take over the whole text."""
    if not text.isascii() and any(letter in text for letter in _LETTERS_UNLIKE_LOWER):
        return sum(1 for _ in islice(_MARKERS.finditer(text), at_most))
    lower, found = text.lower(), 0
    for start in _MARKER_STARTS:
        at = lower.find(start)
        while at >= 0:
            marker = _MARKERS.match(text, at)
            if marker is not None:
                found += 1
                if found == at_most:
                    return found
            at = lower.find(start, marker.end() if marker is not None else at + 1)
    return found
