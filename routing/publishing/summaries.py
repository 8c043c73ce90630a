"""What a category's newest decision and the live table come to, in the words of a page."""

from __future__ import annotations

from collections.abc import Iterable

from arena.ui.wording import listed
from routing.decisions.explain import DecisionSummary, summarise
from routing.decisions.history import last_decision, last_decisions
from routing.publishing.queries import frozen, table

__all__ = ["decision_summaries", "decision_summary", "once_published", "stays_first"]


def decision_summary(slug: str) -> DecisionSummary:
    """Never None: a category nobody has looked at yet is `undecided`. Two queries."""
    newest = table()
    routes = newest.document["categories"].get(slug, {}).get("routes", []) if newest else []
    return summarise(last_decision(slug), routes)


def decision_summaries(slugs: Iterable[str]) -> dict[str, DecisionSummary]:
    """By slug, for all of them. Two queries."""
    slugs = list(slugs)
    newest, decisions = table(), last_decisions(slugs)
    categories = newest.document["categories"] if newest else {}
    return {slug: summarise(decisions.get(slug), categories.get(slug, {}).get("routes", [])) for slug in slugs}


def once_published() -> str:
    """What becomes of a policy that was saved just now. A query."""
    return f"What it changes is published {'once the freeze is lifted' if frozen() else 'next'}."


def stays_first(category: str, contenders: Iterable[str]) -> str:
    """What lifting the pins to these leaves as it is: whoever is routed is only replaced by one who is surely better.
    Empty if the live table has none of them first there. A query."""
    newest = table()
    routes = newest.document["categories"].get(category, {}).get("routes", []) if newest else []
    stay = sorted({route["primary"] for route in routes} & set(contenders))
    if not stay:
        return ""
    verb = "stays" if len(stay) == 1 else "stay"
    return f"{listed(stay)} {verb} first until votes are sure of another; to go back at once, roll back."
