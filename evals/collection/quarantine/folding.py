"""One form for all the ways in which a name can be written, so that the detector compares like with like.

What is compared is never stored or shown. Everything here takes time in proportion to the text, whatever it holds.
"""

from __future__ import annotations

import html
import re
import unicodedata

__all__ = ["folded", "spelled_out", "without_markup"]

# Marks that sit on Latin, Greek and Cyrillic letters, and vowels of Hebrew and Arabic, which are seldom written. Those
# of other scripts are part of the spelling, and stay.
_ACCENTS = frozenset(
    map(
        chr,
        [
            *range(0x300, 0x370),
            *range(0x1AB0, 0x1B00),
            *range(0x1DC0, 0x1E00),
            *range(0x20D0, 0x2100),
            *range(0x5B0, 0x5C8),
            *range(0x64B, 0x653),
            0x670,
        ],
    )
)
# Blank or invisible, though Unicode counts them as letters, marks or symbols: Hangul and Khmer fillers, variation
# selectors, an empty Braille cell.
_BLANK = frozenset(
    map(
        chr,
        [0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10)],
    )
)
# Letters of Cyrillic and Greek that look Latin: read so in a word that has Latin letters as well.
_LOOKS = dict(
    zip("аеорсухіјѕһԁԛԝԍӏкмтвнгαονικρτυχηωβε", "aeopcyxijshdqwglkmtbhraovikptuxnwbe", strict=True),
)
# What no normal form makes plain: small capitals, other single letters, quotation marks.
_LOOK_ALWAYS = dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢıɑɡđłøĐŁØ", "abcdefghijklmnoprstuvwyziagdloDLO", strict=True))
_LOOK_ALWAYS |= dict.fromkeys("’‘ʼ′", "'") | dict.fromkeys("“”„", '"')
# Letters in squares, in circles on black, and those of flags.
_BOXED = {start + n: chr(ord("a") + n) for start in (0x1F130, 0x1F150, 0x1F170, 0x1F1E6) for n in range(26)}
_LATIN = re.compile("[a-z]", re.IGNORECASE)
_ALPHABETS = re.compile("[\u0370-\u03ff\u0400-\u052f]")
_WORD = re.compile(r"[^\W\d_]+")
_COMPOSED_LATER = re.compile("[\u1100-\u11ff\u3099\u309a]")
# Hostile text could make composing take time by the square of a run of marks.
_PORTION = 1024
_MOST_KEPT = 20_000

_LINK = re.compile(r"!?\[([^\[\]]{0,400})\]\([^()\n]{0,400}\)")
_TAG = re.compile(r"</?[a-zA-Z][^<>\n|｜]{0,80}>")
_EMPHASIS = re.compile(r"[*`~]+|(?<!\w)_+(?=\w)|(?<=[^\W_])_+(?!\w)|\\(?=[^\w\s])")
# Letters one by one: "C l a u d e", "G-P-T-4".
_SPELLED = re.compile(r"(?<![^\W_])(?:[^\W_][ ._*|/·-]{1,2}){4,}[^\W_](?![^\W_])")


class _Table(dict[int, str]):
    """What each character becomes, found when it is first met. Hostile texts cannot make it large."""

    def __missing__(self, code: int) -> str:
        made = _one(chr(code))
        if len(self) < _MOST_KEPT:
            self[code] = made
        return made


def _one(char: str) -> str:
    category = unicodedata.category(char)
    if char in "\n\t":
        return char
    if char in "\r\x0b\x0c\x85\u2028\u2029":
        return "\n"
    if category == "Zs":
        return " "
    if category in ("Cf", "Cc", "Cs") or char in _ACCENTS or char in _BLANK:
        return ""
    if char in _LOOK_ALWAYS:
        return _LOOK_ALWAYS[char]
    if ord(char) in _BOXED:
        return _BOXED[ord(char)]
    apart = unicodedata.normalize("NFKD", char)
    bare = "".join(part for part in apart if part not in _ACCENTS)
    return bare if len(bare) < len(apart) else unicodedata.normalize("NFKC", char)


_TABLE = _Table()


def folded(text: str) -> str:
    """Without accents, look-alikes, widths, styles of letters and invisible characters; case is kept."""
    if "&" in text:
        text = html.unescape(text)
    text = text.replace("\r\n", "\n").translate(_TABLE)
    if text.isascii():
        return text
    if _COMPOSED_LATER.search(text):
        portions = (text[at : at + _PORTION] for at in range(0, len(text), _PORTION))
        text = "".join(unicodedata.normalize("NFC", portion) for portion in portions)
    return _WORD.sub(_as_latin, text) if _ALPHABETS.search(text) else text


def _as_latin(word: re.Match[str]) -> str:
    if not _LATIN.search(word[0]) or not _ALPHABETS.search(word[0]):
        return word[0]
    return "".join(_LOOKS.get(letter.lower(), letter) for letter in word[0])


def without_markup(text: str) -> str:
    """The words of a folded text as a reader sees them: no emphasis, tags or addresses between them."""
    # Most texts hold none of it, and looking for a character is a tenth of the time that a pattern takes.
    if "](" in text:
        text = _LINK.sub(r"\1", text)
    if "<" in text:
        text = _TAG.sub("", text)
    return _EMPHASIS.sub("", text) if any(sign in text for sign in "*`~_\\") else text


def spelled_out(text: str) -> list[str]:
    """What is written letter by letter, joined."""
    return [re.sub(r"[^\w]|_", "", found[0]) for found in _SPELLED.finditer(text)]
