"""Listed models beside the contenders that exist."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from evals.catalog.found import FoundModel
from evals.models import Contender, Provider

__all__ = ["Offer", "contenders_by_model", "offers"]


@dataclass(frozen=True)
class Offer:
    """`contender` is the one that asks this model already, the newest if there are several."""

    model: FoundModel
    contender: Contender | None


def offers(models: Iterable[FoundModel], provider: Provider | None) -> list[Offer]:
    """In the list's order. One query."""
    known = contenders_by_model(provider) if provider is not None else {}
    return [Offer(model, known.get(model.model_name)) for model in models]


def contenders_by_model(provider: Provider) -> dict[str, Contender]:
    """Those in use before retired ones, then the newest. One query."""
    contenders = provider.contenders.order_by("created_at", "pk")
    return {one.model_name: one for one in sorted(contenders, key=lambda one: one.retired_at is None)}
