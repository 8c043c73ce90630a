"""How a route is chosen: rules 1 to 10 of the routing table's contract, on a table's document. Pure.

Server and clients both pass the shared cases in `tests/routing/cases/`. Nothing here relies on a complete request: what
the caller leaves out never makes a condition hold, and what was not measured never meets a budget.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from routing.decisions.evidence import MIN_MEASUREMENTS
from routing.policy.schema import BUDGETS, CONDITIONS, RELATIONS, Ask

__all__ = [
    "WORKED_OUT",
    "Ask",
    "NoEligibleModel",
    "Selection",
    "complexity_of",
    "estimate_tokens",
    "measured",
    "select",
]


class NoEligibleModel(LookupError):  # noqa: N818 (the contract's own name)
    """Nothing in the table may serve this request; the message says which of its requirements ruled all out."""


@dataclass(frozen=True)
class Selection:
    """`unmet` names the budgets that gave way; `stale`: the table has expired and serves as the last good one;
    `target` is the model's entry in `models`."""

    model: str
    fallbacks: tuple[str, ...]
    escalate_to: str | None
    route_id: str
    table_version: int
    reason: str
    unmet: tuple[str, ...]
    stale: bool
    target: Mapping[str, Any]


def estimate_tokens(texts: Sequence[str]) -> int:
    """About four characters a token, and never fewer than the words: good enough to tell 2,000 from 32,000."""
    return max((sum(map(len, texts)) + 3) // 4, sum(len(text.split()) for text in texts))


_MARKERS = re.compile(
    r"\b(?:prove|derive|explain why|step by step|compare|analy[sz]e|optimi[sz]e|refactor|debug|design|trade-?offs?|"
    r"algorithm|complexity|architecture|edge cases?|constraints?)\b|```|\$\$|\bSELECT\b|\bdef\b|\bclass\b",
    re.IGNORECASE,
)


def complexity_of(texts: Sequence[str], thresholds: Mapping[str, Any]) -> str:
    """`length-and-markers/1`: half from the length (4,000 characters are full), half from markers of work (four
    are full); the table's thresholds part simple, medium and complex."""
    length = sum(map(len, texts)) / 4000
    markers = sum(len(_MARKERS.findall(text)) for text in texts) / 4
    score = 0.5 * min(1.0, length) + 0.5 * min(1.0, markers)
    if score >= thresholds["complex_from"]:
        return "complex"
    return "medium" if score >= thresholds["medium_from"] else "simple"


def _complexity(texts: Sequence[str], table: Mapping[str, Any]) -> str | None:
    thresholds = table.get("complexity") or {}
    return complexity_of(texts, thresholds) if thresholds.get("method") == "length-and-markers/1" else None


# What a request's texts say of it where the caller does not.
WORKED_OUT: Mapping[str, Callable[[Sequence[str], Mapping[str, Any]], Any]] = {
    "complexity": _complexity,
    "prompt_chars": lambda texts, table: sum(map(len, texts)),
    "prompt_tokens": lambda texts, table: estimate_tokens(texts),
}


def _fact(name: str, ask: Ask, table: Mapping[str, Any]) -> Any:
    """None is not known."""
    stated = getattr(ask, name, None)
    texts = ask.texts if stated is None and name in WORKED_OUT else None
    return stated if texts is None else WORKED_OUT[name](texts, table)


def _holds(name: str, value: Any, ask: Ask, table: Mapping[str, Any]) -> bool:
    """Whether one condition does; one that is not known never does."""
    if name not in CONDITIONS:
        return False
    asks = CONDITIONS[name].asks
    fact = _fact(asks.fact, ask, table)
    return fact is not None and RELATIONS[asks.how](fact, value)


def _matches(when: Mapping[str, Any], ask: Ask, table: Mapping[str, Any]) -> bool:
    return all(_holds(name, value, ask, table) for name, value in when.items())


def _allowed(slug: str, ask: Ask, table: Mapping[str, Any]) -> bool:
    """Rule 5: locality, then needs. Never gives way."""
    card = table["models"].get(slug)
    if card is None or (ask.local_only and card.get("locality") != "local"):
        return False
    return ask.needs <= set(card.get("capabilities") or ())


def measured(seen: Mapping[str, Any], figure: str) -> float | None:
    """A candidate's figure, such as `ttft_ms.p95`; None if it is measured too few times."""
    spread, _, name = figure.rpartition(".")
    source = (seen.get(spread) or {}) if spread else seen
    n = source.get("n") or (0 if spread else (seen.get("latency_ms") or {}).get("n") or 0)
    value: float | None = source.get(name)
    return value if n >= MIN_MEASUREMENTS else None


def _unmet(slug: str, ask: Ask, evidence: Sequence[Mapping[str, Mapping[str, Any]]]) -> tuple[str, ...]:
    """Rule 6: the budgets that this model is not measured to meet, by the category's evidence, else the pooled."""
    missed = []
    for name, binds in BUDGETS.items():
        budget = getattr(ask, CONDITIONS[name].asks.fact)
        if budget is None:
            continue
        known = (measured(seen.get(slug, {}), binds.figure) for seen in evidence)
        value = next((value for value in known if value is not None), None)
        # `not`, so that nothing meets a budget that is not a number.
        if value is None or not RELATIONS[binds.how](value, budget):
            missed.append(name)
    return tuple(missed)


def select(table: Mapping[str, Any], ask: Ask, *, now: datetime | None = None) -> Selection:
    """Raises NoEligibleModel. `table` is the document of a routing table, as fetched; without `now` its expiry is not
    checked."""
    expired = now is not None and now >= datetime.fromisoformat(table["expires_at"])
    if expired and table["on_expired"] == "refuse":
        raise NoEligibleModel(
            f"Routing table {table['version']} expired at {table['expires_at']}, and says to refuse then."
        )
    category = table["categories"].get(ask.category)
    if expired and table["on_expired"] == "use_default":
        category = None
    pooled = {seen["model"]: seen for seen in table["default"].get("candidates", ())}
    evidence = [pooled]
    routes = list(table["default"]["routes"])
    if category is not None:
        evidence.insert(0, {seen["model"]: seen for seen in category.get("candidates", ())})
        routes = [*category["routes"], *routes]

    chosen = _first_served(table, ask, routes, evidence, budgets_give_way=False)
    chosen = chosen or _first_served(table, ask, table["default"]["routes"], evidence, budgets_give_way=True)
    if chosen is None:
        raise NoEligibleModel(_no_model_message(table, ask))
    return replace(chosen, stale=expired)


def _first_served(
    table: Mapping[str, Any],
    ask: Ask,
    routes: Sequence[Mapping[str, Any]],
    evidence: Sequence[Mapping[str, Mapping[str, Any]]],
    *,
    budgets_give_way: bool,
) -> Selection | None:
    """The first matching route with a model that may serve; with `budgets_give_way`, whatever the budgets say."""
    for route in routes:
        if not _matches(route["when"], ask, table):
            continue
        served = [
            slug
            for slug in _named(route)
            if _allowed(slug, ask, table) and (budgets_give_way or not _unmet(slug, ask, evidence))
        ]
        if served:
            return _selection(table, ask, route, served, evidence, budgets_gave_way=budgets_give_way)
    return None


def _named(route: Mapping[str, Any]) -> list[str]:
    return [route["primary"], *route.get("fallbacks", ())]


def _selection(
    table: Mapping[str, Any],
    ask: Ask,
    route: Mapping[str, Any],
    served: list[str],
    evidence: Sequence[Mapping[str, Mapping[str, Any]]],
    *,
    budgets_gave_way: bool = False,
) -> Selection:
    escalate = route.get("escalate_to")
    if escalate is not None and (not _allowed(escalate, ask, table) or _unmet(escalate, ask, evidence)):
        escalate = None
    unmet = _unmet(served[0], ask, evidence) if budgets_gave_way else ()
    reason = route.get("reason") or "Set by the policy."
    if served[0] != route["primary"]:
        reason = f"{route['primary']} does not meet this request; {served[0]} is next in route {route['id']}."
    if unmet:
        reason = f"No route keeps {', '.join(unmet)}; the default serves without. {reason}"
    return Selection(
        model=served[0],
        fallbacks=tuple(served[1:]),
        escalate_to=escalate,
        route_id=route["id"],
        table_version=table["version"],
        reason=reason,
        unmet=unmet,
        stale=False,
        target=table["models"][served[0]],
    )


def _no_model_message(table: Mapping[str, Any], ask: Ask) -> str:
    """Word for word what the client says."""
    if not table["default"]["routes"] and ask.category not in table["categories"]:
        return (
            f"Routing table {table['version']} has no routes for {ask.category!r} and no default. "
            "Name a default in the routing policy, or vote until the category is routed."
        )
    demands = ["local_only"] if ask.local_only else []
    if ask.needs:
        demands.append(f"needs {', '.join(sorted(ask.needs))}")
    given = f" with {' and '.join(demands)}" if demands else ""
    return (
        f"No model of routing table {table['version']} may serve {ask.category!r}{given}. "
        "Ask for less, or give the category or the default a model that may serve it."
    )
