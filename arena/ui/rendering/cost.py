"""What laying out a text will cost, before it is laid out.

markdown-it takes a few microseconds for a line of prose and a hundred times that for a line of a table or a list.
Texts made of nothing else would take seconds, and a page of votes waits for them.
"""

from __future__ import annotations

import re

from arena.ui.rendering.code import FENCE_LINE, after_fence, is_at_edge
from arena.ui.rendering.colours import LONGEST as LONGEST_COLOURED

__all__ = ["affordable"]

# Milliseconds of one core, each somewhat more than was measured.
_BUDGET = 120.0
_LINE = 0.034
_CHARACTER = 0.0005
_SIGN = 0.022
_MARKED_LINE = 0.17
_LEVEL = 0.03
_CELL = 0.06
_CODE_LINE = 0.002
_COLOURED_CHARACTER = 0.006
_FENCE = 0.08

_MARKED = re.compile(r"[ \t]*(?:[-*+>#|=]|\d{1,9}[.)])")
_RULER = re.compile(r"[ \t>*+-]*[|:-][|:\s>-]*")
_LEVELS = re.compile(r"[>*+-]|\d[.)]|  ")
_SIGNS = re.compile(r"[*_`\[\]<&\\~$!]")


def affordable(text: str) -> tuple[str, str]:
    """As many lines of the text as can be laid out, and the rest; both together are the text. No fence is cut."""
    if len(text) < 1000:
        return text, ""
    lines = text.split("\n")
    spent, n, coloured, columns = 0.0, 0, 0, 0
    while n < len(lines):
        fence = FENCE_LINE.match(lines[n])
        # One in a quote or a list ends with it, wherever that is.
        if fence and is_at_edge(lines[n]) and not (fence[1][0] == "`" and "`" in fence[2]):
            end = after_fence(lines, n, fence[1])
            size = sum(map(len, lines[n:end]))
            spent += _FENCE + _CODE_LINE * (end - n)
            if coloured + size <= LONGEST_COLOURED:
                coloured += size
                spent += _COLOURED_CHARACTER * size
        else:
            end = n + 1
            spent += _cost(lines[n]) + _CELL * columns
            if _RULER.fullmatch(lines[n]):
                # Each line down to the next empty one is a row of this table.
                columns = max(columns, lines[n].count("|") + 1)
            elif not lines[n].strip():
                columns = 0
        if spent > _BUDGET:
            return "\n".join(lines[:n]), "\n".join(lines[n:])
        n = end
    return text, ""


def _cost(line: str) -> float:
    cost = _LINE + _CHARACTER * len(line) + _SIGN * len(_SIGNS.findall(line)) + _CELL * line.count("|")
    marker = _MARKED.match(line)
    if marker is None:
        return cost
    return cost + _MARKED_LINE + _LEVEL * len(_LEVELS.findall(line[:80]))
