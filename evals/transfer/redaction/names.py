"""Names of a list, found in texts word by word, in any script."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise

__all__ = ["MOST_NAMES", "NameList", "TooManyNamesError", "names_in"]

MOST_NAMES = 20_000
_LONGEST = 100
_MOST_WORDS = 8
# A word with the marks that belong to its letters; digits and underscores part words.
_WORD = re.compile(r"[^\W\d_][^\W\d_\u0300-\u036f]*(?:[\u0300-\u036f\u0900-\u0903\u093a-\u094f]+[^\W\d_]*)*+")
_GAP = re.compile(r"[\s\-‐‑.’'ʼ]{0,3}")
# Scripts that write no spaces between words: a name may begin at any character.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff]+"
)


class TooManyNamesError(ValueError):
    """The list is beyond what is looked for."""


def names_in(text: str) -> list[str]:
    """A list of names as it is typed: one a line, or separated by commas or semicolons."""
    names = [" ".join(one.split()) for one in re.split(r"[,;\n\r]", text)]
    names = [name for name in dict.fromkeys(names) if name]
    if len(names) > MOST_NAMES:
        raise TooManyNamesError(f"The list has {len(names):,} names; the limit is {MOST_NAMES:,}.")
    long = next((name for name in names if len(name) > _LONGEST), "")
    if long:
        raise TooManyNamesError(f"The name “{long[:40]}…” is longer than {_LONGEST} characters. Write one a line.")
    return names


class NameList:
    """Finds names as whole words. A name that is written with a capital is not found in small letters ("Will", "will"),
    but is in capitals; a final s, as of a genitive, may follow. Accents count, however they are encoded."""

    def __init__(self, names: Iterable[str]) -> None:
        self._spaced: dict[tuple[str, ...], bool] = {}
        self._unspaced: set[str] = set()
        for name in names:
            if _UNSPACED.search(name):
                self._unspaced.add(unicodedata.normalize("NFC", name))
            words = tuple(_key(found[0]) for found in _WORD.finditer(name))[:_MOST_WORDS]
            if words and not _UNSPACED.fullmatch(name):
                self._spaced[words] = self._spaced.get(words, True) and name[:1].isupper()
        self._lengths = sorted({len(words) for words in self._spaced}, reverse=True)
        self._starts = {words[0] for words in self._spaced}
        self._sizes = sorted({len(name) for name in self._unspaced}, reverse=True)

    def __bool__(self) -> bool:
        return bool(self._spaced or self._unspaced)

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Spans of names, which do not overlap each other in one script."""
        if self._spaced:
            yield from self._find_spaced(text)
        if self._unspaced:
            yield from self._find_unspaced(text)

    def _find_spaced(self, text: str) -> Iterator[tuple[int, int]]:
        words = [(found.start(), found.end(), _key(found[0])) for found in _WORD.finditer(text)]
        at = 0
        while at < len(words):
            length = self._matches(text, words, at)
            if length:
                yield words[at][0], words[at + length - 1][1]
            at += length or 1

    def _matches(self, text: str, words: list[tuple[int, int, str]], at: int) -> int:
        """How many words from here are a name; 0: none."""
        if words[at][2] not in self._starts and words[at][2].removesuffix("s") not in self._starts:
            return 0
        for length in self._lengths:
            some = words[at : at + length]
            if len(some) < length or not _follow_each_other(text, some):
                continue
            keys = tuple(key for _, _, key in some)
            for form in (keys, (*keys[:-1], keys[-1].removesuffix("s"))):
                capital = self._spaced.get(form)
                if capital is not None and not (capital and text[some[0][0]].islower()):
                    return length
        return 0

    def _find_unspaced(self, text: str) -> Iterator[tuple[int, int]]:
        for run in _UNSPACED.finditer(text):
            at, end = run.span()
            while at < end:
                size = next((size for size in self._sizes if text[at : at + size] in self._unspaced), 0)
                if size:
                    yield at, at + size
                at += size or 1


def _follow_each_other(text: str, words: list[tuple[int, int, str]]) -> bool:
    return all(_GAP.fullmatch(text, one[1], other[0]) is not None for one, other in pairwise(words))


def _key(word: str) -> str:
    return unicodedata.normalize("NFC", word).casefold()
