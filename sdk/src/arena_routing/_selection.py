"""How a route is chosen: rules 1 to 10 of the routing table's contract.

`compile_table` works out once whatever does not depend on the request: each category's routes, their conditions, and
what was measured of each model there. `Table.choose` then decides in microseconds and touches nothing but memory.

A new condition is one entry of CONDITIONS; a new budget is one of BUDGETS, and thereby a condition as well. What the
caller has to say for it is a field of `RouteRequest` and an argument of `Router.route`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

from arena_routing._decision import Decision, Target
from arena_routing._errors import NoEligibleModel, TableExpired
from arena_routing._request import METHOD, RouteRequest, Thresholds

__all__ = ["BUDGETS", "CONDITIONS", "MIN_MEASUREMENTS", "Table", "compile_table"]

# Evidence from fewer measurements is not held against a budget.
MIN_MEASUREMENTS = 20


def _percentile_95(name: str) -> Callable[[Mapping[str, Any]], float | None]:
    def figure(candidate: Mapping[str, Any]) -> float | None:
        spread = candidate.get(name) or {}
        p95: float | None = spread.get("p95")
        return p95 if (spread.get("n") or 0) >= MIN_MEASUREMENTS else None

    return figure


def _usd_per_success(candidate: Mapping[str, Any]) -> float | None:
    usd: float | None = candidate.get("usd_per_success")
    measurements = candidate.get("n") or (candidate.get("latency_ms") or {}).get("n") or 0
    return usd if measurements >= MIN_MEASUREMENTS else None


# Each budget that a caller may set, and the figure of a candidate that must not exceed it (rule 6). None: it was not
# measured often enough, so the candidate is not known to keep the budget.
BUDGETS: Mapping[str, Callable[[Mapping[str, Any]], float | None]] = {
    "max_ttft_ms": _percentile_95("ttft_ms"),
    "max_latency_ms": _percentile_95("latency_ms"),
    "max_usd": _usd_per_success,
}
_BUDGET_NAMES = tuple(BUDGETS)
_budget_values = attrgetter(*BUDGETS)
_NO_BUDGETS = (None,) * len(BUDGETS)
# The budgets that a request sets: each one's place in BUDGETS, and its value.
_Budgets = Sequence[tuple[int, float]]

_Matches = Callable[[RouteRequest, Any], bool]


class Condition(NamedTuple):
    """One key of a route's `when` (rules 3 and 4).

    `read` turns the value in the table into what `matches` compares the request with, or returns None if the value is
    of a kind this version does not know; then the condition never holds. Its second argument is the table's thresholds
    of complexity.
    """

    read: Callable[[Any, Thresholds | None], Any]
    matches: _Matches


def _boolean(value: Any, _: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _number(value: Any, _: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(value: Any, _: object) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: Any, _: object) -> frozenset[str] | None:
    return frozenset(value) if isinstance(value, list) and all(isinstance(one, str) for one in value) else None


def _complexity(value: Any, thresholds: Thresholds | None) -> tuple[str, Thresholds | None] | None:
    return (value, thresholds) if isinstance(value, str) else None


def _budget_at_most(name: str) -> _Matches:
    budget_of = attrgetter(name)

    def matches(request: RouteRequest, value: float) -> bool:
        budget = budget_of(request)
        return budget is not None and budget <= value

    return matches


# Checked in this order, whatever the order in the table: those that read the prompt take longest and come last.
CONDITIONS: Mapping[str, Condition] = {
    "local_only": Condition(_boolean, lambda request, value: request.local_only == value),
    "needs": Condition(_texts, lambda request, value: value <= request.needs),
    "reasoning": Condition(_boolean, lambda request, value: request.reasoning == value),
    "label": Condition(_text, lambda request, value: request.label == value),
    **{name: Condition(_number, _budget_at_most(name)) for name in BUDGETS},
    "prompt_chars_lt": Condition(_number, lambda request, value: (n := request.chars) is not None and n < value),
    "prompt_tokens_lt": Condition(_number, RouteRequest.has_fewer_tokens_than),
    "complexity": Condition(_complexity, lambda request, value: request.complexity_by(value[1]) == value[0]),
}

_Evidence = Mapping[str, tuple[float, ...]]
_UNKNOWN = (math.nan,) * len(BUDGETS)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model in one category. `evidence` has a figure for each budget: the category's own, else the one pooled over
    all categories, else NaN."""

    slug: str
    is_local: bool
    capabilities: frozenset[str]
    evidence: tuple[float, ...]

    def serves(self, request: RouteRequest, budgets: _Budgets) -> bool:
        """Rules 5 and 6. Without `budgets` it is rule 5 alone: locality and needs, which never give way."""
        if request.local_only and not self.is_local:
            return False
        if request.needs and not request.needs <= self.capabilities:
            return False
        for at, budget in budgets:  # noqa: SIM110 (a generator would double the time of a decision)
            # `not <=` rather than `>`: NaN keeps no budget, and no figure keeps a budget of NaN.
            if not self.evidence[at] <= budget:
                return False
        return True


@dataclass(frozen=True, slots=True)
class Route:
    """`candidates` are the primary and then the fallbacks. `slugs` and `escalate_to` are what a request without demands
    gets."""

    id: str
    conditions: tuple[tuple[_Matches, Any], ...]
    candidates: tuple[Candidate, ...]
    escalation: Candidate | None
    reason: str
    slugs: tuple[str, ...]
    escalate_to: str | None

    def matches(self, request: RouteRequest) -> bool:
        """Rules 3 and 4."""
        for matches, value in self.conditions:  # noqa: SIM110 (a generator would double the time of a decision)
            if not matches(request, value):
                return False
        return True

    def escalation_for(self, request: RouteRequest, budgets: _Budgets) -> str | None:
        """Rule 10."""
        stronger = self.escalation
        return stronger.slug if stronger is not None and stronger.serves(request, budgets) else None


@dataclass(frozen=True, slots=True)
class Table:
    """Immutable. Times are seconds since the epoch. `_routes` has each category's own routes followed by the default's
    (rule 2), `_default` those of a category that the table does not know."""

    version: int
    published_at: float
    expires_at: float
    on_expired: str
    _models: Mapping[str, Target]
    _routes: Mapping[str, tuple[Route, ...]]
    _default: tuple[Route, ...]

    def choose(self, request: RouteRequest, now: float) -> Decision:
        """Raises NoEligibleModel, or TableExpired."""
        stale = now >= self.expires_at
        if stale and self.on_expired == "refuse":
            raise TableExpired(
                f"Routing table {self.version} has expired, and its policy says to refuse requests then. Find out why "
                "this process gets no newer table, or set on_expired: use_last_good in the policy."
            )
        use_default = stale and self.on_expired == "use_default"
        routes = self._default if use_default else self._routes.get(request.category, self._default)
        budgets: _Budgets = ()
        values = _budget_values(request)
        if values != _NO_BUDGETS:
            budgets = [(at, value) for at, value in enumerate(values) if value is not None]
        demands_nothing = not (budgets or request.needs or request.local_only)

        for route in routes:
            if route.matches(request):
                if demands_nothing:
                    return self._decision(request, route, route.slugs, route.escalate_to, stale)
                slugs = [one.slug for one in route.candidates if one.serves(request, budgets)]
                if slugs:
                    return self._decision(request, route, slugs, route.escalation_for(request, budgets), stale)
        # Rule 8: a last pass over the default, with this category's evidence, in which budgets give way.
        for route in routes[len(routes) - len(self._default) :]:
            if route.matches(request):
                served = [one for one in route.candidates if one.serves(request, ())]
                if served:
                    slugs, escalate_to = [one.slug for one in served], route.escalation_for(request, budgets)
                    unmet = tuple(_BUDGET_NAMES[one[0]] for one in budgets if not served[0].serves(request, (one,)))
                    return self._decision(request, route, slugs, escalate_to, stale, unmet)
        raise NoEligibleModel(self._why_none(request))

    def _decision(
        self,
        request: RouteRequest,
        route: Route,
        slugs: Sequence[str],
        escalate_to: str | None,
        stale: bool,
        unmet: tuple[str, ...] = (),
    ) -> Decision:
        reason, primary = route.reason, route.slugs[0]
        if slugs[0] != primary:
            reason = f"{primary} does not meet this request; {slugs[0]} is next in route {route.id}."
        if unmet:
            reason = f"No route keeps {', '.join(unmet)}; the default serves without. {reason}"
        return Decision(
            slugs[0],
            tuple(slugs[1:]),
            escalate_to,
            request.category,
            route.id,
            self.version,
            reason,
            unmet,
            stale,
            self._models,
        )

    def _why_none(self, request: RouteRequest) -> str:
        if not self._default and request.category not in self._routes:
            return (
                f"Routing table {self.version} has no routes for {request.category!r} and no default. "
                "Name a default in the routing policy, or vote until the category is routed."
            )
        demands = ["local_only"] if request.local_only else []
        if request.needs:
            demands.append(f"needs {', '.join(sorted(request.needs))}")
        given = f" with {' and '.join(demands)}" if demands else ""
        return (
            f"No model of routing table {self.version} may serve {request.category!r}{given}. "
            "Ask for less, or give the category or the default a model that may serve it."
        )


def compile_table(document: Mapping[str, Any]) -> Table:
    """`document` must be valid, as `read_document` sees to."""
    models = {slug: Target(entry) for slug, entry in document["models"].items()}
    capabilities = {slug: frozenset(entry["capabilities"]) for slug, entry in document["models"].items()}
    complexity = document["complexity"]
    # Without a method that is known here, only what the caller states can be compared.
    thresholds = (
        Thresholds(complexity["medium_from"], complexity["complex_from"]) if complexity["method"] == METHOD else None
    )

    def compile_routes(routes: Iterable[Mapping[str, Any]], evidence: _Evidence) -> tuple[Route, ...]:
        candidates = {
            slug: Candidate(slug, model.locality == "local", capabilities[slug], evidence.get(slug, _UNKNOWN))
            for slug, model in models.items()
        }
        return tuple(_route(route, candidates, thresholds) for route in routes)

    default = document["default"]["routes"]
    pooled = _evidence(document["default"]["candidates"], {})
    return Table(
        version=document["version"],
        published_at=datetime.fromisoformat(document["published_at"]).timestamp(),
        expires_at=datetime.fromisoformat(document["expires_at"]).timestamp(),
        on_expired=document["on_expired"],
        _models=models,
        _routes={
            slug: compile_routes([*category["routes"], *default], _evidence(category["candidates"], pooled))
            for slug, category in document["categories"].items()
        },
        _default=compile_routes(default, pooled),
    )


def _evidence(candidates: Iterable[Mapping[str, Any]], otherwise: _Evidence) -> _Evidence:
    """By model. A figure that cannot be held against its budget is replaced by the one in `otherwise`."""
    found = dict(otherwise)
    for candidate in candidates:
        model = candidate["model"]
        figures = (figure_of(candidate) for figure_of in BUDGETS.values())
        others = otherwise.get(model, _UNKNOWN)
        found[model] = tuple(other if own is None else own for own, other in zip(figures, others, strict=True))
    return found


def _route(route: Mapping[str, Any], candidates: Mapping[str, Candidate], thresholds: Thresholds | None) -> Route:
    slugs = (route["primary"], *(route.get("fallbacks") or ()))
    escalate_to = route.get("escalate_to")
    return Route(
        id=route["id"],
        conditions=tuple(_conditions(route["when"], thresholds)),
        candidates=tuple(candidates[slug] for slug in slugs),
        escalation=None if escalate_to is None else candidates[escalate_to],
        reason=route.get("reason") or "Set by the policy.",
        slugs=slugs,
        escalate_to=escalate_to,
    )


def _conditions(when: Mapping[str, Any], thresholds: Thresholds | None) -> Iterable[tuple[_Matches, Any]]:
    """All of them must hold. One that is not known here, or whose value is not, never does."""
    if not when.keys() <= CONDITIONS.keys():
        yield _never, None
    for name, condition in CONDITIONS.items():
        if name in when:
            value = condition.read(when[name], thresholds)
            yield (condition.matches, value) if value is not None else (_never, None)


def _never(request: RouteRequest, value: None) -> bool:
    return False
