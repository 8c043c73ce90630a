"""The examples of the documents people read, as they stand there: every code block, with its place.

Markdown's own parser finds them, so that a block is what a reader's page shows as one: fenced, or indented as the
shell's are in README. A block whose test is elsewhere says so in the line before it, which no page shows:

    <!-- tested by tests/routing/webhooks/test_docs.py -->
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt

from tests.processes import ROOT

__all__ = ["Example", "documents", "examples", "spoken_commands"]

_TESTED_BY = re.compile(r"<!-- tested by (\S+) -->")
# An indented block has no language. One that begins so is the shell's.
_SHELL = re.compile(r"^(?:#.*\n|\n)*(?:\.venv/bin/python |manage\.py |curl |pip |make )")
_COMMAND = re.compile(r"^(?:\.venv/bin/python )?manage\.py ([a-z_]+)(.*)$")


@dataclass(frozen=True)
class Example:
    """`language` is empty where none is said and none is told by how it begins; `tested_by` where no marker is."""

    document: str
    line: int
    language: str
    text: str
    tested_by: str = ""

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def first(self) -> str:
        """Its first line, by which a list names it."""
        return self.text.splitlines()[0]


def documents() -> list[str]:
    """README and whatever else people read: new pages in docs/ and examples/ by themselves."""
    found = [ROOT / "README.md", ROOT / "sdk" / "README.md"]
    found += [*sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]
    return [path.relative_to(ROOT).as_posix() for path in found]


@cache
def examples(document: str, root: Path = ROOT) -> tuple[Example, ...]:
    made, marked = [], ""
    for token in MarkdownIt().parse((root / document).read_text(encoding="utf-8")):
        if token.type == "html_block":
            found = _TESTED_BY.search(token.content)
            marked = found[1] if found else ""
        elif token.type in ("fence", "code_block"):
            assert token.map is not None
            said = token.info.split()[0] if token.info.split() else ""
            language = said or ("sh" if _SHELL.match(token.content) else "")
            made.append(Example(document, token.map[0] + 1, language, token.content, marked))
            marked = ""
        else:
            marked = ""
    return tuple(made)


def spoken_commands(document: str) -> list[tuple[str, str]]:
    """`manage.py …` inside sentences and tables: the command's name, and the rest."""
    tokens = MarkdownIt().enable("table").parse((ROOT / document).read_text(encoding="utf-8"))
    spoken = [child.content for token in tokens for child in token.children or () if child.type == "code_inline"]
    return [(found[1], found[2]) for text in spoken if (found := _COMMAND.match(text))]
