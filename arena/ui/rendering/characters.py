"""Characters that nobody sees: which of them are text and stay, and which are marked.

A joiner between two Persian letters is spelling, and one between two emoji makes one picture: they stay. A zero-width
space in a formula, a letter's reversed order or a text spelt in variation selectors stays as well, but under a sign
that names it. Nothing is dropped from a text that is judged.

While a text walks through Markdown and the sanitiser, each such character is one stand-in: a private code point that
the text does not contain. That way no parser reads it as space, splits it or loses it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from html import escape

__all__ = ["StandIns", "hidden_mark", "one_line", "visible", "with_marks", "with_newlines"]

# Controls but tab and newline; the soft hyphen; joiners and other zero-width characters; marks, embeddings, overrides
# and isolates of direction; fillers; variation selectors; interlinear notes; tags; noncharacters; lone surrogates.
_HIDDEN_CLASS = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_HIDDEN = re.compile(f"[{_HIDDEN_CLASS}]")
_HIDDEN_RUN = re.compile(f"[{_HIDDEN_CLASS}]+")
_MAY_BE_TEXT = re.compile("[\u200c-\u200f\u061c\u180b-\u180d\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# Where every character is told: spaces that look like another, too.
_ODD = f"{_HIDDEN_CLASS}\u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000"
# A run is one sign, but each separator ends a line.
_ANY_ODD = re.compile(f"[\u2028\u2029]|(?:(?![\u2028\u2029])[{_ODD}])+")
_LINE_ENDS = re.compile(r"\r\n?")

_ZWNJ, _ZWJ = "\u200c", "\u200d"
_EMBEDDINGS, _ISOLATES = "\u202a\u202b", "\u2066\u2067\u2068"
_POP_EMBEDDING, _POP_ISOLATE = "\u202c", "\u2069"
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
# England, Scotland and Wales: the only flags that are spelt in tags.
_FLAGS = re.compile("\U0001f3f4\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074|"
                    "\U000e0077\U000e006c\U000e0073)\U000e007f")  # fmt: skip

_STAND_INS = range(0x100000, 0x10FFFE)
_STAND_IN = re.compile("[\U00100000-\U0010fffd]")
# A page of marks is no help to anybody: after so many they are told by their code alone.
_MOST_NAMED = 2000
_LONGEST_RUN_TOLD = 8


def with_newlines(text: str) -> str:
    return _LINE_ENDS.sub("\n", text)


def visible(text: str) -> str:
    """For names and reasons, and for finding words: without characters that nobody sees, but with joiners and
    selectors that are spelling; line ends as newlines."""
    text = with_newlines(text)
    kept = _spelling(text)
    return _HIDDEN.sub(lambda found: found[0] if found.start() in kept else "", text)


def one_line(text: str) -> str:
    """A name or reason that somebody typed, as it is stored: as `visible`, with one space for any run of space."""
    return " ".join(visible(text).split())


def hidden_mark(characters: str, *, short: bool = False) -> str:
    """The sign that stands for a run of characters nobody sees. They are inside it, where they can do nothing;
    those that HTML cannot hold are left to their names."""
    told = characters[:_LONGEST_RUN_TOLD]
    codes = [f"{ord(one):04X}" for one in told]
    more = f" +{len(characters) - len(told):,}" if len(characters) > len(told) else ""
    held = "".join(one for one in characters if _html_can_hold(one))
    label = " ".join(codes) + more
    if short:
        return f'<bdi class="unseen" data-code="{label}">{held}</bdi>'
    names = ", ".join(
        f"U+{code} {unicodedata.name(one, '').lower()}".strip() for code, one in zip(codes, told, strict=True)
    )
    words = escape(names + more)
    return f'<bdi class="unseen" role="img" aria-label="{words}" title="{words}" data-code="{label}">{held}</bdi>'


def with_marks(text: str, *, spelling: bool = True) -> str:
    """Escaped HTML of a text as it was written, in which every character that nobody sees has its sign; without
    `spelling` only those that are no part of it. Line separators break the line as well."""
    signs: dict[tuple[str, bool], str] = {}
    count = 0

    def mark(found: re.Match[str]) -> str:
        nonlocal count
        count += 1
        key = (found[0], count > _MOST_NAMED)
        if key not in signs:
            signs[key] = hidden_mark(key[0], short=key[1]) + ("\n" if key[0] in "\u2028\u2029" else "")
        return signs[key]

    text = escape(with_newlines(text))
    if spelling:
        return _ANY_ODD.sub(mark, text)
    kept = _spelling(text)
    return _HIDDEN.sub(lambda found: found[0] if found.start() in kept else mark(found), text)


class StandIns:
    """For one text: private code points that it does not use, and what each stands for."""

    def __init__(self, text: str) -> None:
        used = set(_STAND_IN.findall(text))
        self._free: Iterator[str] = (chr(code) for code in _STAND_INS if chr(code) not in used)
        self._of: dict[tuple[str, str], str] = {}
        self._source: dict[str, str] = {}
        self._html: dict[str, str] = {}
        self._signs: dict[tuple[str, bool], str] = {}
        self._marks = 0

    def add(self, source: str, html: str) -> str:
        """The stand-in for this piece of the text, which `restored` replaces by `html`. An empty string if there is
        no code point left."""
        key = (source, html)
        if key not in self._of:
            code = next(self._free, "")
            if not code:
                return ""
            self._of[key] = code
            self._html[code] = html
            if not _HIDDEN.search(source):
                self._source[code] = source
        return self._of[key]

    def protected(self, text: str) -> str:
        """The text with stand-ins for what is marked and for line separators."""
        if not _HIDDEN.search(text):
            return text
        kept = _spelling(text)
        return _HIDDEN_RUN.sub(lambda found: self._protect(found[0], found.start(), kept), text)

    def source(self, text: str) -> str:
        """With what was written in place of formulas: code has none. Marks stay."""
        return _STAND_IN.sub(lambda found: self._source.get(found[0]) or found[0], text) if self._of else text

    def restored(self, html: str) -> str:
        """Sanitised HTML with what the stand-ins stand for."""
        return _STAND_IN.sub(lambda found: self._html.get(found[0], found[0]), html) if self._of else html

    def _protect(self, run: str, start: int, kept: set[int]) -> str:
        if not kept and "\u2028" not in run and "\u2029" not in run:
            return self._marked(run)
        parts: list[str] = []
        marked = ""
        for place, one in enumerate(run, start):
            if place not in kept and one not in "\u2028\u2029":
                marked += one
                continue
            parts += [self._marked(marked), one if place in kept else self.add(one, "<br>") or one]
            marked = ""
        return "".join([*parts, self._marked(marked)])

    def _marked(self, run: str) -> str:
        if not run:
            return ""
        self._marks += 1
        key = (run, self._marks > _MOST_NAMED)
        if key not in self._signs:
            self._signs[key] = self.add(run, hidden_mark(run, short=key[1]))
        return self._signs[key]


def _html_can_hold(one: str) -> bool:
    return not ("\ud800" <= one <= "\udfff" or one < " " or "\x7f" <= one <= "\x9f")


def _spelling(text: str) -> set[int]:
    """The places of hidden characters that are text: joiners in scripts that join and between emoji, selectors
    after what they select, marks of direction, and embeddings and isolates that are closed on their line."""
    kept: set[int] = set()
    if _BIDI.search(text):
        kept |= _closed(text)
    if "\U0001f3f4" in text:
        for flag in _FLAGS.finditer(text):
            kept.update(range(flag.start(), flag.end()))
    for found in _MAY_BE_TEXT.finditer(text):
        place, one = found.start(), found[0]
        before, after = text[max(place - 1, 0) : place], text[place + 1 : place + 2]
        if (
            one in "\u200e\u200f\u061c"
            or (one in (_ZWNJ, _ZWJ) and _joins(one, text, place, after))
            or (_is_selector(one) and before and _selects(one, before, after))
        ):
            kept.add(place)
    return kept


def _closed(text: str) -> set[int]:
    """The places of embeddings and isolates that begin and end on one line. Overrides are never among them: they
    show letters in another order than they were written in."""
    kept: set[int] = set()
    open_: list[tuple[int, str]] = []
    for found in re.finditer("[\u202a-\u202e\u2066-\u2069\n]", text):
        place, one = found.start(), found[0]
        if one == "\n":
            open_.clear()
        elif one in _EMBEDDINGS or one in _ISOLATES or one in "\u202d\u202e":
            open_.append((place, one))
        elif open_ and _ends(one, open_[-1][1]):
            began, _ = open_.pop()
            if text[began] not in "\u202d\u202e":
                kept |= {began, place}
    return kept


def _ends(one: str, opened: str) -> bool:
    return (one == _POP_ISOLATE) == (opened in _ISOLATES)


def _joins(one: str, text: str, place: int, after: str) -> bool:
    # What a joiner follows may itself be followed by a selector or a mark: 👩🏽‍💻, क्‍ष.
    back = place - 1
    while back >= 0 and place - back < 6 and (_is_selector(text[back]) or unicodedata.combining(text[back])):
        back -= 1
    before = text[back] if back >= 0 else ""
    if not before or not after:
        return False
    if one == _ZWJ and _is_picture(before) and _is_picture(after):
        return True
    wordy = unicodedata.category(before)[0] in "LMN" and unicodedata.category(after)[0] in "LMN"
    return wordy and (_is_joining(before) or _is_joining(text[place - 1]) or _is_joining(after))


def _is_joining(one: str) -> bool:
    """Of a script that joiners have a meaning in: from Arabic to Mongolian, and their supplements. Latin, Greek,
    Cyrillic, Han and kana have none."""
    code = ord(one)
    return 0x0600 <= code <= 0x109F or 0x1700 <= code <= 0x1CFF or 0xA840 <= code <= 0xAAFF or (
        0xFB50 <= code <= 0xFEFC or 0x10800 <= code <= 0x11FFF or 0x1E900 <= code <= 0x1E95F
    )  # fmt: skip


def _is_picture(one: str) -> bool:
    code = ord(one)
    return code >= 0x1F000 or unicodedata.category(one) == "So" or one in "\u2640\u2642\u2695\u2696\u2708\u2764"


def _is_selector(one: str) -> bool:
    return "\ufe00" <= one <= "\ufe0f" or "\U000e0100" <= one <= "\U000e01ef" or "\u180b" <= one <= "\u180d"


def _selects(one: str, before: str, after: str) -> bool:
    """Whether the selector follows something that has variants: one selector each."""
    code, category = ord(before), unicodedata.category(before)
    if one == "\ufe0f" or one == "\ufe0e":
        return category in ("So", "Sm") or code >= 0x1F000 or before in "©®‼⁉™ℹ" or (
            before in "#*0123456789" and after == "\u20e3"
        )  # fmt: skip
    if "\u180b" <= one <= "\u180d":
        return 0x1800 <= code <= 0x18AF
    if one >= "\U000e0100":
        return category == "Lo" and (0x3400 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or code >= 0x20000)
    return category == "Sm" or 0xA840 <= code <= 0xA87F or 0x1000 <= code <= 0x109F or 0x3000 <= code <= 0x9FFF
