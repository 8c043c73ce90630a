"""A policy with one route of one category pinned, or pinned no more. Pure.

    pinned(document, category="code", contender="gpt-x")    # the document, with that
    unpinned(document, category="code")

The route is the one that always holds (else the last), or the one that `route` names. A category that has no routes of
its own gets every_category's with the pin in them, and follows every_category again once nothing tells them apart.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from arena.errors import FieldError
from arena.ui.wording import did_you_mean
from routing.policy.parse import Policy, parse
from routing.policy.schema import CategoryRules

__all__ = ["PinError", "main_route", "pinned", "pins", "unpinned"]

# A route may go without a name; people have to call it something.
UNNAMED = "(unnamed)"


class PinError(FieldError):
    """The pin cannot be set or lifted. `field` is what is wrong: category, contender or route; "" where nothing is."""


def main_route(rules: CategoryRules) -> str:
    """The name of the route that a category's own decision is about: the one that always holds, else the last."""
    return next((one.name for one in rules.routes if not one.when.as_dict()), rules.routes[-1].name)


def pins(policy: Policy, category: str) -> dict[str, str]:
    """The pinned contender of each route, by the route's name."""
    return {one.name: one.pin for one in policy.rules(category).routes if one.pin is not None}


def pinned(document: Mapping[str, Any], *, category: str, contender: str, route: str | None = None) -> dict[str, Any]:
    """Raises PinError, and PolicyError if the document is no policy; whether the contender exists is not asked."""
    policy = parse(document)
    rules = policy.rules(category)
    return _with(policy, category, main_route(rules) if route is None else _known(rules, category, route), contender)


def unpinned(
    document: Mapping[str, Any],
    *,
    category: str,
    route: str | None = None,
    copied_from: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Without `route` the pin of the main route, else the only one. Raises PinError, also if there is none.

    `copied_from` is the policy whose every_category's routes the category got with its pin: as long as they are still
    those it follows every_category again, whatever that says by now.
    """
    policy = parse(document)
    rules, there = policy.rules(category), pins(policy, category)
    if not there:
        raise PinError("", f"Nothing is pinned in {category}.")
    if route is None:
        main = main_route(rules)
        if main not in there and len(there) > 1:
            raise PinError("route", f"{category} has several pins. Name the route: {_listed(there)}.")
        route = main if main in there else next(iter(there))
    elif _known(rules, category, route) not in there:
        raise PinError("route", f"Route {route or UNNAMED} of {category} is not pinned; pinned: {_listed(there)}.")
    return _with(policy, category, route, None, copied_from)


def _known(rules: CategoryRules, category: str, route: str) -> str:
    names = [one.name for one in rules.routes]
    if route in names:
        return route
    guess = did_you_mean(route, names, otherwise=f"Its routes: {_listed(names)}.")
    raise PinError("route", f"{category} has no route called “{route}”. {guess}")


def _listed(names: Any) -> str:
    return ", ".join(name or UNNAMED for name in names)


def _with(
    policy: Policy, category: str, route: str, contender: str | None, copied_from: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    made: dict[str, Any] = copy.deepcopy(dict(policy.document))
    own = made["categories"].setdefault(category, {})
    routes = own.setdefault("routes", copy.deepcopy(made["every_category"]["routes"]))
    one = next(one for one in routes if one.get("name", "") == route)
    if contender is None:
        one.pop("pin")
    else:
        one["pin"] = contender
    everybodys = [policy.every_category.routes]
    if copied_from is not None:
        everybodys.append(parse(copied_from).every_category.routes)
    if parse(made).rules(category).routes in everybodys:
        del own["routes"]
    if not own:
        del made["categories"][category]
    return made
