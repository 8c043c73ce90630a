"""A table made ready for deciding: everything that does not depend on the request is worked out once.

`compile_table` reads a document, refuses what breaks the contract, and prepares for each category its sequence of
routes, their conditions as functions, and each model's evidence there (the category's, else the pooled). `choose` then
applies rules 2 to 10 of the contract in some microseconds, and touches nothing but memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from arena_routing._asking import Ask, Condition, conditions
from arena_routing._decisions import Decision, Target
from arena_routing._errors import NoEligibleModel, Refused, TableExpired
from arena_routing._estimates import METHOD, Thresholds
from arena_routing._reading import Place, read

__all__ = ["Table", "compile_table"]

SCHEMA = "routing-table/v1"
MIN_MEASUREMENTS = 20


@dataclass(frozen=True, slots=True)
class _Figures:
    """Evidence that may be held against a budget; None is null, or from fewer than MIN_MEASUREMENTS."""

    ttft_ms: float | None = None
    latency_ms: float | None = None
    usd: float | None = None

    def over(self, pooled: _Figures) -> _Figures:
        return _Figures(
            self.ttft_ms if self.ttft_ms is not None else pooled.ttft_ms,
            self.latency_ms if self.latency_ms is not None else pooled.latency_ms,
            self.usd if self.usd is not None else pooled.usd,
        )


_Evidence = Mapping[str, _Figures]
_NONE = _Figures()


@dataclass(frozen=True, slots=True)
class _Option:
    """A model as one category knows it."""

    slug: str
    local: bool
    capabilities: frozenset[str]
    figures: _Figures

    def allowed(self, ask: Ask) -> bool:
        """Rule 5; never gives way."""
        return (self.local or not ask.local_only) and ask.needs <= self.capabilities

    def keeps(self, ask: Ask) -> bool:
        """Rule 6. Written so that a budget that is no number (NaN) is kept by nobody."""
        seen = self.figures
        return (
            (ask.max_ttft_ms is None or (seen.ttft_ms is not None and seen.ttft_ms <= ask.max_ttft_ms))
            and (ask.max_latency_ms is None or (seen.latency_ms is not None and seen.latency_ms <= ask.max_latency_ms))
            and (ask.max_usd is None or (seen.usd is not None and seen.usd <= ask.max_usd))
        )

    def missed(self, ask: Ask) -> tuple[str, ...]:
        """The budgets that `keeps` found wanting, by name."""
        seen = self.figures
        budgets = (
            ("max_ttft_ms", ask.max_ttft_ms, seen.ttft_ms),
            ("max_latency_ms", ask.max_latency_ms, seen.latency_ms),
            ("max_usd", ask.max_usd, seen.usd),
        )
        return tuple(
            name
            for name, budget, value in budgets
            if budget is not None and not (value is not None and value <= budget)
        )


@dataclass(frozen=True, slots=True)
class _Route:
    id: str
    conditions: tuple[Condition, ...]
    options: tuple[_Option, ...]
    escalation: _Option | None
    reason: str
    # What a request without demands gets, ready made.
    everybody: tuple[str, ...]
    escalate_to: str | None

    def holds(self, ask: Ask) -> bool:
        for one in self.conditions:  # noqa: SIM110 (a generator would double the time of a decision)
            if not one(ask):
                return False
        return True


@dataclass(frozen=True, slots=True)
class _Sequence:
    """Rule 2 for one category: its routes, then the default's, and the default's alone for the last pass."""

    routes: tuple[_Route, ...]
    last_pass: tuple[_Route, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Immutable; replaced whole. Times are seconds since the epoch."""

    version: int
    published_at: float
    expires_at: float
    on_expired: str
    _models: Mapping[str, Target]
    _categories: Mapping[str, _Sequence]
    _default: _Sequence

    def choose(self, ask: Ask, now: float) -> Decision:
        """Raises NoEligibleModel, or TableExpired."""
        stale = now >= self.expires_at
        if stale and self.on_expired != "use_last_good":
            if self.on_expired == "refuse":
                raise TableExpired(
                    f"Table {self.version} has expired and says to refuse then. Find out why this process gets no "
                    "newer one, or let the policy say on_expired: use_last_good."
                )
            sequence = self._default
        else:
            sequence = self._categories.get(ask.category, self._default)
        for route in sequence.routes:
            if route.holds(ask):
                served: Sequence[str] = route.everybody
                if ask.demanding:
                    served = [one.slug for one in route.options if one.allowed(ask) and one.keeps(ask)]
                if served:
                    return self._decision(ask, route, served, (), stale=stale)
        for route in sequence.last_pass:
            if route.holds(ask):
                left = [one for one in route.options if one.allowed(ask)]
                if left:
                    return self._decision(ask, route, [one.slug for one in left], left[0].missed(ask), stale=stale)
        raise NoEligibleModel(self._nobody(ask))

    def _decision(
        self, ask: Ask, route: _Route, served: Sequence[str], unmet: tuple[str, ...], *, stale: bool
    ) -> Decision:
        escalate_to, to = route.escalate_to, route.escalation
        if to is not None and ask.demanding and not (to.allowed(ask) and to.keeps(ask)):
            escalate_to = None
        reason, primary = route.reason, route.everybody[0]
        if served[0] != primary:
            reason = f"{primary} does not meet this request; {served[0]} is next in route {route.id}."
        if unmet:
            reason = f"No route keeps {', '.join(unmet)}; the default serves without. {reason}"
        return Decision(
            served[0],
            tuple(served[1:]),
            escalate_to,
            ask.category,
            route.id,
            self.version,
            reason,
            unmet,
            stale,
            self._models,
        )

    def _nobody(self, ask: Ask) -> str:
        if not self._default.routes and ask.category not in self._categories:
            return (
                f"Table {self.version} has no routes for {ask.category!r} and no default. "
                "Name a default in the routing policy, or vote until the category is routed."
            )
        wishes = ["local_only"] if ask.local_only else []
        if ask.needs:
            wishes.append(f"needs {', '.join(sorted(ask.needs))}")
        asked = f" with {' and '.join(wishes)}" if wishes else ""
        what_to_do = "Ask for less, or give the category or the default a model that may."
        return f"No model of table {self.version} may serve {ask.category!r}{asked}. {what_to_do}"


def compile_table(body: bytes) -> Table:
    """Raises Refused, which names what is wrong where."""
    document = read(body)
    if document["schema"].value != SCHEMA:
        raise Refused(f"Its schema is {document['schema'].value!r}; this package knows {SCHEMA}. Update arena_routing.")
    version = document["version"].whole()
    if version < 1:
        raise Refused(f"version is {version}, and numbers begin at 1.")
    maker = _Maker(document)
    return Table(
        version=version,
        published_at=document["published_at"].moment().timestamp(),
        expires_at=document["expires_at"].moment().timestamp(),
        on_expired=document["on_expired"].one_of("use_last_good", "use_default", "refuse"),
        _models=maker.models,
        _categories={slug: maker.sequence(category) for slug, category in document["categories"].entries()},
        _default=maker.sequence(None),
    )


class _Maker:
    """What the routes of one document have in common."""

    def __init__(self, document: Place) -> None:
        self.models = {slug: Target(_model(entry)) for slug, entry in document["models"].entries()}
        self._capabilities = {slug: frozenset(entry["capabilities"]) for slug, entry in self.models.items()}
        self._thresholds = _thresholds(document["complexity"])
        self._default_routes = document["default"]["routes"].items()
        self._pooled = dict(_evidence(document["default"]["candidates"].items()))
        categories = [category for _, category in document["categories"].entries()]
        _check_ids([*self._default_routes, *(one for category in categories for one in category["routes"].items())])

    def sequence(self, category: Place | None) -> _Sequence:
        evidence: _Evidence = self._pooled
        own: list[Place] = []
        if category is not None:
            here = _evidence(category["candidates"].items())
            evidence = {**self._pooled, **{slug: seen.over(self._pooled.get(slug, _NONE)) for slug, seen in here}}
            own = category["routes"].items()
        default = tuple(self._route(route, evidence) for route in self._default_routes)
        return _Sequence((*(self._route(route, evidence) for route in own), *default), default)

    def _route(self, route: Place, evidence: _Evidence) -> _Route:
        options = [self._option(route["primary"], evidence)]
        fallbacks = route.get("fallbacks")
        options += [self._option(one, evidence) for one in (fallbacks.items() if fallbacks else ())]
        escalate_to, reason = route.get("escalate_to"), route.get("reason")
        return _Route(
            id=route["id"].text(),
            conditions=conditions(route["when"].mapping(), self._thresholds),
            options=tuple(options),
            escalation=self._option(escalate_to, evidence) if escalate_to else None,
            reason=(reason.text() if reason else "") or "Set by the policy.",
            everybody=tuple(one.slug for one in options),
            escalate_to=escalate_to.text() if escalate_to else None,
        )

    def _option(self, named: Place, evidence: _Evidence) -> _Option:
        slug = named.text()
        if slug not in self.models:
            raise Refused(f"{named.path} names {slug!r}, which is not among its models.")
        local = self.models[slug].locality == "local"
        return _Option(slug, local, self._capabilities[slug], evidence.get(slug, _NONE))


def _model(entry: Place) -> Mapping[str, object]:
    for name in ("provider", "model_name", "base_url"):
        entry[name].text()
    entry["locality"].one_of("local", "hosted")
    entry["settings"].mapping()
    for one in entry["capabilities"].items():
        one.text()
    return entry.mapping()


def _thresholds(complexity: Place) -> Thresholds | None:
    if complexity["method"].text() != METHOD:
        return None
    return Thresholds(complexity["medium_from"].number(), complexity["complex_from"].number())


def _check_ids(routes: Iterable[Place]) -> None:
    """Rule 1: a route's id names it in the whole table, or reports of outcomes could not be told apart."""
    taken = set()
    for route in routes:
        name = route["id"].text()
        if name in taken:
            raise Refused(f"{route.path}.id is {name!r}, which another route has already.")
        taken.add(name)


def _evidence(candidates: Iterable[Place]) -> Iterator[tuple[str, _Figures]]:
    for candidate in candidates:
        usd, n = candidate.get("usd_per_success"), candidate.get("n")
        ttft_ms, _ = _spread(candidate.get("ttft_ms"))
        latency_ms, calls = _spread(candidate.get("latency_ms"))
        behind = (n.whole() if n else 0) or calls
        yield (
            candidate["model"].text(),
            _Figures(ttft_ms, latency_ms, usd.number() if usd and behind >= MIN_MEASUREMENTS else None),
        )


def _spread(spread: Place | None) -> tuple[float | None, int]:
    """(p95 if enough measurements stand behind it, their number)."""
    if spread is None:
        return None, 0
    n, p95 = spread.get("n"), spread.get("p95")
    calls = n.whole() if n else 0
    return (p95.number() if p95 and calls >= MIN_MEASUREMENTS else None), calls
