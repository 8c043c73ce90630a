"""Which of the models that a provider lists join a bake-off: by name, by price, so many at a time. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal

from arena.ui.wording import money
from evals.catalog.found import FoundModel
from evals.catalog.price_list import Price

__all__ = ["MOST_AT_A_TIME", "MOST_PATTERNS", "Choice", "KeptOut", "Newcomer", "Rule", "choose", "patterns"]

MOST_AT_A_TIME = 20
MOST_PATTERNS = 20


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Prices are in USD per million tokens; None: no limit. `unknown_price_joins` only where nothing is charged for, as
    by a server of one's own: it counts as unknown there too, never as 0."""

    include: str = ""
    exclude: str = ""
    most_usd_input: Decimal | None = None
    most_usd_output: Decimal | None = None
    most: int = 3
    unknown_price_joins: bool = False


@dataclass(frozen=True)
class Newcomer:
    model: FoundModel
    price: Price | None


@dataclass(frozen=True)
class KeptOut:
    model_name: str
    reason: str


@dataclass(frozen=True)
class Choice:
    """In the order of the provider's list. `kept_out` are those that the names let in and something else did not."""

    joining: tuple[Newcomer, ...]
    kept_out: tuple[KeptOut, ...]


def patterns(text: str) -> list[str]:
    """`gpt-*, *-mini` as a list, without what is empty."""
    return [one for one in (part.strip() for part in text.split(",")) if one]


def choose(
    models: Iterable[FoundModel],
    *,
    rule: Rule,
    known: Collection[str],
    price_of: Callable[[FoundModel], Price | None],
    unfit: Callable[[FoundModel], str] = lambda model: "",
) -> Choice:
    """`known` are the names of models that are not new. `unfit` says why a model cannot be asked these tasks; empty if
    it can."""
    joining: list[Newcomer] = []
    kept_out: list[KeptOut] = []
    include, exclude = patterns(rule.include), patterns(rule.exclude)
    for model in models:
        name = model.model_name
        if name in known or (include and not _any(include, name)) or _any(exclude, name):
            continue
        price = price_of(model)
        reason = unfit(model) or _too_dear(price, rule)
        if reason:
            kept_out.append(KeptOut(name, reason))
        elif len(joining) >= rule.most:
            kept_out.append(KeptOut(name, f"Waits for the next time: {rule.most} at a time join."))
        else:
            joining.append(Newcomer(model, price))
    return Choice(tuple(joining), tuple(kept_out))


def _too_dear(price: Price | None, rule: Rule) -> str:
    if price is None:
        return (
            "" if rule.unknown_price_joins else "Its price is not known. Add it by hand, with its price, to let it in."
        )
    over = [
        f"{money(own)} for a million tokens {side}, over the limit of {money(most)}"
        for side, own, most in (
            ("in", price.input, rule.most_usd_input),
            ("out", max(price.output, price.reasoning or price.output), rule.most_usd_output),
        )
        if most is not None and own > most
    ]
    return f"It costs {' and '.join(over)}." if over else ""


def _any(some: Iterable[str], name: str) -> bool:
    return any(_fits(pattern.lower(), name.lower()) for pattern in some)


def _fits(pattern: str, name: str) -> bool:
    """`*` stands for any characters, everything else for itself. In time that grows with both lengths, whatever the
    pattern: the first place where each part fits is as good as any later one."""
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    *middle, last = rest
    if len(first) + len(last) > len(name) or not name.startswith(first) or not name.endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
