"""What differs between two tables in what they decide. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from routing.decisions.plan import Plan, Route

__all__ = ["Change", "diff"]


class Change(NamedTuple):
    """One line of what differs between two tables: `field` of `where` (a route's id, a model's slug) went from
    `before` to `after`; None is absent."""

    group: str
    where: str
    field: str
    before: Any
    after: Any


def diff(older: Mapping[str, Any] | None, newer: Mapping[str, Any]) -> list[Change]:
    """What differs between two documents in what they decide; evidence and reasons aside. `older` None: all new."""
    changes: list[Change] = []
    old_plan = Plan.of(older) if older else None
    new_plan = Plan.of(newer)
    old_routes = old_plan.routes() if old_plan else {}
    new_routes = new_plan.routes()
    for group in dict.fromkeys([*old_routes, *new_routes]):
        changes += _route_changes(group.strip(), old_routes.get(group, ()), new_routes.get(group, ()))
    changes += _model_changes(old_plan.models if old_plan else {}, new_plan.models)
    if old_plan is not None:
        for name in ("policy", "on_expired"):
            before, after = getattr(old_plan, name), getattr(new_plan, name)
            if before != after:
                changes.append(Change(name, "", name, before, after))
    return changes


def _route_changes(group: str, older: Sequence[Route], newer: Sequence[Route]) -> list[Change]:
    before, after = {route.id: route.decided() for route in older}, {route.id: route.decided() for route in newer}
    changes: list[Change] = []
    for where in dict.fromkeys([*before, *after]):
        old, new = before.get(where, {}), after.get(where, {})
        changes += [
            Change(group, where, name, old.get(name), new.get(name))
            for name in ("when", "primary", "fallbacks", "escalate_to")
            if old.get(name) != new.get(name) and (old.get(name) or new.get(name))
        ]
    order_before = [one for one in before if one in after]
    order_after = [one for one in after if one in before]
    if order_before != order_after:
        changes.append(Change(group, group, "order", order_before, order_after))
    return changes


def _model_changes(older: Mapping[str, Mapping[str, Any]], newer: Mapping[str, Mapping[str, Any]]) -> list[Change]:
    changes: list[Change] = []
    for slug in dict.fromkeys([*older, *newer]):
        old, new = older.get(slug), newer.get(slug)
        if old is None or new is None:
            changes.append(Change("models", slug, "model", old and old["model_name"], new and new["model_name"]))
            continue
        changes += [Change("models", slug, key, old.get(key), new[key]) for key in new if old.get(key) != new[key]]
    return changes
