"""Names that stand in addresses."""

from __future__ import annotations

import re

__all__ = ["RESERVED", "is_clean", "is_reserved"]

# Words our own addresses use where a slug would stand: /contenders/new/, /routing/versions/.
RESERVED = frozenset({"new", "versions"})

_CLEAN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


def is_reserved(slug: str) -> bool:
    return slug.lower() in RESERVED


def is_clean(slug: str) -> bool:
    """Letters, digits, and `.`, `_`, `-` between them: what people type. Imported names may be anything."""
    return _CLEAN.fullmatch(slug) is not None
