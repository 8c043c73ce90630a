"""Code with its parts told apart, by Pygments, in a few classes that the style sheets know.

Only languages whose lexers were tried on text made to be slow are coloured, and only so much of a text: anything else
stays as it is. What comes out has the same characters as what went in: a lexer that loses some or repeats them, as
Terraform's does from a heredoc without an end, is not believed.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape
from importlib import import_module
from typing import Any

__all__ = ["LANGUAGES", "LONGEST", "coloured"]

# Characters of one text that are coloured, and of one of its lines.
LONGEST = 8_000
_LONGEST_LINE = 300
_MOST_OPENINGS = 400
_BLANK_LINES = re.compile(r"(?:\n[ \t]*){40}")

# What a fence may say: the lexer of Pygments that reads it.
LANGUAGES = {
    alias: lexer
    for lexer, aliases in {
        "bash": "bash sh shell zsh",
        "bat": "bat cmd",
        "c": "c h",
        "clojure": "clojure clj",
        "cpp": "cpp c++ cc hpp",
        "css": "css scss less",
        "diff": "diff patch",
        "docker": "docker dockerfile",
        "elixir": "elixir ex exs",
        "erlang": "erlang",
        "go": "go golang",
        "graphql": "graphql gql",
        "haskell": "haskell hs",
        "html": "html htm xhtml svg vue",
        "ini": "ini cfg conf properties",
        "javascript": "javascript js jsx mjs node",
        "json": "json jsonc json5 jsonl ndjson geojson",
        "julia": "julia jl",
        "latex": "latex tex",
        "lua": "lua",
        "nginx": "nginx",
        "objective-c": "objective-c objectivec objc",
        "perl": "perl pl",
        "php": "php",
        "powershell": "powershell ps1 pwsh",
        "protobuf": "protobuf proto",
        "python": "python py python3 py3 pyi",
        "pycon": "pycon",
        "r": "r",
        "ruby": "ruby rb",
        "rust": "rust rs",
        "sql": "sql mysql postgres postgresql psql sqlite plsql tsql",
        "swift": "swift",
        "terraform": "terraform hcl tf",
        "toml": "toml",
        # Those of Java and its kin take seconds for a page of words.
        "typescript": "typescript ts tsx java csharp cs c# kotlin kt scala dart groovy gradle",
        "xml": "xml xsd xslt rss",
        "yaml": "yaml yml",
    }.items()
    for alias in aliases.split()
}

# From the first that matches upwards: a kind of token inherits its class from the kinds that contain it.
_CLASSES = {
    "Token.Comment": "c",
    "Token.Comment.Preproc": "k",
    "Token.Generic.Deleted": "gd",
    "Token.Generic.Heading": "k",
    "Token.Generic.Inserted": "gi",
    "Token.Generic.Prompt": "c",
    "Token.Generic.Subheading": "k",
    "Token.Keyword": "k",
    "Token.Literal": "s",
    "Token.Literal.Number": "s",
    "Token.Literal.String": "s",
    "Token.Name.Attribute": "n",
    "Token.Name.Class": "n",
    "Token.Name.Decorator": "n",
    "Token.Name.Function": "n",
    "Token.Name.Tag": "k",
    "Token.Operator.Word": "k",
}


def coloured(code: str, language: str) -> str:
    """Escaped HTML of the code, in which spans of class c (comment), k (keyword), s (string, number), n (name that is
    made or called), gi and gd (line put in, taken out) stand."""
    name = LANGUAGES.get(language.lower())
    if name is None or _would_be_slow(code):
        return escape(code, quote=False)
    parts: list[str] = []
    last, held, read = "", "", 0
    # Lexers that read line by line want the last one ended.
    ended = code + "\n"
    for _, kind, value in _lexer(name).get_tokens_unprocessed(ended):
        # Looked at as it comes, since what is repeated may be a thousand times the text.
        if not ended.startswith(value, read):
            return escape(code, quote=False)
        read += len(value)
        css = _class_of(kind)
        if css != last:
            parts.append(_span(last, held))
            last, held = css, ""
        held += value
    parts.append(_span(last, held.removesuffix("\n")))
    return "".join(parts) if read == len(ended) else escape(code, quote=False)


def _would_be_slow(code: str) -> bool:
    """Lexers look for the end of a string or an instruction from each of its beginnings, and over blank lines."""
    return (
        len(code) > LONGEST
        or code.count("\\") > _MOST_OPENINGS
        or code.count("<?") > _MOST_OPENINGS
        or any(len(line) > _LONGEST_LINE for line in code.split("\n"))
        or _BLANK_LINES.search(code) is not None
    )


def _span(css: str, words: str) -> str:
    if not words:
        return ""
    return f'<span class="{css}">{escape(words, quote=False)}</span>' if css else escape(words, quote=False)


@cache
def _lexer(name: str) -> Any:
    """Loaded with the first code in its language."""
    return import_module("pygments.lexers").get_lexer_by_name(name)


@cache
def _class_of(kind: Any) -> str:
    return next((_CLASSES[str(one)] for one in reversed(kind.split()) if str(one) in _CLASSES), "")
