"""What routing does when evals sends a signal. Connected in `routing.apps`."""

from __future__ import annotations

from typing import Any

from routing.decisions.plan import Plan, Route
from routing.policy.parse import parse
from routing.policy.queries import policy
from routing.policy.references import fields_naming
from routing.publication import enqueue_publish
from routing.publishing.queries import table


def publish_after_ranking(sender: Any, **_: Any) -> None:
    """In the transaction that stores the leaderboard: the queued publication commits with it."""
    enqueue_publish()


def publish_after_retirement(sender: Any, **_: Any) -> None:
    """In the transaction that retires it: its routes go with the next version."""
    enqueue_publish()


def routes_naming(sender: Any, *, contender: Any, **_: Any) -> list[str]:
    """The live table's routes that name a contender, and the policy's fields, in words for the confirmation of its
    retirement."""
    named = []
    for route in _live_routes():
        if route.primary == contender.slug:
            named.append(f"route {route.id}, as primary")
        elif contender.slug in route.fallbacks:
            named.append(f"route {route.id}, as a fallback")
        elif contender.slug == route.escalate_to:
            named.append(f"route {route.id}, to escalate to")
    now = policy()
    if now is not None:
        fields = fields_naming(parse(now.document), contender.slug)
        named += [f"policy {now.version}, at {field}, which is passed over from then on" for field in fields]
    return named


def routes_of_category(sender: Any, *, category: Any, **_: Any) -> list[str]:
    """The live table's routes of a category, in words for the confirmation of its retirement."""
    return [f"route {route.id}, to {route.primary}" for route in _live_routes(category.slug)]


def _live_routes(category: str = "") -> list[Route]:
    """Of the newest table: all, or one category's."""
    newest = table()
    if newest is None:
        return []
    routes = Plan.of(newest.document).routes()
    return list(routes.get(category, ())) if category else [route for some in routes.values() for route in some]
