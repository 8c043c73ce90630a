"""What pages and commands read of routing: frozen dataclasses, no model instances."""

from __future__ import annotations

from routing.verdicts import CategoryDecision

__all__ = ["category_decision"]


def category_decision(slug: str) -> CategoryDecision:
    """Never None: a category nobody has looked at yet is `undecided`."""
    return CategoryDecision(
        state="undecided",
        badge="not routed",
        badge_kind="",
        headline="No route is decided here yet.",
        sentence="Publishing looks at this category as soon as it has a leaderboard.",
    )
