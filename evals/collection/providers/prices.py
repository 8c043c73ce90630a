"""The cost of a call. An unknown price is None, never 0."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from evals.catalog.price_list import Price, Tokens, listed_cost
from evals.collection.providers.usage import Usage

__all__ = ["UNKNOWN", "Cost", "cost_of"]

_STORED = Decimal("0.00000001")
_MOST = Decimal(1_000_000)


@dataclass(frozen=True)
class Cost:
    """`usd` None: unknown, never 0. `source` says whose figure it is: provider, contender or list."""

    usd: Decimal | None
    source: str = ""


UNKNOWN = Cost(None)


def cost_of(usage: Usage, *, own: Price | None, base_url: str, model_name: str) -> Cost:
    """What the provider says it charges; else by the contender's own price; else by the price list, which knows hosted
    models by their provider's address. Unknown if the provider did not count the tokens, unless they
    cost nothing.

    The own price goes before the list: a contender that the list knows needs none, so one that was typed is meant to
    differ, as a negotiated price does.
    """
    if usage.cost_usd is not None:
        return _cost(usage.cost_usd, "provider")
    if own is not None and own.free:
        return _cost(Decimal(0), "contender")
    if usage.tokens_in is None or usage.tokens_out is None:
        return UNKNOWN
    tokens: Tokens = {
        "tokens_in": usage.tokens_in,
        "tokens_out": usage.tokens_out,
        "cached": usage.tokens_in_cached,
        "written": usage.tokens_in_cache_written,
        "thinking": usage.tokens_thinking,
    }
    if own is not None:
        return _cost(own.cost(**tokens), "contender")
    listed = listed_cost(base_url, model_name, **tokens)
    return UNKNOWN if listed is None else _cost(listed, "list")


def _cost(usd: Decimal, source: str) -> Cost:
    return Cost(usd.quantize(_STORED), source) if usd < _MOST else UNKNOWN
