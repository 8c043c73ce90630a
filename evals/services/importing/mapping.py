"""The commands' `--map field=column`, `--value label=ours` and the like."""

from __future__ import annotations

from collections.abc import Iterable

from evals.services.importing.errors import UnreadableError

__all__ = ["parse_pairs"]


def parse_pairs(option: str, given: Iterable[str]) -> dict[str, str]:
    """`["task=prompt"]` to `{"task": "prompt"}`. The first `=` parts, unless a backslash stands before it."""
    pairs: dict[str, str] = {}
    for pair in given:
        name, equals, value = _split(pair)
        if not equals or not name.strip():
            raise UnreadableError(f"{option} {pair}: write two words with an = between them, as in {option} a=b.")
        name, value = name.strip(), value.strip()
        if pairs.get(name, value) != value:
            raise UnreadableError(f"{option}: “{name}” is given twice, as “{pairs[name]}” and as “{value}”.")
        pairs[name] = value
    return pairs


def _split(pair: str) -> tuple[str, str, str]:
    name, equals, value = pair.replace("\\=", "\x00").partition("=")
    return name.replace("\x00", "="), equals, value.replace("\x00", "=")
