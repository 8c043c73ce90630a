"""Markdown as answers are written in, with what would change an answer's words taken out of it.

CommonMark with tables and strikethrough, but: stars between factors, `__name__` and backslashes that escape nothing
stay; entities stay where they would become characters that nobody sees; the address of a link is shown; numbers of a
list are those that were written; a row with more cells than its head stays text; what is nested too deeply is shown
flat instead of being left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import MutableMapping, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.entities import entities
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.table import escapedSplit, table
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from arena.ui.rendering.characters import StandIns
from arena.ui.rendering.code import pretty_json
from arena.ui.rendering.colours import LONGEST, coloured

__all__ = ["OURS", "code_block", "markdown", "without_markdown"]

# Begins the info string of a fence that `with_fences` put in.
OURS = "found:"
# A fence of JSON that was written in one line is spread from this length on.
_LONG_LINE = 60
# Levels of quotes and lists (a list counts twice) that are laid out.
_DEEPEST = 20


def markdown(text: str, stand_ins: StandIns) -> str:
    """HTML of a text in which stand-ins stand for what Markdown must not touch; to be sanitised, then restored."""
    return str(_parser.render(text, {"stand_ins": stand_ins, "to_colour": LONGEST}))


def without_markdown(text: str) -> str:
    """The lines as they are."""
    return f'<pre class="plain" dir="auto">{escape(text, quote=False)}</pre>\n'


def code_block(code: str, language: str, *, spread: bool = False, colour: bool = True) -> str:
    """A block of code. Where JSON is spread over lines, what was written stays one click away."""
    if spread and (pretty := pretty_json(code)) is not None and pretty != code.strip():
        written = f'<pre class="code code--wrap" dir="ltr" tabindex="0"><code>{escape(code, quote=False)}</code></pre>'
        shown = _pre(pretty, "json", colour=colour)
        return f"{shown}<details><summary>As written</summary>{written}</details>\n"
    return _pre(code, language, colour=colour) + "\n"


def _pre(code: str, language: str, *, colour: bool) -> str:
    # Code runs from the left, whatever is in its strings; a block that names no language may be anything.
    direction = "ltr" if language else "auto"
    words = coloured(code, language) if colour else escape(code, quote=False)
    return f'<pre class="code" dir="{direction}" tabindex="0"><code>{words}</code></pre>'


class _Renderer(RendererHTML):
    """Renders every text alike; styles, and names of languages, are left out."""

    def address(self, tokens: Sequence[Token], idx: int, _options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        return f'<span class="address">{escape(env["stand_ins"].source(tokens[idx].content), quote=False)}</span>'

    def code_inline(
        self, tokens: Sequence[Token], idx: int, _options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        return f"<code>{escape(env['stand_ins'].source(tokens[idx].content), quote=False)}</code>"

    def fence(self, tokens: Sequence[Token], idx: int, _options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        info = tokens[idx].info.strip()
        code = env["stand_ins"].source(tokens[idx].content)
        ours = info.startswith(OURS)
        language = info.removeprefix(OURS) if ours else re.split(r"[\s{,:]", info, maxsplit=1)[0]
        code = code.removesuffix("\n")
        spread = language.lower() == "json" and (ours or ("\n" not in code and len(code) > _LONG_LINE))
        colour = len(code) <= env["to_colour"]
        env["to_colour"] -= len(code) if colour else 0
        return code_block(code, language, spread=spread, colour=colour)

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        return self.fence(tokens, idx, options, env)

    def plain(self, tokens: Sequence[Token], idx: int, *_: Any) -> str:
        return without_markdown(tokens[idx].content)

    def table_open(self, tokens: Sequence[Token], idx: int, *_: Any) -> str:
        direction = tokens[idx].attrGet("dir")
        return f'<div class="wide" tabindex="0" role="group" aria-label="Table"><table dir="{direction}">\n'

    def table_close(self, *_: Any) -> str:
        return "</table></div>\n"


# Rules of blocks


def _too_deep(state: StateBlock, line: int, end: int, silent: bool) -> bool:
    """markdown-it leaves out what is nested deeper than its limit."""
    if state.level < _DEEPEST:
        return False
    if not silent:
        token = state.push("plain", "", 0)
        token.content = state.getLines(line, end, state.blkIndent, False)
        state.line = end
    return True


_RULER = re.compile(r"[ \t]*[|:-][|:\s-]*\n?")


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Only where each row fits under the head: cells that do not would be left out."""
    if start + 2 > end or not _RULER.fullmatch(state.getLines(start + 1, start + 2, state.blkIndent, False)):
        return False
    columns = _cells(state, start)
    for line in range(start + 2, end):
        if state.isEmpty(line):
            break
        if _cells(state, line) > columns:
            return False
    return table(state, start, end, silent)


def _cells(state: StateBlock, line: int) -> int:
    """Counted once a line: a text may begin a table on each of its lines."""
    counts: dict[tuple[int, int], int] = state.env.setdefault("cells", {})
    key = (line, state.blkIndent)
    if key not in counts:
        cells = escapedSplit(state.getLines(line, line + 1, state.blkIndent, False).strip())
        counts[key] = len(cells) - (not cells[0].strip()) - (len(cells) > 1 and not cells[-1].strip())
    return counts[key]


# Rules inside a block

_UNESCAPED = frozenset("*_`#[]~<>$")
_AT_LINE_START = frozenset("+-=")
_ENTITY = re.compile(r"&(?:#(?:x([0-9a-f]{1,6})|([0-9]{1,7}))|([a-z][a-z0-9]{1,31}));", re.IGNORECASE)
_NUMBER_BEFORE = re.compile(r"(?:^|\n)[ \t]*\d{1,9}$")


def _escape(state: StateInline, silent: bool) -> bool:
    """A backslash goes where it keeps Markdown from reading what follows, and stays elsewhere: in `\\d`, in `C:\\x`,
    before a quotation mark, at the end of a shell's line."""
    if state.src[state.pos] != "\\":
        return False
    following = state.src[state.pos + 1 : state.pos + 2] if state.pos + 1 < state.posMax else ""
    shown = "\\"
    if following == "\\":
        shown = "\\\\"
    elif following and _hides_the_backslash(state, following):
        shown = following
    if not silent:
        state.pending += shown
    state.pos += 2 if shown != "\\" else 1
    return True


def _hides_the_backslash(state: StateInline, following: str) -> bool:
    if following in _UNESCAPED:
        return True
    if following == "!":
        return state.src.startswith("[", state.pos + 2)
    if following == "&":
        return bool(_ENTITY.match(state.src, state.pos + 1))
    before = state.src[max(0, state.pos - 12) : state.pos]
    if following in ".)":
        return bool(_NUMBER_BEFORE.search(before))
    return following in _AT_LINE_START and not before.rpartition("\n")[2].strip()


def _entity(state: StateInline, silent: bool) -> bool:
    """`&lt;` is shown as the sign it means, `&nbsp;` as it was written: what it means cannot be seen."""
    if state.src[state.pos] != "&":
        return False
    found = _ENTITY.match(state.src, state.pos)
    if found is None:
        return False
    meant = _meant(found)
    if not meant or any(unicodedata.category(one)[0] in "CZ" or unicodedata.combining(one) for one in meant):
        return False
    if not silent:
        state.pending += meant
    state.pos = found.end()
    return True


def _meant(found: re.Match[str]) -> str:
    if found[3]:
        return str(entities.get(found[3], ""))
    code = int(found[1], 16) if found[1] else int(found[2])
    return chr(code) if 0x20 < code < 0x110000 and not 0xD800 <= code <= 0xDFFF else ""


_PYTHON_NAME = re.compile(r"__[a-z][a-z0-9]*(?:_[a-z0-9]+)*__(?!\w)")


def _emphasis(state: StateInline, silent: bool) -> bool:
    """As CommonMark's, but no star between two factors begins it: `a*b*c`, `2**3`; and no name of Python's."""
    marker = state.src[state.pos]
    if silent or marker not in "_*":
        return False
    before = state.src[state.pos - 1] if state.pos else " "
    name = _PYTHON_NAME.match(state.src, state.pos) if marker == "_" else None
    if name is not None and not (before.isalnum() or before == "_"):
        state.pending += name[0]
        state.pos = name.end()
        return True
    scanned = state.scanDelims(state.pos, marker == "*")
    end = state.pos + scanned.length
    after = state.src[end] if end < state.posMax else " "
    factor = before.isascii() and (before.isalnum() or before == "_" or (scanned.length == 1 and before in ")]"))
    between = marker == "*" and factor and after.isascii() and (after.isalnum() or after in "_([")
    for _ in range(scanned.length):
        token = state.push("text", "", 0)
        token.content = marker
        state.delimiters.append(
            Delimiter(
                marker=ord(marker),
                length=scanned.length,
                token=len(state.tokens) - 1,
                end=-1,
                open=scanned.can_open and not between,
                close=scanned.can_close,
            )
        )
    state.pos = end
    return True


# The words and the address are bounded, so that a text full of brackets is read once and not once a bracket.
_LINK = re.compile(
    r"""(!?)\[((?:[^\[\]\\\n]|\\.|\n(?!\n)){0,300})\]\(\s{0,5}
        (<[^<>\n]{0,2000}>|(?:[^\s()<>]|\([^\s()<>]{0,500}\)){0,2000})
        (\s{1,5}(?:"[^"\n]{0,300}"|'[^'\n]{0,300}'))?\s{0,5}\)""",
    re.VERBOSE,
)


def _link(state: StateInline, silent: bool) -> bool:
    """The words, and the address after them as text. An image is its description."""
    if state.src[state.pos] not in "![":
        return False
    found = _LINK.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        is_image, words, where, title = found[1], found[2].strip(), found[3].strip("<>"), (found[4] or "").strip()
        if is_image:
            state.pending += "[image: " if words else "[image"
        end, state.posMax, state.pos = state.posMax, found.end(2), found.start(2)
        if words:
            state.md.inline.tokenize(state)
        state.posMax = end
        if is_image:
            state.pending += "]"
        shown = " ".join(part for part in (where, title) if part)
        if shown and shown != words:
            state.pending += " " if words else ""
            state.push("address", "", 0).content = f"({shown})"
    state.pos = found.end()
    return True


# What is written on elements


def _dress(state: StateCore) -> None:
    """Direction for every block: by the browser where a block holds text itself, by us where it holds blocks, which
    `auto` does not look into. Headings go below the page's own. Numbers of list items as they were written."""
    undecided: list[Token] = []
    for n, token in enumerate(state.tokens):
        if token.type in ("bullet_list_open", "ordered_list_open", "list_item_open", "blockquote_open", "table_open"):
            token.attrSet("dir", "ltr")
            undecided.append(token)
        elif token.type in ("inline", "fence", "code_block", "plain") and undecided:
            direction = _direction(token.content)
            if direction:
                for container in undecided:
                    container.attrSet("dir", direction)
                undecided.clear()
        elif token.type in ("bullet_list_close", "ordered_list_close", "list_item_close", "blockquote_close"):
            if undecided:
                undecided.pop()
        elif token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
        if token.type in ("paragraph_open", "heading_open", "th_open", "td_open"):
            right = "right" in str(token.attrGet("style") or "")
            token.attrs = {"dir": "auto", "class": "n"} if right else {"dir": "auto"}
        if token.type == "ordered_list_open":
            _number(state.tokens, n)


def _number(tokens: list[Token], start: int) -> None:
    level = tokens[start].level
    items: list[Token] = []
    for token in tokens[start + 1 :]:
        if token.type == "ordered_list_close" and token.level == level:
            break
        if token.type == "list_item_open" and token.level == level + 1:
            items.append(token)
    numbers = [int(item.info or 0) for item in items]
    if len(set(numbers)) == 1:
        return
    for before, number, item in zip(numbers, numbers[1:], items[1:], strict=False):
        if number != before + 1:
            item.attrSet("value", str(number))


def _direction(text: str) -> str:
    """Of the first letter that has one."""
    for one in text[:400]:
        kind = unicodedata.bidirectional(one)
        if kind in ("R", "AL"):
            return "rtl"
        if kind == "L":
            return "ltr"
    return ""


def _made() -> MarkdownIt:
    # `html: False` escapes raw HTML; `breaks` keeps the lines as they were written; reference definitions, which
    # would vanish from the text, are left standing.
    options = {"html": False, "breaks": True, "xhtmlOut": False, "maxNesting": 2 * _DEEPEST}
    parser = MarkdownIt("commonmark", options, renderer_cls=_Renderer)
    parser.enable(["table", "strikethrough"])
    parser.disable(["reference", "link", "image", "autolink", "html_block", "html_inline"])
    parser.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    parser.block.ruler.before("table", "too_deep", _too_deep, {"alt": []})
    parser.inline.ruler.at("escape", _escape)
    parser.inline.ruler.at("entity", _entity)
    parser.inline.ruler.at("emphasis", _emphasis)
    parser.inline.ruler.before("emphasis", "address", _link)
    parser.core.ruler.push("dress", _dress)
    return parser


_parser = _made()
