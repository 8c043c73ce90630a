"""What a file may hold. Each limit is an error that names it; none cuts anything off."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits", "size_in_words"]


@dataclass(frozen=True)
class Limits:
    file_bytes: int = 256 * 1024 * 1024
    line_bytes: int = 16 * 1024 * 1024
    rows: int = 1_000_000
    field_chars: int = 1_000_000
    nesting: int = 32


def size_in_words(size: int) -> str:
    for unit, factor in (("MiB", 1024 * 1024), ("KiB", 1024)):
        if size >= factor:
            return f"{size / factor:g} {unit}" if size % factor == 0 else f"{size / factor:.1f} {unit}"
    return f"{size} bytes"
