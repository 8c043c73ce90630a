"""The one path by which text that somebody else wrote becomes HTML.

Prompts, answers and guidelines are Markdown and hostile. What comes out holds only the tags listed here: no links
(their text stays), no images (their description stays), nothing that loads, points or runs, no attribute of the
writer's, and no invisible character that turns, hides or marks text. The same input gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence
from typing import Any

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from arena.ui.highlight import highlight

__all__ = ["MOST", "first_line", "render", "render_code", "visible"]

# Characters of one text that are rendered; longer ones end in a notice.
MOST = 60_000

_BLOCKS = {
    "blockquote",
    "div",
    "h3",
    "h4",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
}
_TAGS = _BLOCKS | {"br", "code", "em", "s", "span", "strong"}
# Control characters but tab and newline; soft hyphen; joiners and other zero-width characters; bidi marks, embeddings,
# overrides and isolates; interlinear notes; tags and the second block of variation selectors, which can spell a text
# nobody sees. The variation selectors of emoji stay.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)


class _Renderer(RendererHTML):
    """Renders every text alike; styles, addresses and names of languages are left out."""

    def link_open(self, *_: Any) -> str:
        return ""

    def link_close(self, *_: Any) -> str:
        return ""

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        words = self.renderInlineAsText(tokens[idx].children or [], options, env).strip()
        return escape(f"[image: {words}]" if words else "[image]")

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        language = tokens[idx].info.partition(" ")[0].strip()
        return f'<pre class="code" tabindex="0"><code>{highlight(tokens[idx].content, language)}</code></pre>\n'

    code_block = fence

    def table_open(self, *_: Any) -> str:
        return '<div class="wide"><table>\n'

    def table_close(self, *_: Any) -> str:
        return "</table></div>\n"

    def heading_open(self, tokens: Sequence[Token], idx: int, *_: Any) -> str:
        return f"<{_below_ours(tokens[idx].tag)}>"

    def heading_close(self, tokens: Sequence[Token], idx: int, *_: Any) -> str:
        return f"</{_below_ours(tokens[idx].tag)}>\n"

    def td_open(self, tokens: Sequence[Token], idx: int, *_: Any) -> str:
        token = tokens[idx]
        right = "text-align:right" in str(token.attrGet("style") or "")
        return f'<{token.tag} class="n">' if right else f"<{token.tag}>"

    th_open = td_open


def _below_ours(tag: str) -> str:
    """The page's own headings stand above any in a text."""
    return "h3" if tag in ("h1", "h2", "h3") else "h4"


def _parser(*without: str) -> MarkdownIt:
    # `html: False` escapes raw HTML; `breaks` keeps the lines as they were written; reference definitions, which
    # would vanish from the text, are left standing.
    options = {"html": False, "breaks": True, "xhtmlOut": False, "maxNesting": 30}
    parser = MarkdownIt("commonmark", options, renderer_cls=_Renderer)
    return parser.enable(["table", "strikethrough"]).disable(["reference", *without])


_markdown = _parser()
# Looking for the ends of so many links takes seconds; only a text made for that holds them.
_MOST_BRACKETS = 4000
_without_links = _parser("link", "image")
# Likewise a table of so many rows, each filled up to the width of its head.
_MOST_ROWS = 2000
_without_tables = _parser("table")
_without_either = _parser("link", "image", "table")
# The second fence: even a fault in the first lets nothing through but these.
_cleaner = nh3.Cleaner(
    tags=_TAGS,
    attributes={"ol": {"start"}},
    # Only looked at, never set here: attributes that nh3 adds come in another order in each process.
    tag_attribute_values={"pre": {"tabindex": {"0"}}},
    allowed_classes={"div": {"wide"}, "pre": {"code"}, "span": {"c", "k", "s"}, "td": {"n"}, "th": {"n"}},
    link_rel=None,
    url_schemes=set(),
)


def visible(text: str) -> str:
    """Without characters that nobody sees; line ends as newlines."""
    return _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def render(text: str) -> SafeString:
    """Markdown as safe HTML. Empty for a text without anything to see; a long one is cut, and says so."""
    text, notice = _cut(visible(text))
    # Once more: entities such as &#8238; have become characters by now.
    html = _cleaner.clean(visible(_parser_for(text).render(text)))
    return mark_safe(html.strip() + notice)  # noqa: S308 (this is where it becomes safe)


def render_code(code: str, language: str = "") -> SafeString:
    """Text as it is, in a block of code; `language` as a fence in Markdown names it. A long one is cut, and says so."""
    code, notice = _cut(visible(code))
    html = f'<pre class="code" tabindex="0"><code>{highlight(code, language)}</code></pre>'
    return mark_safe(_cleaner.clean(html) + notice)  # noqa: S308 (as above)


def _cut(text: str) -> tuple[str, str]:
    """At most so much of the text, and the notice that says so."""
    if len(text) <= MOST:
        return text, ""
    return text[:MOST], f"<p><em>Cut here: {MOST:,} of {len(text):,} characters are shown.</em></p>"


def _parser_for(text: str) -> MarkdownIt:
    links = text.count("[") <= _MOST_BRACKETS
    tables = sum("|" in line for line in text.split("\n")) <= _MOST_ROWS
    if links:
        return _markdown if tables else _without_tables
    return _without_links if tables else _without_either


def first_line(text: str, most: int = 160) -> str:
    """The gist of a text as plain words, to be escaped like any other."""
    words = next((line for line in visible(text).splitlines() if line.strip()), "").strip()
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"
