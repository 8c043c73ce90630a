"""Sketches of texts by which near-duplicates are found: MinHash of word shingles (Broder 1997) with locality-sensitive
hashing by bands (Indyk and Motwani 1998). The same text has the same sketch on every machine.

Of two sketches, the share of equal entries estimates the Jaccard similarity of the texts' sets of shingles, with a
standard error of at most 1/16. A sketch keeps the low 16 bits of each minimum (Li and König 2010): 128 bytes a text.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

__all__ = ["ENTRIES", "NearDuplicates", "Sketch", "jaccard", "shingles", "sketch"]

Sketch = NDArray[np.uint16]
ENTRIES = 64
# Texts this alike are near-duplicates: below what people call the same by three standard errors of the estimate.
ALIKE = 0.65
_WORDS_EACH = 3
_BAND = 4
_AT_ONCE = 4_096
# Scripts without spaces: each character is a word.
_WORD = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
    "|[^\\W_\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+"
)
# Fixed: sketches are compared across runs.
_RANDOM = np.random.default_rng(20240229)
_FACTORS = (_RANDOM.integers(0, 2**32, ENTRIES, dtype=np.uint32) | np.uint32(1))[:, None]
_OFFSETS = _RANDOM.integers(0, 2**32, ENTRIES, dtype=np.uint32)[:, None]


def shingles(text: str) -> set[int]:
    """Hashes of each three words in a row, without regard to case, digits' values and punctuation; of a shorter text,
    of the whole."""
    words = ["0" if word.isdecimal() else word for word in _WORD.findall(text.casefold())]
    if len(words) < _WORDS_EACH:
        return {zlib.crc32((" ".join(words) or text.strip()).encode())}
    runs = zip(words, words[1:], words[2:], strict=False)
    return {zlib.crc32(" ".join(run).encode()) for run in runs}


def sketch(text: str) -> Sketch:
    hashes = np.fromiter(shingles(text), dtype=np.uint32)
    least = np.full(ENTRIES, np.uint32(0xFFFFFFFF))
    for start in range(0, len(hashes), _AT_ONCE):
        # Wraps around by 2**32 as it is meant to.
        permuted = _FACTORS * hashes[None, start : start + _AT_ONCE] + _OFFSETS
        np.minimum(least, permuted.min(axis=1), out=least)
    return least.astype(np.uint16)


def jaccard(first: str, second: str) -> float:
    """The similarity itself, which sketches estimate."""
    one, other = shingles(first), shingles(second)
    return len(one & other) / len(one | other)


class NearDuplicates:
    """Texts that were taken so far, by their sketches; finds whether another is nearly one of them."""

    def __init__(self) -> None:
        self._taken: list[Sketch] = []
        self._bands: defaultdict[tuple[int, bytes], list[int]] = defaultdict(list)

    def has_like(self, one: Sketch) -> bool:
        seen: set[int] = set()
        for band in self._bands_of(one):
            for n in self._bands.get(band, ()):
                if n not in seen:
                    seen.add(n)
                    if float(np.mean(self._taken[n] == one)) >= ALIKE:
                        return True
        return False

    def add(self, one: Sketch) -> None:
        for band in self._bands_of(one):
            self._bands[band].append(len(self._taken))
        self._taken.append(one)

    @staticmethod
    def _bands_of(one: Sketch) -> list[tuple[int, bytes]]:
        raw = one.tobytes()
        step = _BAND * one.itemsize
        return [(at, raw[at : at + step]) for at in range(0, len(raw), step)]
