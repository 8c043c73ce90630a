"""A model that a server lists, as a contender could be made of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from evals.catalog.names import derived_slug

__all__ = ["NAME_LENGTH", "FoundModel", "default_slug"]

NAME_LENGTH = 255
_SLUG_LENGTH = 80  # leaves room for what tells two of one name apart


@dataclass(frozen=True, kw_only=True)
class FoundModel:
    """`model_name` is the server's own id. What the list does not say stays empty; prices are per million tokens."""

    model_name: str
    title: str = ""
    capabilities: tuple[str, ...] = ()
    context_tokens: int | None = None
    usd_per_mtok_input: Decimal | None = None
    usd_per_mtok_output: Decimal | None = None

    @property
    def slug(self) -> str:
        return default_slug(self.model_name)


def default_slug(model_name: str) -> str:
    """`meta-llama/llama-3.3-70b` to `llama-3.3-70b`, `llama3.2:latest` to `llama3.2`, `models/a-Q8_0.gguf` to
    `a-q8_0`: the name without its owner or folder, and without what every such name ends in."""
    last = model_name.rstrip("/").rpartition("/")[2] or model_name
    return derived_slug(re.sub(r"(?i):latest$|\.gguf$", "", last) or last, longest=_SLUG_LENGTH, dots=True)
