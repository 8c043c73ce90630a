"""The cost of a call. An unknown price is None, never 0."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from importlib import import_module
from typing import Any

from evals.collection.providers.usage import Usage

__all__ = ["UNKNOWN", "Cost", "cost_of"]

log = logging.getLogger(__name__)

_PER = Decimal(1_000_000)
_STORED = Decimal("0.00000001")
_MOST = Decimal(1_000_000)


@dataclass(frozen=True)
class Cost:
    """`usd` None: unknown, never 0. `source` says whose figure it is: provider, contender or list."""

    usd: Decimal | None
    source: str = ""


UNKNOWN = Cost(None)


def cost_of(
    usage: Usage,
    *,
    usd_per_mtok_input: Decimal | None,
    usd_per_mtok_output: Decimal | None,
    base_url: str,
    model_name: str,
) -> Cost:
    """What the provider says it charges; else by the contender's own prices if both are known; else by the price list,
    which knows hosted models by their provider's address. Unknown if the provider did not count the tokens.

    Only the list has a lower price for cached tokens: a contender has one price for input.
    """
    if usage.cost_usd is not None:
        return _cost(usage.cost_usd, "provider")
    if usage.tokens_in is None or usage.tokens_out is None:
        return UNKNOWN
    if usd_per_mtok_input is not None and usd_per_mtok_output is not None:
        cost = (usage.tokens_in * usd_per_mtok_input + usage.tokens_out * usd_per_mtok_output) / _PER
        return _cost(cost, "contender")
    listed = _listed(base_url, model_name, usage.tokens_in, usage.tokens_out, usage.tokens_in_cached)
    return UNKNOWN if listed is None else _cost(listed, "list")


def _cost(usd: Decimal, source: str) -> Cost:
    return Cost(usd.quantize(_STORED), source) if usd < _MOST else UNKNOWN


def _listed(base_url: str, model_name: str, tokens_in: int, tokens_out: int, cached: int | None) -> Decimal | None:
    if not _is_listed(base_url, model_name):
        return None
    return _calculate(base_url, model_name, tokens_in, tokens_out, min(cached, tokens_in) if cached else None)


@lru_cache(maxsize=512)
def _is_listed(base_url: str, model_name: str) -> bool:
    listed = _calculate(base_url, model_name, 1, 1, None) is not None
    if not listed:
        log.info("The price list has no entry for %s at %s.", model_name, base_url)
    return listed


def _calculate(base_url: str, model_name: str, tokens_in: int, tokens_out: int, cached: int | None) -> Decimal | None:
    prices = _price_list()
    usage = prices.Usage(input_tokens=tokens_in, output_tokens=tokens_out, cache_read_tokens=cached)
    try:
        total: Decimal = prices.calc_price(usage, model_name, provider_api_url=base_url).total_price
    except (LookupError, ValueError):
        return None
    return total


@lru_cache(maxsize=1)
def _price_list() -> Any:
    """Loaded when the first call without its own price ends: half a second that the start of the web server is
    spared."""
    return import_module("genai_prices")
