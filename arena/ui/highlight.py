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

_SCRIPT = (
    "and as assert async await begin break case class continue def del do done elif else elsif end esac except "
    "export False false fi finally for from function global if import in is lambda local match module nil None "
    "nonlocal not null or pass raise require rescue return then True true try unless until while with yield"
)
_CURLY = (
    "abstract as async await bool break byte case catch char class const continue debugger default defer delete do "
    "double dyn else enum export extends extern fallthrough false final finally float fn for foreach from func "
    "function go goto if impl implements import in int interface internal let long loop match mod mut namespace new "
    "nil null nullptr object of override package private protected pub public readonly ref return self short static "
    "string struct super switch template this throw throws trait true try type typedef typeof undefined union "
    "unsafe unsigned use using val var virtual void volatile when where while with yield"
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
    (_HASH, _pattern(r"(?<![\w$&])#[^\n]*", _SCRIPT)),
    (_SLASH, _pattern(r"//[^\n]*|/\*[\s\S]*?(?:\*/|\Z)", _CURLY)),
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
