"""The catalogue of translated sentences: what the code asks for, and what `locale/` has.

`python -m tests.messages` brings the `.po` files up to the code and compiles them; a test of the same name fails while
that is to be done. gettext's own programs are not needed, and the compiled files are kept, so that no start and no
installation has to make them.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "locale"
ROOMS = ("arena", "evals", "routing", "templates")
KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}
_CALL = re.compile(r"""\b(?:n?p?gettext|_)\((?:u?'(?:\\.|[^'\\])*'|u?"(?:\\.|[^"\\])*"|[\w, ])+\)""")


def languages() -> list[str]:
    return sorted(path.name for path in LOCALE.iterdir())


def po_of(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "django.po"


def asked_for() -> Catalog:
    """Every sentence that code and templates give to gettext, with the files that do."""
    found = Catalog(charset="utf-8", header_comment="", project="Arena", version="1")
    for path, text in _sources():
        for line, message, comments, context in extract("python", io.BytesIO(text.encode()), keywords=KEYWORDS):
            del line, comments
            found.add(message, locations=[(str(path.relative_to(ROOT)), 0)], context=context)
    return found


def _sources() -> Iterator[tuple[Path, str]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*")):
            if path.suffix == ".py" and "migrations" not in path.parts and "gettext" in (code := path.read_text()):
                yield path, code
            elif path.suffix == ".html":
                # What is between the calls stands for the template's text, and is no Python.
                calls = _CALL.finditer(templatize(path.read_text(), origin=str(path)))
                yield path, "\n".join(call[0] for call in calls)


def written(language: str) -> Catalog:
    with po_of(language).open("rb") as file:
        return read_po(file, locale=language)


def po_text(catalogue: Catalog) -> str:
    # Neither dates nor line numbers: a catalogue changes when a sentence does.
    out = io.BytesIO()
    write_po(out, catalogue, omit_header=False, width=120, sort_output=True, ignore_obsolete=True)
    lines = out.getvalue().decode().splitlines(keepends=True)
    kept = ('"Language:', '"Plural-Forms', '"MIME-Version', '"Content-')
    head = lines.index('msgstr ""\n') + 1
    end = next(n for n, line in enumerate(lines[head:], head) if not line.startswith('"'))
    written = [*lines[:head], *(line for line in lines[head:end] if line.startswith(kept)), *lines[end:]]
    return "".join(written).lstrip("\n")


def mo_bytes(catalogue: Catalog) -> bytes:
    catalogue.creation_date = catalogue.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    out = io.BytesIO()
    write_mo(out, catalogue)
    return out.getvalue()


def update() -> None:
    asked = asked_for()
    for language in languages():
        catalogue = written(language)
        catalogue.update(asked, no_fuzzy_matching=True)
        po_of(language).write_text(po_text(catalogue))
        clean = written(language)
        po_of(language).with_suffix(".mo").write_bytes(mo_bytes(clean))
        missing = [message.id for message in clean if message.id and not all(strings(message.string))]
        print(f"{language}: {len(clean)} sentences, {len(missing)} without a translation", file=sys.stderr)
        for sentence in missing:
            print(f"  {sentence}", file=sys.stderr)


def strings(string: str | tuple[str, ...] | list[str]) -> list[str]:
    return [string] if isinstance(string, str) else list(string)


if __name__ == "__main__":
    update()
