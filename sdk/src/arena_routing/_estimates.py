"""What a prompt tells of itself: its texts, its tokens, its complexity by `length-and-markers/1`.

Arena's own selection does the same, text for text; `tests/routing/cases/estimates.json` holds both to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

__all__ = ["METHOD", "Thresholds", "complexity_of", "estimate_tokens", "fewer_tokens", "texts_of"]

METHOD = "length-and-markers/1"

_FULL_LENGTH = 4000
_FULL_MARKERS = 4
_MARKERS = re.compile(
    r"\b(?:prove|derive|explain why|step by step|compare|analy[sz]e|optimi[sz]e|refactor|debug|design|trade-?offs?|"
    r"algorithm|complexity|architecture|edge cases?|constraints?)\b|```|\$\$|\bSELECT\b|\bdef\b|\bclass\b",
    re.IGNORECASE,
)
# How each marker begins: no marker is without one, and no two can overlap.
_BEGINNINGS = (
    *("prove", "derive", "explain why", "step by step", "compare", "analy", "optimi", "refactor", "debug", "design"),
    *("trade", "algorithm", "complexity", "architecture", "edge case", "constraint", "```", "$$"),
    *("select", "def", "class"),
)
# What IGNORECASE holds for s, k or i, while lower() does not, or makes longer.
_ODD_LETTERS = "\u017f\u212a\u0130\u0131"


class Thresholds(NamedTuple):
    medium_from: float
    complex_from: float


def texts_of(prompt: str | None, messages: Sequence[Mapping[str, Any]] | None) -> list[str] | None:
    """The text of the prompt and of every message, or None if neither was given."""
    if prompt is None and messages is None:
        return None
    texts = [] if prompt is None else [prompt]
    for message in messages or ():
        content = message.get("content")
        if isinstance(content, str):
            texts.append(content)
        elif isinstance(content, list):
            texts += [str(part["text"]) for part in content if isinstance(part, Mapping) and "text" in part]
    return texts


def estimate_tokens(texts: Sequence[str]) -> int:
    """About four characters a token, and never fewer than the words."""
    return max(_quarters(texts), sum(len(text.split()) for text in texts))


def fewer_tokens(texts: Sequence[str], value: float) -> bool:
    """Whether `estimate_tokens` is below `value`; words are counted only where that can matter."""
    if _quarters(texts) >= value:
        return False
    # A word has a character, and white space after it unless it is a text's last.
    if sum((len(text) + 1) // 2 for text in texts) < value:
        return True
    return sum(len(text.split()) for text in texts) < value


def _quarters(texts: Sequence[str]) -> int:
    return (sum(map(len, texts)) + 3) // 4


def complexity_of(texts: Sequence[str], thresholds: Thresholds) -> str:
    """Half from the length (4,000 characters are full), half from markers of work (four are full)."""
    length = min(1.0, sum(map(len, texts)) / _FULL_LENGTH)
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
    """As many as the expression finds, `at_most`; found in a tenth of its time, by looking for their beginnings."""
    if not text.isascii() and any(letter in text for letter in _ODD_LETTERS):
        return sum(1 for _ in islice(_MARKERS.finditer(text), at_most))
    lower, found = text.lower(), 0
    for beginning in _BEGINNINGS:
        at = lower.find(beginning)
        while at >= 0:
            marker = _MARKERS.match(text, at)
            if marker is not None:
                found += 1
                if found == at_most:
                    return found
            at = lower.find(beginning, marker.end() if marker is not None else at + 1)
    return found
