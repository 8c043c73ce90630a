"""The rules by which a route is chosen, unrolled into an ordered list of conditions for Portkey's gateway.

The gateway takes the first condition that holds, and can take none of a target's models out. So a route becomes one
branch for each set of its models that a request may leave over, the larger before the smaller: a branch holds if all
of its models may serve, hence the first that holds is the whole of those that may. Only sets that some request does
leave over are written; three models make at most seven.

What the gateway does, read from its source and shown by tests that run it: a key is `metadata.<name>`; `$and` and
`$or` decide the query they stand in alone; `$gte`, `$lte` and `$lt` read numbers out of texts, and nothing out of what
was not said; `$regex` tests what was not said as the text `undefined`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from routing.gateways.reading import Model, Place, Table
from routing.policy.schema import BUDGETS, CONDITIONS, Asks, How
from routing.publishing.selection import WORKED_OUT, measured

__all__ = ["AT_MOST", "GRAMMAR", "METADATA", "Branch", "branches"]

Query = Mapping[str, Any]

_FACTS = {one.asks.fact for one in CONDITIONS.values()}
# What callers may say in the metadata of a request: what only they know, what Arena's own client works out, budgets.
METADATA = ("category", *sorted(_FACTS - WORKED_OUT.keys() - BUDGETS.keys()), *sorted(WORKED_OUT), *BUDGETS)
# Branches of one route. Its last fallbacks go before it takes more.
AT_MOST = 63

# Only these two let a request out of the house; `True`, `1` or `yes` do not.
_MAY_LEAVE: Query = {"metadata.local_only": {"$regex": "^(?:undefined|false)$"}}


@dataclass(frozen=True)
class Branch:
    """`models` serve, in this order, where `query` holds and no earlier branch's did."""

    place: Place
    query: Query
    models: tuple[Model, ...]


@dataclass(frozen=True, eq=False)
class _Candidate:
    """`budgets`: the figure that each budget is held against; None disqualifies."""

    model: Model
    budgets: Mapping[str, float | None]


_Group = tuple[_Candidate, ...]


def branches(table: Table, category: str | None) -> tuple[list[Branch], dict[str, list[str]]]:
    """In the order they are to be tried, and the fallbacks that routes had to lose to stay within AT_MOST."""
    evidence = table.evidence(category)
    own = [place for place in table.places if place.category == category] if category is not None else []
    made: list[Branch] = []
    lost: dict[str, list[str]] = {}
    passes = [(place, True) for place in (*own, *table.default)]
    passes += [(place, False) for place in table.default]  # budgets give way, at last
    for place, budgets in passes:
        if place.unknown:
            continue
        candidates = _candidates(table, place, evidence, budgets=budgets)
        groups, over = _fitting(candidates, budgets=budgets)
        if over:
            lost[place.route.id] = [one.model.slug for one in over]
        for group in groups:
            query = _query(place.route.when, group, budgets=budgets)
            made.append(Branch(place, query, tuple(one.model for one in group)))
    return made, lost


def _candidates(
    table: Table, place: Place, evidence: Sequence[Mapping[str, Mapping[str, Any]]], *, budgets: bool
) -> list[_Candidate]:
    """The route's models, without those that no request which meets its condition may be served by."""
    route = place.route
    kept = []
    for slug in dict.fromkeys((route.primary, *route.fallbacks)):
        model = table.models[slug]
        one = _Candidate(model, {name: _figure(slug, name, evidence) for name in BUDGETS} if budgets else {})
        if route.when.get("local_only") is True and not model.local:
            continue
        if not model.capabilities.issuperset(route.when.get("needs", ())):
            continue
        if all(_keeps(one, name, route.when[name]) for name in one.budgets if name in route.when):
            kept.append(one)
    return kept


def _figure(slug: str, budget: str, evidence: Sequence[Mapping[str, Mapping[str, Any]]]) -> float | None:
    """Rule 6: the category's evidence, else the pooled; too few measurements are none."""
    known = (measured(seen.get(slug, {}), BUDGETS[budget].figure) for seen in evidence)
    return next((float(value) for value in known if value is not None), None)


def _keeps(one: _Candidate, name: str, budget: float) -> bool:
    figure = one.budgets[name]
    return figure is not None and figure <= budget


def _fitting(candidates: Sequence[_Candidate], *, budgets: bool) -> tuple[list[_Group], Sequence[_Candidate]]:
    """The groups of as many of the candidates as stay within AT_MOST, and the candidates that do not."""
    groups: list[_Group] = []
    for n in range(1, len(candidates) + 1):
        more = _groups(candidates[:n], budgets=budgets)
        if len(more) > AT_MOST:
            return groups, candidates[n - 1 :]
        groups = more
    return groups, ()


def _groups(candidates: Sequence[_Candidate], *, budgets: bool) -> list[_Group]:
    """Every set that some request leaves over, in the candidates' order, larger before smaller."""
    leave_over = [[one for one in candidates if one.model.local]]
    leave_over += [
        [one for one in candidates if need in one.model.capabilities]
        for need in sorted({need for one in candidates for need in one.model.capabilities})
    ]
    if budgets:
        for name in BUDGETS:
            figures = sorted({figure for one in candidates if (figure := one.budgets[name]) is not None})
            leave_over += [[one for one in candidates if _keeps(one, name, figure)] for figure in figures]
    place = {one: at for at, one in enumerate(candidates)}
    found = {frozenset(candidates)}
    for filtered in leave_over:
        found |= {group & frozenset(filtered) for group in found}
    ordered = [tuple(sorted(group, key=place.__getitem__)) for group in found if group]
    return sorted(ordered, key=lambda group: (-len(group), [place[one] for one in group]))


def _query(when: Mapping[str, Any], group: Sequence[_Candidate], *, budgets: bool) -> Query:
    """That the condition holds, and that all of the group may serve."""
    clauses = list(_holding(when))
    if when.get("local_only") is None and not all(one.model.local for one in group):
        clauses.append(_MAY_LEAVE)
    clauses.append(_needing_only(frozenset.intersection(*(one.model.capabilities for one in group))))
    if budgets:
        clauses += [_affording(name, [one.budgets[name] for one in group], stated=name in when) for name in BUDGETS]
    return clauses[0] if len(clauses) == 1 else {"$and": clauses}


# How the gateway compares a number, by how a condition does.
_OPERATORS: Mapping[How, str] = {
    "at_least": "$gte",
    "at_most": "$lte",
    "below": "$lt",
    "above": "$gt",
}
# What can be said of a request in the gateway's grammar.
GRAMMAR: frozenset[How] = frozenset({*_OPERATORS, "has_all", "equals"})


def _holding(when: Mapping[str, Any]) -> Iterator[Query]:
    for name, value in when.items():
        asks: Asks = CONDITIONS[name].asks
        key = f"metadata.{asks.fact}"
        if asks.how in _OPERATORS:
            yield {key: {_OPERATORS[asks.how]: value}}
        elif asks.how == "has_all":
            # Each of them, between commas.
            yield from ({key: {"$regex": f"(?:^|,){re.escape(one)}(?:,|$)"}} for one in value)
        elif name == "local_only" and value is False:
            yield _MAY_LEAVE
        elif isinstance(value, bool):
            yield {key: {"$in": [str(value).lower(), value]}}
        else:
            yield {key: {"$eq": value}}


def _needing_only(capabilities: Iterable[str]) -> Query:
    """Nothing beyond these. A word with a comma cannot be said, so nobody needs it."""
    words = "|".join(re.escape(word) for word in sorted(capabilities) if "," not in word)
    listed = f"(?:(?:{words})(?:,(?!$)|$))*" if words else ""
    return {"metadata.needs": {"$regex": f"^(?:undefined|{listed})$"}}


def _affording(name: str, figures: Sequence[float | None], *, stated: bool) -> Query:
    """The budget is at least each figure, or was not stated. `stated`: the condition asks for one already."""
    unstated = {f"metadata.{name}": {"$regex": "^undefined$"}}
    known = [figure for figure in figures if figure is not None]
    if len(known) < len(figures):
        return unstated
    enough = {f"metadata.{name}": {"$gte": max(known)}}
    return enough if stated else {"$or": [enough, unstated]}
