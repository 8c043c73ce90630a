"""A contender as others see it. Pure, so that routing's rules can hold it without loading Django."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

__all__ = ["IMPORTED", "ContenderCard"]

# `evals.models.Provider.Kind.IMPORTED`, whose outputs were collected elsewhere.
IMPORTED = "imported"


@dataclass(frozen=True, kw_only=True)
class ContenderCard:
    """A contender as the outside sees it: `base_url` and `kind` are the frozen ones where it is in use. Prices are per
    million tokens; None is unknown, never 0."""

    id: int
    slug: str
    family: str
    revision: int
    provider: str
    provider_name: str
    kind: str
    base_url: str
    locality: str
    model_name: str
    settings: dict[str, Any]
    tier: int
    capabilities: tuple[str, ...]
    context_tokens: int | None
    usd_per_mtok_input: Decimal | None
    usd_per_mtok_output: Decimal | None
    used_at: datetime | None
    retired_at: datetime | None

    @property
    def used(self) -> bool:
        return self.used_at is not None

    @property
    def retired(self) -> bool:
        return self.retired_at is not None

    @property
    def askable(self) -> bool:
        return self.kind != IMPORTED
