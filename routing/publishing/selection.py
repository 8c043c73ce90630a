"""How a route is chosen: rules 1 to 10 of the routing table's contract, on a table's document. Pure.

Server and clients both pass the shared cases in `tests/routing/cases/`. Nothing here relies on a complete request: what
the caller leaves out never makes a condition hold, and what was not measured never meets a budget.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from routing.decisions.evidence import MIN_MEASUREMENTS

__all__ = ["Ask", "NoEligibleModel", "Selection", "complexity_of", "estimate_tokens", "select"]


class NoEligibleModel(LookupError):  # noqa: N818 (the contract's own name)
    """Nothing in the table may serve this request; the message says which of its requirements ruled all out."""


@dataclass(frozen=True)
class Ask:
    """What the caller says of a request. None is "not said", which no condition ever matches."""

    category: str
    prompt: str | None = None
    messages: Sequence[Mapping[str, Any]] | None = None
    needs: frozenset[str] = field(default_factory=frozenset)
    local_only: bool = False
    max_ttft_ms: float | None = None
    max_latency_ms: float | None = None
    max_usd: float | None = None
    prompt_tokens: int | None = None
    complexity: str | None = None
    reasoning: bool | None = None
    label: str | None = None

    @property
    def texts(self) -> list[str] | None:
        """The text of every message, or None if neither prompt nor messages were given."""
        if self.prompt is None and self.messages is None:
            return None
        parts = [] if self.prompt is None else [self.prompt]
        for message in self.messages or ():
            content = message.get("content")
            if isinstance(content, str):
                parts.append(content)
            elif isinstance(content, list):
                parts += [str(part["text"]) for part in content if isinstance(part, Mapping) and "text" in part]
        return parts


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


# Each condition: (its value in the route, what the caller says, the table) -> whether it holds.
_Condition = Callable[[Any, Ask, Mapping[str, Any]], bool]


def _at_most(given: Callable[[Ask], float | None]) -> _Condition:
    def holds(value: Any, ask: Ask, table: Mapping[str, Any]) -> bool:
        wish = given(ask)
        return wish is not None and wish <= float(value)

    return holds


def _chars(value: Any, ask: Ask, table: Mapping[str, Any]) -> bool:
    texts = ask.texts
    return texts is not None and sum(map(len, texts)) < int(value)


def _tokens(value: Any, ask: Ask, table: Mapping[str, Any]) -> bool:
    if ask.prompt_tokens is not None:
        return ask.prompt_tokens < int(value)
    texts = ask.texts
    return texts is not None and estimate_tokens(texts) < int(value)


def _complexity(value: Any, ask: Ask, table: Mapping[str, Any]) -> bool:
    if ask.complexity is not None:
        return bool(ask.complexity == value)
    texts = ask.texts
    thresholds = table.get("complexity") or {}
    if texts is None or thresholds.get("method") != "length-and-markers/1":
        return False
    return bool(complexity_of(texts, thresholds) == value)


_CONDITIONS: dict[str, _Condition] = {
    "max_ttft_ms": _at_most(lambda ask: ask.max_ttft_ms),
    "max_latency_ms": _at_most(lambda ask: ask.max_latency_ms),
    "max_usd": _at_most(lambda ask: ask.max_usd),
    "local_only": lambda value, ask, table: bool(value) == ask.local_only,
    "needs": lambda value, ask, table: set(value) <= ask.needs,
    "prompt_chars_lt": _chars,
    "prompt_tokens_lt": _tokens,
    "complexity": _complexity,
    "reasoning": lambda value, ask, table: ask.reasoning is not None and ask.reasoning == value,
    "label": lambda value, ask, table: ask.label is not None and ask.label == value,
}


def _matches(when: Mapping[str, Any], ask: Ask, table: Mapping[str, Any]) -> bool:
    return all(key in _CONDITIONS and _CONDITIONS[key](value, ask, table) for key, value in when.items())


def _allowed(slug: str, ask: Ask, table: Mapping[str, Any]) -> bool:
    """Rule 5: locality, then needs. Never gives way."""
    card = table["models"].get(slug)
    if card is None or (ask.local_only and card.get("locality") != "local"):
        return False
    return ask.needs <= set(card.get("capabilities") or ())


def _budgets(ask: Ask) -> Iterator[tuple[str, float, Callable[[Mapping[str, Any]], tuple[float | None, int]]]]:
    """The caller's budgets, each with how a candidate's figure and its number of measurements are read."""
    if ask.max_ttft_ms is not None:
        yield "max_ttft_ms", ask.max_ttft_ms, lambda seen: _spread(seen, "ttft_ms")
    if ask.max_latency_ms is not None:
        yield "max_latency_ms", ask.max_latency_ms, lambda seen: _spread(seen, "latency_ms")
    if ask.max_usd is not None:
        yield (
            "max_usd",
            ask.max_usd,
            lambda seen: (seen.get("usd_per_success"), seen.get("n") or _spread(seen, "latency_ms")[1]),
        )


def _spread(seen: Mapping[str, Any], name: str) -> tuple[float | None, int]:
    figures = seen.get(name) or {}
    return figures.get("p95"), figures.get("n") or 0


def _unmet(slug: str, ask: Ask, evidence: Sequence[Mapping[str, Mapping[str, Any]]]) -> tuple[str, ...]:
    """Rule 6: the budgets that this model is not measured to meet, by the category's evidence, else the pooled."""
    missed = []
    for name, budget, read in _budgets(ask):
        for seen in evidence:
            value, n = read(seen.get(slug, {}))
            if value is not None and n >= MIN_MEASUREMENTS:
                break
        else:
            value = None
        # `not <=` rather than `>`, so that nothing meets a budget that is not a number.
        if value is None or not value <= budget:
            missed.append(name)
    return tuple(missed)


def select(table: Mapping[str, Any], ask: Ask, *, now: datetime | None = None) -> Selection:
    """Raises NoEligibleModel. `table` is the document of a routing table, as fetched; without `now` its expiry is not
    checked."""
    expired = now is not None and now >= datetime.fromisoformat(table["expires_at"])
    if expired and table["on_expired"] == "refuse":
        raise NoEligibleModel(f"Table {table['version']} expired at {table['expires_at']}, and says to refuse then.")
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
    requirements = (["local_only"] if ask.local_only else []) + (
        [f"needs {', '.join(sorted(ask.needs))}"] if ask.needs else []
    )
    if not table["default"]["routes"] and ask.category not in table["categories"]:
        return (
            f"Table {table['version']} has no routes for {ask.category!r} and no default. "
            "Name a default in the routing policy, or vote until the category is routed."
        )
    wanted = f" with {' and '.join(requirements)}" if requirements else ""
    return f"No model of table {table['version']} may serve {ask.category!r}{wanted}."
