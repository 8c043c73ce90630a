"""How many parameters a model has, as far as its name says. Pure."""

from __future__ import annotations

import re

__all__ = ["billion_parameters"]

# `8b`, `3.8B`, `135M`, `8x7b`, each a word of its own: not in `4bit`, `e4b`, `128k`.
_SIZE = re.compile(r"(?<![a-z0-9.])(?:(\d{1,3})x)?(\d{1,4}(?:\.\d{1,3})?)([bmt])(?![a-z0-9])", re.IGNORECASE)
_BILLIONS = {"m": 0.001, "b": 1.0, "t": 1000.0}


def billion_parameters(model_name: str) -> float | None:
    """The first size in the name, experts multiplied out as written (8x7b: 56); None if it has none. A name can hold
    the parameters that are active too (`30b-a3b`): the first is the whole model's."""
    found = _SIZE.search(model_name)
    if found is None:
        return None
    experts, size, unit = found.groups()
    return (int(experts) if experts else 1) * float(size) * _BILLIONS[unit.lower()] or None
