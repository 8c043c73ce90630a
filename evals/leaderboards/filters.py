"""Which contenders a leaderboard shows, from its address: `?local=1&price=5&capability=vision`. Pure: no query.

Filters choose rows. Ratings, ranks and P(best) stay those among all contenders: the votes on the others count too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from evals.catalog.cards import ContenderCard

__all__ = ["BoardFilters", "read_board_filters"]

_MOST_PRICE = Decimal(1_000_000)
_LONGEST = 40


@dataclass(frozen=True)
class BoardFilters:
    """`price` is in USD per million output tokens, at most; a contender whose price is not known is left out then.
    `given` as it was typed, `errors` by the name of the parameter: a filter that cannot be read filters nothing."""

    local: bool = False
    price: Decimal | None = None
    capability: str = ""
    given: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        return self.local or self.price is not None or bool(self.capability)

    def keeps(self, card: ContenderCard) -> bool:
        if self.local and card.locality != "local":
            return False
        if self.price is not None and (card.price is None or card.price.output > self.price):
            return False
        return not self.capability or self.capability in card.capabilities

    def kept(self, cards: Iterable[ContenderCard]) -> frozenset[str]:
        """Slugs of the contenders to show."""
        return frozenset(card.slug for card in cards if self.keeps(card))


def read_board_filters(given: Mapping[str, str]) -> BoardFilters:
    typed = {name: given[name].strip() for name in ("local", "price", "capability") if given.get(name, "").strip()}
    errors, price = {}, None
    local = typed.get("local", "0")
    if local not in ("0", "1"):
        errors["local"] = f"“{local[:_LONGEST]}” is not 1 or 0."
    if "price" in typed:
        try:
            price = Decimal(typed["price"])
        except InvalidOperation:
            price = Decimal("NaN")
        if not (price.is_finite() and 0 <= price <= _MOST_PRICE):
            errors["price"] = (
                f"“{typed['price'][:_LONGEST]}” is not a price. Write dollars per million output tokens, such as 2.50."
            )
            price = None
    capability = typed.get("capability", "")
    if len(capability) > _LONGEST:
        errors["capability"] = f"A capability has at most {_LONGEST} letters."
        capability = ""
    return BoardFilters(local == "1", price, capability, typed, errors)
