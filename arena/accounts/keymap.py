"""The keys of the voting page: what each act's key is, and what a person may choose instead.

Pure. The stored map is text that a person sent: only what `chosen` lets through reaches a page.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

__all__ = ["ACTS", "InvalidKeyError", "chosen", "cleaned"]

# What can be done by a key, and by which one unless the person chose another. Left and right arrow also vote for A and
# B; up and down scroll, and never vote. Digits choose reasons.
ACTS: Mapping[str, str] = {
    "left": "a",
    "right": "b",
    "tie": "t",
    "both_bad": "x",
    "skip": "s",
    "undo": "z",
    "guide": "?",
    "difference": "d",
    "raw": "r",
}


class InvalidKeyError(ValueError):
    """`act` cannot have this key. `code` says why: `one` (it is not one character), `printable`, `digit` or `taken`,
    with `other` the act that has it."""

    def __init__(self, act: str, code: str, other: str = "") -> None:
        super().__init__(f"{act}: {code} {other}".rstrip())
        self.act, self.code, self.other = act, code, other


def cleaned(keys: Mapping[str, str]) -> dict[str, str]:
    """The keys to store, by act: only those that differ from the usual ones. Raises an InvalidKeyError for the first
    key that is no single printable character, is a digit, or belongs to two acts."""
    wanted: dict[str, str] = {}
    for act, usual in ACTS.items():
        key = _lower(keys.get(act, "").strip()) or usual
        if (code := _refusal(key)) is not None:
            raise InvalidKeyError(act, code)
        if (other := next((name for name, taken in wanted.items() if taken == key), None)) is not None:
            raise InvalidKeyError(act, "taken", other)
        wanted[act] = key
    return {act: key for act, key in wanted.items() if key != ACTS[act]}


def chosen(stored: object) -> dict[str, str]:
    """Every act's key. Of a stored map that is not one, nothing is used."""
    if not isinstance(stored, Mapping):
        return dict(ACTS)
    named = {act: key for act in ACTS if isinstance(key := stored.get(act), str)}
    try:
        return {**ACTS, **cleaned(named)}
    except InvalidKeyError:
        return dict(ACTS)


def _lower(key: str) -> str:
    # ß and its like have two capital letters, or none: they stay.
    return lowered if len(lowered := key.lower()) == 1 else key


def _refusal(key: str) -> str | None:
    if len(key) != 1:
        return "one"
    if unicodedata.category(key)[0] not in "LNPS":
        return "printable"
    return "digit" if key in "123456789" else None
