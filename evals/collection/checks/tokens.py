"""How many tokens an answer has: as its provider counted them, or what can honestly be said of a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["Estimate", "answer_tokens", "estimate_tokens", "tokens_of_last"]


class Estimate(NamedTuple):
    """Tokenizers differ: between `low` and `high` lie those of the models in use."""

    low: int
    high: int


def answer_tokens(*, tokens_out: int | None, tokens_thinking: int | None, thought: bool) -> int | None:
    """Of the answer itself, as the provider counted; None if that is not known. What a model thought before is no part
    of its answer, and its tokens cannot be taken off where they were not counted apart."""
    if tokens_out is None or (thought and tokens_thinking is None):
        return None
    return max(0, tokens_out - (tokens_thinking or 0))


def tokens_of_last(
    *, turns: Sequence[Mapping[str, Any]], tokens_out: int | None, tokens_thinking: int | None, thinking: str
) -> int | None:
    """`answer_tokens` of an answer as it is stored; of a conversation, of its last answer."""
    if not turns:
        return answer_tokens(tokens_out=tokens_out, tokens_thinking=tokens_thinking, thought=bool(thinking))
    last = turns[-1]
    thought = bool(last.get("thinking"))
    return answer_tokens(
        tokens_out=last.get("tokens_out"), tokens_thinking=last.get("tokens_thinking"), thought=thought
    )


# Characters per token: from the fewest to the most that vocabularies of 30,000 to 200,000 entries make of prose.
_LATIN = (3.0, 5.0)
_OTHER_LETTERS = (1.2, 4.0)
# Han, kana and Hangul, where a character is a syllable or a word.
_SYLLABLES = (0.6, 1.7)


def estimate_tokens(text: str) -> Estimate:
    syllables = sum(1 for character in text if "\u2e80" <= character <= "\ud7ff" or character >= "\U00020000")
    latin = sum(1 for character in text if character < "\u0250")
    others = len(text) - syllables - latin
    parts = ((latin, _LATIN), (others, _OTHER_LETTERS), (syllables, _SYLLABLES))
    low = sum(n / most for n, (_, most) in parts)
    high = sum(n / fewest for n, (fewest, _) in parts)
    return Estimate(max(1, round(low)), max(1, round(high)))
