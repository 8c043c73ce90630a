"""Where two texts differ, word by word.

Symmetric: which text comes first changes nothing but which side is which. Bounded: what is equal at both ends goes
first, then lines that both have once are matched, and only between those are words compared, with a budget of steps;
a part that would exceed it counts as different as a whole.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from arena.ui.rendering.characters import with_marks, with_newlines

__all__ = ["MOST_COMPARED", "Difference", "difference"]

# Characters of each text.
MOST_COMPARED = 60_000
# Steps of all comparisons together: some 60 ms.
_STEPS = 120_000
# With less in common, marks would be confetti.
_LEAST_SHARED = 0.1
# Equal text from this length on is folded; so much of it stays at each end.
_LONG, _CONTEXT = 600, 120

_TOKEN = re.compile(r"\w+|[^\S\n]+|\n|[^\w\s]")
_SPACE_SIGNS = {" ": "·", "\t": "→", "\n": "↵"}


@dataclass(frozen=True)
class Difference:
    """What to show on either side. `words` says in a sentence how far they agree; `same` if nothing differs;
    `shown` is false where the texts have too little in common for marks to help."""

    left: SafeString
    right: SafeString
    words: str
    same: bool
    shown: bool


@dataclass(frozen=True)
class _Piece:
    equal: bool
    left: str
    right: str


def difference(left: str, right: str) -> Difference:
    left, right = with_newlines(left), with_newlines(right)
    if left == right:
        return Difference(_plain(left), _plain(right), _("Both are equal, character for character."), True, True)
    if max(len(left), len(right)) > MOST_COMPARED:
        words = _("Too long to compare: at most %(most)s characters a side are.") % {"most": f"{MOST_COMPARED:,}"}
        return Difference(_plain(left[:MOST_COMPARED]), _plain(right[:MOST_COMPARED]), words, False, False)
    # In one order whatever the sides are, so that neither side's text decides how the other is cut.
    turned = left > right
    pieces = _compared(*((right, left) if turned else (left, right)))
    if turned:
        pieces = [_Piece(one.equal, one.right, one.left) for one in pieces]
    shared = sum(len(one.left.strip()) for one in pieces if one.equal)
    if max(len(left), len(right)) > _LONG and shared < _LEAST_SHARED * min(len(left), len(right)):
        words = _("Too different to compare word by word.")
        return Difference(_plain(left), _plain(right), words, False, False)
    return Difference(_side(pieces, "left"), _side(pieces, "right"), _summary(pieces), False, True)


def _plain(text: str) -> SafeString:
    return mark_safe(with_marks(text, spelling=False))  # noqa: S308 (escaped there)


def _summary(pieces: Sequence[_Piece]) -> str:
    changed = [one for one in pieces if not one.equal]
    if all(map(_differs_in_space, changed)):
        words = ngettext(
            "They differ in one place, only in space; the rest is equal.",
            "They differ in %(places)s places, all only in space; the rest is equal.",
            len(changed),
        )
    else:
        words = ngettext(
            "They differ in one place; the rest is equal.",
            "They differ in %(places)s places; the rest is equal.",
            len(changed),
        )
    return words % {"places": f"{len(changed):,}"}


def _differs_in_space(piece: _Piece) -> bool:
    return "".join(piece.left.split()) == "".join(piece.right.split())


def _side(pieces: Sequence[_Piece], side: str) -> SafeString:
    parts: list[str] = []
    for n, piece in enumerate(pieces):
        text = piece.left if side == "left" else piece.right
        if not piece.equal:
            parts.append(_changed(text, only_space=_differs_in_space(piece)))
        elif len(text) > _LONG:
            first, last = n == 0, n == len(pieces) - 1
            parts.append(_folded(text, head=0 if first else _CONTEXT, tail=0 if last else _CONTEXT))
        else:
            parts.append(_equal(text))
    return mark_safe("".join(parts))  # noqa: S308 (escaped above)


def _changed(text: str, *, only_space: bool) -> str:
    """A change of space alone is shown by signs; where this side has nothing, by a gap."""
    if not text:
        return f'<mark class="differs differs--gap" role="img" aria-label="{escape(_("nothing here"))}"></mark>'
    shown = with_marks(text)
    if only_space:
        shown = re.sub(
            r"[ \t\n](?![^<>]*>)",
            lambda found: f'<span class="space" data-sign="{_SPACE_SIGNS[found[0]]}">{found[0]}</span>',
            shown,
        )
    return f'<mark class="differs">{shown}</mark>'


def _folded(text: str, *, head: int, tail: int) -> str:
    end = len(text) - tail
    middle = text[head:end]
    words = _("%(n)s equal characters") % {"n": f"{len(middle):,}"}
    fold = f'<details class="equal"><summary>{words}</summary>{_equal(middle)}</details>'
    return f"{_equal(text[:head])}{fold}{_equal(text[end:])}"


def _equal(text: str) -> str:
    return with_marks(text, spelling=False)


# The comparison


def _compared(one: str, other: str) -> list[_Piece]:
    a, b = _TOKEN.findall(one), _TOKEN.findall(other)
    start = _common(a, b)
    stop = _common(a[start:][::-1], b[start:][::-1])
    pairs = [(n, n) for n in range(start)]
    budget = [_STEPS]
    for lo_a, hi_a, lo_b, hi_b in _between_lines(a, b, start, len(a) - stop, len(b) - stop, pairs):
        _match(a, b, lo_a, hi_a, lo_b, hi_b, pairs, budget)
    pairs += [(len(a) - n, len(b) - n) for n in range(stop, 0, -1)]
    pairs.sort()
    return _pieces(a, b, pairs)


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    n = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        n += 1
    return n


def _between_lines(
    a: list[str], b: list[str], start: int, end_a: int, end_b: int, pairs: list[tuple[int, int]]
) -> list[tuple[int, int, int, int]]:
    """Adds the tokens of lines that stand once in both to the pairs; returns what lies between such lines."""
    lines_a, lines_b = _lines(a, start, end_a), _lines(b, start, end_b)
    once_a, once_b = _once(lines_a), _once(lines_b)
    matches = [(once_a[line], once_b[line]) for line in once_a if line in once_b]
    gaps: list[tuple[int, int, int, int]] = []
    at_a, at_b = start, start
    for (lo_a, hi_a), (lo_b, _hi_b) in _rising(matches):
        gaps.append((at_a, lo_a, at_b, lo_b))
        pairs += [(lo_a + n, lo_b + n) for n in range(hi_a - lo_a)]
        at_a, at_b = hi_a, lo_b + hi_a - lo_a
    gaps.append((at_a, end_a, at_b, end_b))
    return gaps


def _lines(tokens: list[str], start: int, end: int) -> list[tuple[str, tuple[int, int]]]:
    lines: list[tuple[str, tuple[int, int]]] = []
    at = start
    for n in range(start, end):
        if tokens[n] == "\n" or n == end - 1:
            line = "".join(tokens[at : n + 1])
            if line.strip():
                lines.append((line, (at, n + 1)))
            at = n + 1
    return lines


def _once(lines: list[tuple[str, tuple[int, int]]]) -> dict[str, tuple[int, int]]:
    counts = Counter(line for line, _ in lines)
    return {line: place for line, place in lines if counts[line] == 1}


def _rising(
    matches: list[tuple[tuple[int, int], tuple[int, int]]],
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The longest run of matches in which both sides rise."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = [-1] * len(matches)
    for n, (_here, (place, _end)) in enumerate(matches):
        length = bisect_left(tails, place)
        if length == len(tails):
            tails.append(place)
            ends.append(n)
        else:
            tails[length], ends[length] = place, n
        before[n] = ends[length - 1] if length else -1
    run: list[int] = []
    n = ends[-1] if ends else -1
    while n >= 0:
        run.append(n)
        n = before[n]
    return [matches[n] for n in reversed(run)]


def _match(
    a: list[str],
    b: list[str],
    lo_a: int,
    hi_a: int,
    lo_b: int,
    hi_b: int,
    pairs: list[tuple[int, int]],
    budget: list[int],
) -> None:
    """Adds equal tokens of a[lo_a:hi_a] and b[lo_b:hi_b] to the pairs. Myers, E. (1986). An O(ND) difference algorithm
    and its variations. Algorithmica 1."""
    n, m = hi_a - lo_a, hi_b - lo_b
    if not n or not m:
        return
    best = {1: 0}
    trail: list[dict[int, int]] = []
    for d in range(n + m + 1):
        budget[0] -= d + 1
        if budget[0] < 0:
            return
        trail.append(best.copy() if d < 2 else {k: best[k] for k in range(-d - 1, d + 2) if k in best})
        for k in range(-d, d + 1, 2):
            down = k == -d or (k != d and best[k - 1] < best[k + 1])
            x = best[k + 1] if down else best[k - 1] + 1
            y = x - k
            while x < n and y < m and a[lo_a + x] == b[lo_b + y]:
                x += 1
                y += 1
            best[k] = x
            if x >= n and y >= m:
                _walk_back(trail, lo_a, lo_b, n, m, pairs)
                return


def _walk_back(trail: list[dict[int, int]], lo_a: int, lo_b: int, x: int, y: int, pairs: list[tuple[int, int]]) -> None:
    for d in range(len(trail) - 1, -1, -1):
        best, k = trail[d], x - y
        down = k == -d or (k != d and best[k - 1] < best[k + 1])
        before = k + 1 if down else k - 1
        from_x = best[before] if d else 0
        from_y = from_x - before if d else 0
        while x > from_x and y > from_y:
            x, y = x - 1, y - 1
            pairs.append((lo_a + x, lo_b + y))
        if d:
            x, y = from_x, from_y


def _pieces(a: list[str], b: list[str], pairs: list[tuple[int, int]]) -> list[_Piece]:
    """Equal and different stretches in turn. Space between two different words belongs to the difference."""
    pieces: list[_Piece] = []
    at_a = at_b = 0
    n = 0
    while n < len(pairs):
        x, y = pairs[n]
        stop = n
        while stop < len(pairs) and pairs[stop] == (x + stop - n, y + stop - n):
            stop += 1
        size = stop - n
        lone = size == 1 and not a[x].strip() and a[x] != "\n" and n > 0 and stop < len(pairs)
        if not lone or (x, y) == (at_a, at_b):
            if (x, y) != (at_a, at_b):
                pieces.append(_Piece(False, "".join(a[at_a:x]), "".join(b[at_b:y])))
            same = "".join(a[x : x + size])
            if pieces and pieces[-1].equal:
                same = pieces.pop().left + same
            pieces.append(_Piece(True, same, same))
            at_a, at_b = x + size, y + size
        n = stop
    if at_a < len(a) or at_b < len(b):
        pieces.append(_Piece(False, "".join(a[at_a:]), "".join(b[at_b:])))
    return pieces
