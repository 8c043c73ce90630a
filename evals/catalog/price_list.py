"""What a contender's tokens cost: by its own prices or, where it has none, by the list of public prices. Pure.

A price has a source and a date, because providers change prices: one that was checked more than 60 days ago, or on a
day that is not known, is `stale`. Nothing here is stored; `stale` is always asked for a day.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from importlib import import_module
from importlib.metadata import version
from typing import Any, NotRequired, Protocol, TypedDict

__all__ = [
    "CHECKED_LONG_AGO",
    "LIST_AS_OF",
    "LIST_VERSION",
    "PRICES",
    "STALE_AFTER_DAYS",
    "Price",
    "Tokens",
    "list_date",
    "listed_cost",
    "listed_price",
    "own_price",
    "price_in_force",
]

log = logging.getLogger(__name__)

STALE_AFTER_DAYS = 60
CHECKED_LONG_AGO = f"more than {STALE_AFTER_DAYS} days ago, or on a day that is not known"

# The release of the list that the date below belongs to, and the newest day on which that release says it was checked.
# The package itself has no date: with a new version, read it from the data and write both here.
LIST_VERSION = "0.2.3"
LIST_AS_OF = date(2026, 11, 9)

# Of a contender, in USD per million tokens. The last three may be unknown: then the tokens cost what the others of
# their side do.
PRICES = (
    "usd_per_mtok_input",
    "usd_per_mtok_output",
    "usd_per_mtok_cached_input",
    "usd_per_mtok_cache_write",
    "usd_per_mtok_reasoning",
)


class Tokens(TypedDict):
    """Of a call. `cached` and `written` are parts of `tokens_in`, `thinking` of `tokens_out`; None is charged in
    full."""

    tokens_in: int
    tokens_out: int
    cached: NotRequired[int | None]
    written: NotRequired[int | None]
    thinking: NotRequired[int | None]


class Priced(Protocol):
    """A contender's card, or what has the same fields."""

    @property
    def base_url(self) -> str: ...
    @property
    def model_name(self) -> str: ...
    @property
    def usd_per_mtok_input(self) -> Decimal | None: ...
    @property
    def usd_per_mtok_output(self) -> Decimal | None: ...
    @property
    def usd_per_mtok_cached_input(self) -> Decimal | None: ...
    @property
    def usd_per_mtok_cache_write(self) -> Decimal | None: ...
    @property
    def usd_per_mtok_reasoning(self) -> Decimal | None: ...
    @property
    def price_source(self) -> str: ...
    @property
    def priced_at(self) -> date | None: ...


@dataclass(frozen=True, kw_only=True)
class Price:
    """USD per million tokens. `cached_input`, `cache_write` and `reasoning` None: as `input`, `input` and `output`.

    `source` says whose price it is: contender or list. `where` is an address or a note, and may be empty. `as_of` is
    the day it was last checked; None: not known. `tiered`: long prompts cost more than this.
    """

    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    reasoning: Decimal | None = None
    source: str = "contender"
    where: str = ""
    as_of: date | None = None
    tiered: bool = False

    @property
    def free(self) -> bool:
        """What costs nothing does not go out of date."""
        return not any((self.input, self.output, self.cached_input, self.cache_write, self.reasoning))

    def stale(self, today: date | None = None) -> bool:
        """Checked more than 60 days before, or on a day that is not known."""
        if self.free:
            return False
        today = today or datetime.now(UTC).date()
        return self.as_of is None or (today - self.as_of).days > STALE_AFTER_DAYS

    @property
    def is_stale(self) -> bool:
        return self.stale()

    @property
    def is_address(self) -> bool:
        return self.where.startswith("https://")

    def cost(
        self,
        *,
        tokens_in: int,
        tokens_out: int,
        cached: int | None = None,
        written: int | None = None,
        thinking: int | None = None,
    ) -> Decimal:
        """USD. `cached` and `written` are parts of `tokens_in`, `thinking` of `tokens_out`; None is charged in full."""
        cached = min(cached or 0, tokens_in)
        written = min(written or 0, tokens_in - cached)
        thinking = min(thinking or 0, tokens_out)
        total = (
            (tokens_in - cached - written) * self.input
            + cached * _first(self.cached_input, self.input)
            + written * _first(self.cache_write, self.input)
            + (tokens_out - thinking) * self.output
            + thinking * _first(self.reasoning, self.output)
        )
        return total / _PER


def own_price(contender: Priced) -> Price | None:
    """The contender's own; None unless tokens in and out both have one."""
    price_in, price_out = contender.usd_per_mtok_input, contender.usd_per_mtok_output
    if price_in is None or price_out is None:
        return None
    return Price(
        input=price_in,
        output=price_out,
        cached_input=contender.usd_per_mtok_cached_input,
        cache_write=contender.usd_per_mtok_cache_write,
        reasoning=contender.usd_per_mtok_reasoning,
        where=contender.price_source,
        as_of=contender.priced_at,
    )


def price_in_force(contender: Priced) -> Price | None:
    """Its own price, because one that was typed is meant; else the list's; None is an unknown price, never 0."""
    return own_price(contender) or listed_price(contender.base_url, contender.model_name)


def listed_price(base_url: str, model_name: str) -> Price | None:
    """What the list says of this model at this address; None if it does not know it, or lists other units."""
    found = _found(base_url, model_name)
    if found is None:
        return None
    provider, model = found
    prices = model.get_prices(datetime.now(UTC))
    named = {name: getattr(prices, f"{listed}_mtok") for name, listed in _LISTED.items()}
    base = {name: _base(price) for name, price in named.items()}
    price_in, price_out = base.pop("input"), base.pop("output")
    if price_in is None or price_out is None:
        return None
    return Price(
        input=price_in,
        output=price_out,
        **base,
        source="list",
        where=next(iter(provider.pricing_urls or ()), ""),
        as_of=list_date(),
        tiered=any(price is not None and not isinstance(price, Decimal) for price in named.values()),
    )


def listed_cost(
    base_url: str,
    model_name: str,
    *,
    tokens_in: int,
    tokens_out: int,
    cached: int | None = None,
    written: int | None = None,
    thinking: int | None = None,
) -> Decimal | None:
    """USD by the list, dearer tiers of long prompts included; None if it does not know the model."""
    if not base_url or _found(base_url, model_name) is None:
        return None
    cached = min(cached or 0, tokens_in)
    usage = _list().Usage(
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        cache_read_tokens=cached or None,
        cache_write_tokens=min(written or 0, tokens_in - cached) or None,
        output_reasoning_tokens=min(thinking or 0, tokens_out) or None,
    )
    try:
        total: Decimal = _list().calc_price(usage, model_name, provider_api_url=base_url).total_price
    except (LookupError, ValueError):
        return None
    return total


def list_date() -> date | None:
    """When the installed list was last checked; None if it is another release than the one dated here."""
    return LIST_AS_OF if _installed() == LIST_VERSION else None


_PER = Decimal(1_000_000)
_LISTED = {
    "input": "input",
    "output": "output",
    "cached_input": "cache_read",
    "cache_write": "cache_write",
    "reasoning": "output_reasoning",
}


def _first(price: Decimal | None, else_price: Decimal) -> Decimal:
    return else_price if price is None else price


def _base(price: Any) -> Decimal | None:
    base: Decimal | None = getattr(price, "base", price)
    return base


@lru_cache(maxsize=512)
def _found(base_url: str, model_name: str) -> tuple[Any, Any] | None:
    """The list's provider and model."""
    try:
        calculated = _list().calc_price(
            _list().Usage(input_tokens=1, output_tokens=1), model_name, provider_api_url=base_url
        )
    except (LookupError, ValueError):
        log.info("The price list has no entry for %s at %s.", model_name, base_url)
        return None
    return calculated.provider, calculated.model


@lru_cache(maxsize=1)
def _installed() -> str:
    return version("genai-prices")


@lru_cache(maxsize=1)
def _list() -> Any:
    """Loaded with the first contender without its own price: half a second that the start of the web server is
    spared."""
    return import_module("genai_prices")
