"""Whether an answer is the right one: a task's reference, and other answers that count as right.

What does not make a fact right or wrong is set aside: case, unless the check asks for it, the width and kind of
characters, white space, and punctuation and emphasis around the answer.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import deque

__all__ = ["compare_number", "is_answer", "last_number", "names_answer", "normalised", "number_of"]

# What surrounds an answer and is no part of it.
_AROUND = " \t\n*_`~#\"'“”„‚‘’«»‹›()[]{}.,;:!?…。、，！？：；「」『』¡¿"
_SAME = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "“": '"', "”": '"', "−": "-", "–": "-", "‐": "-", "‑": "-"})


def normalised(text: str, *, ignore_case: bool) -> str:
    text = " ".join(unicodedata.normalize("NFKC", text).translate(_SAME).split())
    return text.casefold() if ignore_case else text


def is_answer(text: str, accepted: str, *, ignore_case: bool) -> bool:
    """Apart from what surrounds both."""
    given, wanted = (normalised(one, ignore_case=ignore_case) for one in (text, accepted))
    return given == wanted or (given.strip(_AROUND) == wanted.strip(_AROUND) != "")


def names_answer(text: str, accepted: str, *, ignore_case: bool) -> bool:
    """Whether it stands in the text as a whole: 4 is not in 14, nor 3 in 3.5, nor Iran in Iranian."""
    given, wanted = (normalised(one, ignore_case=ignore_case) for one in (text, accepted))
    if not wanted:
        return False
    # The marks that set words apart in Markdown are no letters of them.
    given = given.replace("*", "")
    at = given.find(wanted)
    while at >= 0:
        if _begins(given, at, wanted[0]) and _ends(given, at + len(wanted), wanted[-1]):
            return True
        at = given.find(wanted, at + 1)
    return False


def _begins(text: str, at: int, first: str) -> bool:
    before = text[at - 1 : at]
    if _joined(before, first):
        return False
    if not first.isdigit():
        return True
    if before == "-":  # a minus, where no word or number stands before it
        return text[at - 2 : at - 1].isalnum()
    return not (before in {".", ","} and text[at - 2 : at - 1].isdigit())


def _ends(text: str, at: int, last: str) -> bool:
    after = text[at : at + 1]
    if _joined(after, last):
        return False
    return not (last.isdigit() and after in {".", ","} and text[at + 1 : at + 2].isdigit())


def _joined(one: str, other: str) -> bool:
    """Whether two neighbours are of one word, in scripts that put spaces between words."""
    return one.isalnum() and other.isalnum() and not (_unspaced(one) or _unspaced(other))


def _unspaced(character: str) -> bool:
    """Thai, Lao, Burmese and Khmer; Han and kana; and Hangul, whose particles follow a word without a space."""
    return any(
        low <= character <= high
        for low, high in (
            ("\u0e00", "\u0eff"),
            ("\u1000", "\u109f"),
            ("\u1780", "\u17ff"),
            ("\u2e80", "\ud7ff"),
            ("\U00020000", "\U0003ffff"),
        )
    )


_NUMBER = re.compile(r"[-+−]?(?:\d{1,3}(?:,\d{3})+|\d{1,40})(?:\.\d{1,40})?(?:[eE][-+]?\d{1,3})?")


def number_of(text: str) -> float | None:
    """Of a text that is one number and nothing else."""
    found = _NUMBER.fullmatch(text.strip())
    return None if found is None else _value(found[0])


def last_number(text: str) -> str:
    """As it is written; empty without one. The last one, since models calculate first and answer last."""
    last = deque(_NUMBER.finditer(text), maxlen=1)
    return last[0][0] if last else ""


def compare_number(found: str, wanted: float, tolerance: float) -> bool:
    return math.isclose(_value(found), wanted, rel_tol=1e-12, abs_tol=tolerance)


def _value(written: str) -> float:
    return float(written.replace(",", "").replace("−", "-"))
