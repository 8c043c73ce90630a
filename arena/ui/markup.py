"""The one path by which text that somebody else wrote becomes HTML.

Prompts, answers and guidelines are Markdown and hostile. What comes out holds only the tags listed here: no links
(their words and addresses stay), no images (their description stays), nothing that loads, points or runs, and no
attribute of the writer's. And it holds all that was written: what nobody sees is marked, and no character that is text
is changed or dropped. The same input gives the same bytes.

The way of a text: cut at `MOST`; characters that Markdown must not touch become stand-ins; JSON and code without a
fence get one; formulas become stand-ins for MathML; Markdown; the sanitiser; and last, in its result, the marks and
the MathML that are ours. How much of a text is laid out is bounded by what it will cost, before it is spent.
"""

from __future__ import annotations

from html import escape

import nh3
from django.utils.safestring import SafeString, mark_safe

from arena.ui.rendering.characters import StandIns, one_line, visible, with_marks, with_newlines
from arena.ui.rendering.code import with_fences
from arena.ui.rendering.cost import affordable
from arena.ui.rendering.formulas import with_formulas
from arena.ui.rendering.markdown import OURS, code_block, markdown, without_markdown

__all__ = ["MOST", "VERSION", "first_line", "one_line", "render", "render_code", "render_raw", "visible"]

# Raised with every change of what comes out: what was rendered by another version is not shown.
VERSION = 2

# Characters of one text that are rendered; longer ones end in a notice.
MOST = 60_000
# Characters of one text that its raw view holds.
MOST_RAW = 1_000_000

_BLOCKS = {
    "blockquote",
    "details",
    "div",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "summary",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
}
_TAGS = _BLOCKS | {"br", "code", "em", "s", "span", "strong"}
_DIRECTED = _BLOCKS - {"details", "div", "hr", "summary", "tbody", "thead", "tr"}
_DIRECTIONS = {"auto", "ltr", "rtl"}
# The second fence: even a fault in the first lets nothing through but these.
_cleaner = nh3.Cleaner(
    tags=_TAGS,
    attributes={"ol": {"start"}, "li": {"value"}},
    # Only looked at, never set here: attributes that nh3 adds come in another order in each process.
    tag_attribute_values={
        **{tag: {"dir": _DIRECTIONS} for tag in _DIRECTED},
        "pre": {"dir": _DIRECTIONS, "tabindex": {"0"}},
        "div": {"tabindex": {"0"}, "role": {"group"}, "aria-label": {"Table"}},
    },
    allowed_classes={
        "div": {"wide"},
        "pre": {"code", "code--wrap", "plain"},
        "span": {"address", "c", "gd", "gi", "k", "n", "s"},
        "td": {"n"},
        "th": {"n"},
    },
    link_rel=None,
    url_schemes=set(),
)


def render(text: str) -> SafeString:
    """Markdown as safe HTML. Empty for a text without any character; a long one is cut, and says so."""
    text, notice = _cut(text)
    stand_ins = StandIns(text)
    laid_out, rest = affordable(with_fences(stand_ins.protected(text), OURS))
    html = markdown(with_formulas(laid_out, stand_ins.add), stand_ins)
    if rest:
        html += f"<p><em>{_AS_WRITTEN}</em></p>\n{without_markdown(rest)}"
    return mark_safe(stand_ins.restored(_cleaner.clean(html)).strip() + notice)  # noqa: S308 (where it becomes safe)


_AS_WRITTEN = "From here on as it was written: so much markup is not laid out."


def render_code(code: str, language: str = "") -> SafeString:
    """Text as it is, in a block of code; `language` as a fence in Markdown names it. A long one is cut, and says so."""
    code, notice = _cut(code)
    stand_ins = StandIns(code)
    html = _cleaner.clean(code_block(stand_ins.protected(code), language))
    return mark_safe(stand_ins.restored(html).strip() + notice)  # noqa: S308 (as above)


def render_raw(text: str) -> SafeString:
    """Each character that was written, with a sign for those that nobody sees. A very long text is cut."""
    shown = with_marks(text[:MOST_RAW])
    notice = _notice(MOST_RAW, len(text)) if len(text) > MOST_RAW else ""
    html = f'<pre class="code code--wrap" dir="auto" tabindex="0">{shown}</pre>{notice}'
    return mark_safe(html)  # noqa: S308 (escaped above)


def _cut(text: str) -> tuple[str, str]:
    """At most so much of the text, and the notice that says so."""
    text = with_newlines(text)
    if len(text) <= MOST:
        return text, ""
    return text[:MOST], _notice(MOST, len(text))


def _notice(shown: int, characters: int) -> str:
    return f"<p><em>{escape(f'Cut here: {shown:,} of {characters:,} characters are shown.')}</em></p>"


def first_line(text: str, most: int = 160) -> str:
    """The gist of a text as plain words, to be escaped like any other."""
    words = next((line for line in visible(text).splitlines() if line.strip()), "").strip()
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"
