"""A contender as others see it. Pure, so that routing's rules can hold it without loading Django."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from evals.catalog.price_list import Price, own_price, price_in_force

__all__ = ["IMPORTED", "ContenderCard"]

# `evals.models.Provider.Kind.IMPORTED`, whose outputs were collected elsewhere.
IMPORTED = "imported"
# Other kinds: those without chat completions, and where they are beside the provider's own API.
_NO_CHAT = {IMPORTED, "replicate", "fal", "llama_cpp"}
_CHAT_AT = {"ollama": "/v1", "gemini": "/openai"}


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
    usd_per_mtok_cached_input: Decimal | None = None
    usd_per_mtok_cache_write: Decimal | None = None
    usd_per_mtok_reasoning: Decimal | None = None
    price_source: str = ""
    priced_at: date | None = None

    @property
    def chat_base_url(self) -> str:
        """Where services and gateways ask it by OpenAI's chat completions, whatever API Arena asked it by; "" if
        nowhere."""
        address = self.base_url.rstrip("/")
        if self.kind in _NO_CHAT:
            return ""
        after = _CHAT_AT.get(self.kind, "")
        return address + after if after and not address.endswith(after) else self.base_url

    @property
    def price(self) -> Price | None:
        """What its tokens cost, by its own prices or the public list's; None: not known."""
        return price_in_force(self)

    @property
    def own_price(self) -> Price | None:
        return own_price(self)

    @property
    def used(self) -> bool:
        return self.used_at is not None

    @property
    def retired(self) -> bool:
        return self.retired_at is not None

    @property
    def askable(self) -> bool:
        return self.kind != IMPORTED
