"""Code with its comments, strings and keywords told apart: enough to read by, and no more.

Pure, and the same for every writer. One pattern a family of languages, so that a run of code is read once, from left
to right; what names no known language stays as it is.
"""

from __future__ import annotations

import re
from html import escape

__all__ = ["highlight"]

_HASH = "bash dockerfile elixir julia makefile perl py python r rb ruby sh shell toml yaml yml zsh"
_SLASH = (
    "c c# c++ cpp cs csharp dart go golang java javascript js json jsonc jsx kotlin kt php rs rust scala swift ts tsx "
    "typescript"
)
_DASH = "haskell hs lua sql"

_KEYWORDS = (
    "abstract and as assert async await begin bool break byte case catch char class const continue crate def "
    "default defer del delete do done double dyn elif else elseif end enum esac except export extends extern "
    "fallthrough False false fi final finally float fn for foreach from func function global go goto if impl "
    "implements import in int interface internal is lambda let local long loop match mod mut namespace new nil None "
    "nonlocal not null nullptr object of or override package pass private protected pub public raise readonly ref "
    "require return self short static string struct super switch template then this throw throws trait True true "
    "try type typedef typeof union unless unsafe unsigned until use using val var virtual void volatile when where "
    "while with yield"
)
_SQL = (
    "alter and as asc between by case cast constraint create cross delete desc distinct drop else end exists false "
    "from full group having if in index inner insert into is join key left like limit not null offset on or order "
    "outer over partition primary references returning right select set table then true union unique update using "
    "values view when where with"
)

_STRING = (
    r'"""[\s\S]*?(?:"""|\Z)|\'\'\'[\s\S]*?(?:\'\'\'|\Z)|"(?:\\.|[^"\\\n])*"?|\'(?:\\.|[^\'\\\n])*\'?|`(?:\\.|[^`\\])*`?'
)
_NUMBER = r"\b(?:0[xXbBoO][\da-fA-F_]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)\b"


def _pattern(comment: str, keywords: str, flags: int = 0) -> re.Pattern[str]:
    words = "|".join(keywords.split())
    return re.compile(
        rf"(?P<c>{comment})|(?P<s>\b[bfrBFRu]{{1,2}}(?=[\"'])(?:{_STRING})|{_STRING}|{_NUMBER})|(?P<k>\b(?:{words})\b)",
        flags,
    )


_FAMILIES = (
    (_HASH, _pattern(r"(?<![\w$&])#[^\n]*", _KEYWORDS)),
    (_SLASH, _pattern(r"//[^\n]*|/\*[\s\S]*?(?:\*/|\Z)", _KEYWORDS)),
    (_DASH, _pattern(r"--[^\n]*|/\*[\s\S]*?(?:\*/|\Z)", _SQL, re.IGNORECASE)),
)
_PATTERNS = {language: pattern for languages, pattern in _FAMILIES for language in languages.split()}


def highlight(code: str, language: str) -> str:
    """Escaped HTML in which spans of class c (comment), s (string, number) and k (keyword) stand."""
    pattern = _PATTERNS.get(language.lower())
    if pattern is None:
        return escape(code)
    parts, end = [], 0
    for found in pattern.finditer(code):
        words = escape(found[0])
        parts += [escape(code[end : found.start()]), f'<span class="{found.lastgroup}">{words}</span>']
        end = found.end()
    return "".join([*parts, escape(code[end:])])
