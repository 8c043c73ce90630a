"""What pages and commands say of a category's newest decision and of the live table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from arena.ui.wording import listed
from evals.catalog.price_list import STALE_AFTER_DAYS
from routing.decisions.explain import DecisionSummary
from routing.decisions.history import last_decision, last_decisions
from routing.models import RoutingTable
from routing.publishing.queries import frozen, table

__all__ = [
    "address_notice",
    "changed_tables",
    "decision_summaries",
    "decision_summary",
    "price_notice",
    "publication_notice",
    "unpin_notice",
]


def decision_summary(slug: str) -> DecisionSummary:
    """Also of a category without a decision yet. Two queries."""
    newest = table()
    routes = newest.document["categories"].get(slug, {}).get("routes", []) if newest else []
    return DecisionSummary(last_decision(slug), routes)


def decision_summaries(slugs: Iterable[str]) -> dict[str, DecisionSummary]:
    """By slug, for all of them. Two queries."""
    slugs = list(slugs)
    newest, decisions = table(), last_decisions(slugs)
    categories = newest.document["categories"] if newest else {}
    return {slug: DecisionSummary(decisions.get(slug), categories.get(slug, {}).get("routes", [])) for slug in slugs}


def changed_tables(most: int = 24) -> list[tuple[int, datetime]]:
    """Versions and when they were published, newest first, without those that only refreshed the evidence. A query."""
    tables = RoutingTable.objects.exclude(cause=RoutingTable.Cause.REFRESH).order_by("-version")
    return list(tables.values_list("version", "published_at")[:most])


def publication_notice() -> str:
    """When what a saved policy changes is published. A query."""
    return f"What it changes is published {'once the freeze is lifted' if frozen() else 'next'}."


def address_notice(document: Mapping[str, Any]) -> str:
    """Which contenders of a table's routes have no address, because only their answers are known; empty if all have
    one."""
    routes = [*document["default"]["routes"]]
    routes += [route for category in document["categories"].values() for route in category["routes"]]
    routed = {slug for route in routes for slug in (route["primary"], *route["fallbacks"], route.get("escalate_to"))}
    without = [slug for slug, model in document["models"].items() if slug in routed and not model["base_url"]]
    if not without:
        return ""
    be, them = ("was", "it to a contender") if len(without) == 1 else ("were", "them to contenders")
    return (
        f"{listed(without)} {be} imported: services find no address to call. "
        f"Map {them} with import_generations --contender."
    )


def price_notice(document: Mapping[str, Any]) -> str:
    """Which contenders of a table had old prices when it was published; empty if none, or if it is of a time before
    tables told."""
    prices = document["prices"].get("contenders") or {}
    old = [slug for slug, price in prices.items() if price is not None and price["stale"]]
    if not old:
        return ""
    return (
        f"Prices of {listed(old)} were last checked more than {STALE_AFTER_DAYS} days before, or on a day that is not "
        "known."
    )


def unpin_notice(category: str, contenders: Iterable[str]) -> str:
    """Which of these contenders stays first once its pin is lifted, because a routed one is only replaced by one that
    is surely better. Empty if the live table has none of them first there. A query."""
    newest = table()
    routes = newest.document["categories"].get(category, {}).get("routes", []) if newest else []
    stay = sorted({route["primary"] for route in routes} & set(contenders))
    if not stay:
        return ""
    verb = "stays" if len(stay) == 1 else "stay"
    return f"{listed(stay)} {verb} first until votes are sure of another; to go back at once, roll back."
