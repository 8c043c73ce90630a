"""Names given by people and files: which of them can be part of an address, and slugs derived from those that
cannot."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from arena.ui.rendering.characters import visible

__all__ = ["RESERVED", "BadValueError", "derived_slug", "is_clean", "is_readable", "is_reserved", "with_plain_spaces"]


class BadValueError(ValueError):
    """A value that does not fit its field. In a file it becomes the reason of a row's error."""


# Words that Arena's own addresses use where a slug would be: /contenders/new/, /routing/versions/, /vote/practice/.
RESERVED = frozenset({"new", "practice", "versions"})

_CLEAN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


def is_reserved(slug: str) -> bool:
    return slug.lower() in RESERVED


def is_clean(slug: str) -> bool:
    """Letters, digits, and `.`, `_`, `-` between them: what may be typed. Imported names may be anything."""
    return _CLEAN.fullmatch(slug) is not None


def is_readable(name: str) -> bool:
    """One line on which every character is seen, or is spelling: joiners in Persian and in emoji, spaces of any width.

    Python's `isprintable` would refuse those, and with them names that people give.
    """
    if name.isascii():
        return name.isprintable()
    return visible(name) == name and all(
        char.isprintable() or unicodedata.category(char) in ("Zs", "Cf") for char in name
    )


def with_plain_spaces(name: str) -> str:
    """Each kind of space as a plain one: they look alike, and a name copied from a page has others than a typed one."""
    return name if name.isascii() else "".join(" " if unicodedata.category(c) == "Zs" else c for c in name)


def derived_slug(name: str, *, longest: int, dots: bool = False) -> str:
    """ "GPT 4" to "gpt-4", "LLaMA-2-Chat (70B)" to "llama-2-chat-70b".

    Where letters are lost on the way (another script, too long), part of the name's SHA-256 keeps two such names
    apart. Names that differ only in case, spaces and brackets get the same slug: callers decide what to do.
    """
    plain = unicodedata.normalize("NFKD", name)
    plain = "".join(char for char in plain if not unicodedata.combining(char)).lower()
    lossy = any(char.isalnum() and not char.isascii() for char in plain)
    kept = r"[^a-z0-9_.]+" if dots else r"[^a-z0-9_]+"
    slug = re.sub(kept, "-", plain).strip("-._")
    if slug and not lossy and len(slug) <= longest:
        return slug
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{slug[: longest - 9].strip('-._')}-{digest}".strip("-")
