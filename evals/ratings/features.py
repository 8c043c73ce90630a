"""What of an answer's style is measured: a pure function of its text."""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass
from math import log1p

__all__ = ["FEATURES", "StyleCounts", "count_style"]

# In the order of the fields of `StyleCounts`.
FEATURES = ("length", "lists", "headers", "code", "bold")
# Longer texts are counted up to here: far beyond what anybody reads before voting.
MOST_CHARS = 200_000

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADER = re.compile(r" {0,3}#{1,6}(?:[ \t]|$)")
_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,9}[.)])[ \t]+\S")
_BOLD = re.compile(r"\*\*(?=[^\s*])[^*\n]{1,400}?\*\*|__(?=[^\s_])[^_\n]{1,400}?__")


@dataclass(frozen=True)
class StyleCounts:
    """`length` in characters; list items, headers, fenced blocks of code and bold runs
    as Markdown writes them. What stands inside a block of code is its content, and no list, header or bold."""

    length: int
    lists: int
    headers: int
    code: int
    bold: int

    @property
    def logs(self) -> tuple[float, ...]:
        """ln(1 + count) of each: twice as long counts the same from 100 to 200 as from 1,000 to 2,000."""
        return tuple(log1p(count) for count in astuple(self))


def count_style(text: str) -> StyleCounts:
    """In time linear in the text. A fence that is never closed reaches to the end, as in Markdown."""
    text = text[:MOST_CHARS]
    lists = headers = code = bold = 0
    fence = ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not line[mark.end() :].strip():
                fence = ""
            continue
        if mark:
            fence = mark[1]
            code += 1
            continue
        if "*" in line or "_" in line:
            bold += len(_BOLD.findall(line))
        if _HEADER.match(line):
            headers += 1
        elif _ITEM.match(line):
            lists += 1
    return StyleCounts(len(text), lists, headers, code, bold)
