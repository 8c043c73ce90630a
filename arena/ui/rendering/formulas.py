r"""Formulas in LaTeX's notation become MathML; what cannot be written so stays as it is, as code.

A formula is what stands in `\( \)`, `\[ \]`, `$$ $$` or an environment of mathematics, and in `$ $` only where it can
be nothing else: "$5 to $10" is not one. They are found before Markdown reads the text, whose stars, underscores and
list markers would break them.

latex2mathml knows neither every command nor what a page must not do, so its result is checked: only elements and
attributes listed here, no command left standing, no letter or digit lost.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from html import escape, unescape
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["formula", "with_formulas"]

_MOST_FORMULAS = 300
_LONGEST = 2000
_MOST_CHARACTERS = 8000
_DEEPEST = 40
# A formula wider than its side scrolls, and is then reached by the keyboard.
_WIDE = 60

_ENVIRONMENTS = "align|aligned|array|bmatrix|Bmatrix|cases|eqnarray|equation|gather|gathered|matrix|multline|"
_ENVIRONMENTS += "pmatrix|smallmatrix|split|vmatrix|Vmatrix"

_OPENING = re.compile(
    rf"""
    (?P<fence>^[ \t>]*(?:(?:[-*+]|\d{{1,9}}[.)])[ \t]+)*(?P<ticks>`{{3,}}|~{{3,}})[^\n]*$)
    | (?P<code>(?<![`\\])`+(?!`))
    | \\[\\$`]
    | (?P<open>\\\(|\\\[|\$\$|\\begin\{{(?:{_ENVIRONMENTS})\*?\}}|(?<![\w$\\])\$(?![\s$]))
    """,
    re.VERBOSE | re.MULTILINE,
)
_IN_DOLLARS = re.compile(r"((?:[^$\\\n]|\\[^\n]){1,300})(?<!\s)\$(?![\w$])")
_CLOSING = {r"\(": r"\)", r"\[": r"\]", "$$": "$$"}
_QUOTE_MARKS = re.compile(r"^[ \t]*>[ \t>]*", re.MULTILINE)
_EMPTY_LINE = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True)
class _Found:
    """A formula as it stands in the text: from `start` up to `end`, with what is between its delimiters."""

    start: int
    end: int
    source: str
    display: bool


def with_formulas(text: str, add: Callable[[str, str], str]) -> str:
    """The text with `add(source, html)` in place of each formula: a character that Markdown leaves alone."""
    if "$" not in text and "\\" not in text:
        return text
    parts: list[str] = []
    end = at = 0
    made = characters = 0
    while (opening := _OPENING.search(text, at)) is not None:
        at = opening.end()
        if opening["fence"] is not None:
            at = _end_of_fence(text, opening)
        elif opening["code"] is not None:
            at = _end_of_code(text, opening)
        elif opening["open"] is not None and (found := _formula_at(text, opening)) is not None:
            made, characters = made + 1, characters + len(found.source)
            if made > _MOST_FORMULAS or characters > _MOST_CHARACTERS:
                break
            written = text[found.start : found.end]
            html = formula(found.source, written=written, display=found.display)
            parts += [text[end : found.start], add(written, html)]
            end = at = found.end
    return "".join([*parts, text[end:]])


def _end_of_fence(text: str, found: re.Match[str]) -> int:
    ticks = found["ticks"]
    close = re.compile(rf"^[ \t>]*{re.escape(ticks[0])}{{{len(ticks)},}}[ \t]*$", re.MULTILINE)
    closed = close.search(text, found.end())
    return closed.end() if closed else len(text)


def _end_of_code(text: str, found: re.Match[str]) -> int:
    """A run of backticks that nothing closes before the paragraph ends is text."""
    ticks = found["code"]
    paragraph = text.find("\n\n", found.end())
    closed = re.compile(rf"(?<!`){ticks}(?!`)").search(text, found.end(), paragraph if paragraph >= 0 else len(text))
    return closed.end() if closed else found.end()


def _formula_at(text: str, opening: re.Match[str]) -> _Found | None:
    """The formula that begins here, if what stands here is one."""
    open_, start, inner = opening["open"], opening.start(), opening.end()
    if open_ == "$":
        dollars = _IN_DOLLARS.match(text, inner)
        if dollars is None or not _is_surely_one(dollars[1]):
            return None
        return _Found(start, dollars.end(), dollars[1], display=False)
    closing = _CLOSING.get(open_) or open_.replace("begin", "end")
    stop = text.find(closing, inner, inner + _LONGEST)
    between = text[inner:stop] if stop >= 0 else ""
    if not between.strip() or open_ in between or _EMPTY_LINE.search(between):
        return None
    end = stop + len(closing)
    if "\n" in between and text[text.rfind("\n", 0, start) + 1 : start].lstrip().startswith(">"):
        # In a quote, whose marks are no signs of the formula.
        between = _QUOTE_MARKS.sub("", between)
    if open_.startswith(r"\begin"):
        return _Found(start, end, f"{open_}{between}{closing}", display=True)
    display = open_ != r"\("
    if open_ != "$$" and (_is_prose(between) or (display and not _is_set_apart(text, start, end, between))):
        return None
    return _Found(start, end, between.strip(), display)


def _is_set_apart(text: str, start: int, end: int, between: str) -> bool:
    r"""Whether `\[ \]` stands alone on its lines or looks like mathematics: it may be a pair of escaped brackets."""
    line = text.rfind("\n", 0, start) + 1
    after = text.find("\n", end)
    around = text[line:start].strip(" \t>-*0123456789.") + text[end : after if after >= 0 else None].strip(" \t.,;:")
    return not around or _MATHS.search(between) is not None


_MATHS = re.compile(r"\\[a-zA-Z]+|[\^_=<>+]|\d\s*[-*/]|[-*/]\s*\d")
_PROSE = re.compile(r"(?:[^\W\d_]{2,}[,;:.]?\s+){1,}[^\W\d_]{2,}")
_WITHOUT_WORDS = re.compile(r"\\(?:text|textbf|textit|mathrm|operatorname|mbox)\*?\s*\{[^{}]*\}|\\[a-zA-Z]+")


def _is_prose(source: str) -> bool:
    """Words between escaped brackets, as in `\\[citation needed\\]`."""
    return bool(_PROSE.search(_WITHOUT_WORDS.sub(" ", source))) and not _MATHS.search(source)


def _is_surely_one(source: str) -> bool:
    """`$x$`, `$2n$` and `$a^2 + b$`; neither prices nor shell variables nor prose between two dollars."""
    if re.fullmatch(
        r"[A-Za-z]'?|-?\d[\d.,]*[a-z]?%?|[A-Za-z],\s*[A-Za-z]|[A-Za-z]\([A-Za-z]\)|\|[^|\s]{1,20}\|", source
    ):
        return True
    if re.match(r"[A-Z_]{2,}\b|[\d.,]+\s+[^\W\d_]{2,}|[\d.,]+[kKmMbB]?\s*[-–/]\s*$", source):
        return False
    bare = _WITHOUT_WORDS.sub(" ", source)
    words = re.findall(r"[^\W\d_]{4,}", bare)
    return bool(re.search(r"\\[a-zA-Z]+|[\^_=<>+]|[-*/]", source)) and not words and not _PROSE.search(bare)


_ALLOWED: dict[str, frozenset[str]] = {
    "math": frozenset(),
    "mrow": frozenset(),
    "mi": frozenset({"mathvariant"}),
    "mn": frozenset({"mathvariant"}),
    "mo": frozenset(
        {
            "stretchy",
            "fence",
            "form",
            "largeop",
            "movablelimits",
            "accent",
            "minsize",
            "maxsize",
            "mathvariant",
            "separator",
            "lspace",
            "rspace",
        }
    ),
    "mtext": frozenset({"mathvariant"}),
    "mspace": frozenset({"width"}),
    "msup": frozenset(),
    "msub": frozenset(),
    "msubsup": frozenset(),
    "mfrac": frozenset({"linethickness"}),
    "msqrt": frozenset(),
    "mroot": frozenset(),
    "mtable": frozenset({"displaystyle", "rowspacing", "columnspacing", "columnalign", "columnlines", "rowlines"}),
    "mtr": frozenset(),
    "mtd": frozenset({"columnalign"}),
    "munder": frozenset({"accentunder"}),
    "mover": frozenset({"accent"}),
    "munderover": frozenset({"accent", "accentunder"}),
    "mstyle": frozenset({"displaystyle", "scriptlevel"}),
    "menclose": frozenset({"notation"}),
}
_CHILDREN = {"mfrac": 2, "msup": 2, "msub": 2, "mroot": 2, "munder": 2, "mover": 2, "msubsup": 3, "munderover": 3}
_VALUE = re.compile(r"[a-z-]{1,20}(?: [a-z]{1,10}){0,12}|-?[\d.]{1,6}(?:em|pt|ex)?(?: [\d.]{1,6}em){0,12}|[+-]?\d")
# Negative or wide space would put a formula over what stands beside it.
_SPACE = re.compile(r"(?:-0?\.\d+|[0-3](?:\.\d+)?|0?\.\d+)em")
_BOXES = {"box": "boxed", "updiagonalstrike": "struck", "downdiagonalstrike": "struck", "horizontalstrike": "struck"}

_ALIASES = (
    # Without the numbers that `align` adds, and with what latex2mathml does not know by its own name.
    (re.compile(r"(\\(?:begin|end)\{)(?:align|aligned|split|eqnarray)\*?\}"), r"\1align*}"),
    (re.compile(r"(\\(?:begin|end)\{)(?:gather|gathered|multline)\*?\}"), r"\1matrix}"),
    (re.compile(r"(\\(?:begin|end)\{)equation\*?\}"), r"\1equation*}"),
    (re.compile(r"\\not\s*="), r"\\neq "),
    (re.compile(r"\\[td]?frac(?=\d\d(?!\d))"), r"\\frac"),
    (re.compile(r"\\(?:lvert|rvert)\b"), "|"),
    (re.compile(r"\\(?:lVert|rVert)\b"), r"\\Vert "),
    # A comment in LaTeX; an answer means a per cent sign.
    (re.compile(r"(?<!\\)%"), r"\\%"),
)
_ENVIRONMENT_OR_ARGUMENT = re.compile(
    r"\\(?:begin|end)\{[a-zA-Z]+\*?\}(?:\{[|lcr\s]*\}|\[[a-z]\])?|\\(?:hspace|vspace|kern|mkern|hskip)\*?\s*\{?[-\d.]+[a-z]+\}?"
    r"|\\\\\[[-\d.]+[a-z]+\]|\\[a-zA-Z]+"
)
_REFERENCES = re.compile(r"&#x[0-9A-F]{4,6};")
_LEAVES = frozenset({"mi", "mo", "mn", "mtext"})
_LETTER = re.compile(r"[^\W_]")


def formula(source: str, *, written: str, display: bool) -> str:
    """Safe HTML: MathML, or a code span with what was written."""
    made = _mathml(source, display=display)
    if made is None:
        return f'<code class="tex">{escape(written)}</code>'
    wide = ' tabindex="0"' if display or len(source) > _WIDE else ""
    kind = "formula formula--own" if display else "formula"
    shown = "block" if display else "inline"
    return f'<span class="{kind}"{wide}><math display="{shown}" alttext="{escape(source)}">{made}</math></span>'


@cache
def _latex2mathml() -> Any:
    """Loaded with the first formula: a tenth of a second that commands need not pay."""
    return import_module("latex2mathml.converter")


def _mathml(source: str, *, display: bool) -> str | None:
    if _depth(source) > _DEEPEST or not source.replace("\n", " ").replace("\t", " ").isprintable():
        return None
    wanted = source
    for pattern, replacement in _ALIASES:
        wanted = pattern.sub(replacement, wanted)
    tree = _converted(wanted)
    if tree is not None and _has_line_breaks(tree):
        # LaTeX itself would ignore them here, and so do browsers: two lines would stand as one.
        columns = "align*" if "&" in wanted else "matrix"
        tree = _converted(rf"\begin{{{columns}}}{wanted}\end{{{columns}}}") if display else None
    if tree is None or _has_line_breaks(tree) or not _keeps_letters(wanted, tree):
        return None
    parts: list[str] = []
    return "".join(parts) if all(_write(child, parts, 0) for child in tree) else None


def _depth(source: str) -> int:
    deepest = depth = 0
    for one in re.findall(r"\\left\b|\\right\b|\\begin\b|\\end\b|\\sqrt|\\[a-zA-Z]+|\\.|[{}]", source):
        if one in ("{", r"\left", r"\begin", r"\sqrt"):
            depth += 1
            deepest = max(deepest, depth)
        elif one in ("}", r"\right", r"\end"):
            depth -= 1
    return deepest


def _converted(source: str) -> Element | None:
    try:
        tree: Element = _latex2mathml().convert_to_element(source)
    # A tree of its own errors, and what its tables raise on input they do not foresee.
    except Exception:
        return None
    return tree


def _text(element: Element) -> str:
    """latex2mathml writes its own characters as references, and spaces in `\\text` as one."""
    text = element.text or ""
    return _REFERENCES.sub(lambda found: unescape(found[0]), text) if element.tag in _LEAVES else text


def _has_line_breaks(tree: Element) -> bool:
    return any(one.get("linebreak") for one in tree.iter("mspace"))


def _keeps_letters(source: str, tree: Element) -> bool:
    """Whether each letter and digit that is not a command's is there at least as often as it was written."""
    said = unicodedata.normalize("NFKC", "".join(_text(one) for one in tree.iter()))
    want = unicodedata.normalize("NFKC", _ENVIRONMENT_OR_ARGUMENT.sub(" ", source))
    have, need = Counter(_LETTER.findall(said)), Counter(_LETTER.findall(want))
    return all(have[one] >= times for one, times in need.items())


def _rule(table: Element) -> None:
    """Lines of a table, which browsers do not draw: cells say at which edge they have one."""
    columns, rows = table.get("columnlines", "").split(), table.get("rowlines", "").split()
    for n, row in enumerate(table):
        for m, cell in enumerate(row):
            at_end = m < len(columns) and columns[m] != "none"
            below = n < len(rows) and rows[n] != "none"
            if at_end or below:
                cell.set("class", " ".join(["ruled-end"] * at_end + ["ruled-below"] * below))


def _write(element: Element, parts: list[str], depth: int) -> bool:
    """Write the element if all of it is known to be harmless; False at the first that is not."""
    allowed = _ALLOWED.get(element.tag)
    if allowed is None or depth > 4 * _DEEPEST or len(element) != _CHILDREN.get(element.tag, len(element)):
        return False
    tag, attributes = element.tag, []
    for name, value in element.attrib.items():
        if tag == "menclose" and name == "notation":
            if value not in _BOXES:
                return False
            # Browsers do not draw `menclose`.
            attributes.append(f' class="{_BOXES[value]}"')
        elif tag == "mtd" and name == "class":
            # Ours, from `_rule`: latex2mathml writes none on cells.
            attributes.append(f' class="{value}"')
        elif name not in allowed or not (_SPACE if name == "width" else _VALUE).fullmatch(value):
            return False
        elif name not in ("columnlines", "rowlines"):
            attributes.append(f' {name}="{value}"')
    tag = "mrow" if tag == "menclose" else tag
    if tag == "mtable":
        _rule(element)
    text = _text(element)
    if tag in ("mi", "mo", "mn", "mtext") and (text.startswith("\\") or (tag != "mtext" and text == "&")):
        return False
    parts.append(f"<{tag}{''.join(attributes)}>{escape(text, quote=False)}")
    if not all(_write(child, parts, depth + 1) for child in element):
        return False
    parts.append(f"</{tag}>")
    return not (element.tail or "").strip()
