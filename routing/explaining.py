"""The newest decision of a category in the words of a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routing.chips import chips
from routing.selectors import DecisionView, last_decision, table
from routing.verdicts import CategoryDecision, Check, Routed
from routing.wording import count, listed

__all__ = ["category_decision", "explained"]

_BADGES = {
    "first": ("first route", "good"),
    "switched": ("switched", "good"),
    "kept": ("decided", "good"),
    "held": ("not decided", "warn"),
    "pinned": ("pinned", "data"),
    "default": ("default", "warn"),
}


def category_decision(slug: str) -> CategoryDecision:
    """Never None: a category nobody has looked at yet is `undecided`. Two queries."""
    newest = table()
    routes = newest.document["categories"].get(slug, {}).get("routes", []) if newest else []
    return explained(last_decision(slug), routes)


def explained(decision: DecisionView | None, routes: list[Mapping[str, Any]]) -> CategoryDecision:
    if decision is None:
        return CategoryDecision(
            state="undecided",
            badge="not routed",
            badge_kind="",
            headline="No route is decided here yet.",
            sentence="Publishing looks at this category as soon as it has a leaderboard.",
            routed=_routed(routes),
        )
    gap = decision.numbers.get("gap") or {}
    to_go = decision.numbers.get("to_go") or {}
    checks = tuple(Check(*one) for one in decision.numbers.get("checks", ()))
    badge, kind = _BADGES.get(decision.outcome, (decision.outcome, ""))
    if decision.outcome == "held" and not decision.model_to:
        badge = "not routed"
    return CategoryDecision(
        state=decision.outcome,  # type: ignore[arg-type]  # the stored choices
        badge=badge,
        badge_kind=kind,  # type: ignore[arg-type]
        headline=_headline(decision, gap, checks),
        sentence=decision.reason,
        challenger=gap.get("challenger"),
        incumbent=gap.get("incumbent"),
        lead=gap.get("lead"),
        needed=gap.get("needed"),
        low=gap.get("low"),
        high=gap.get("high"),
        margin=gap.get("margin", 0.0),
        votes_to_go=_votes_to_go(to_go),
        advice="More reviewers help more than more votes." if to_go.get("more_reviewers") else "",
        checks=checks,
        routed=_routed(routes),
    )


def _headline(decision: DecisionView, gap: Mapping[str, Any], checks: tuple[Check, ...]) -> str:
    to, before = decision.model_to, decision.model_from
    if decision.outcome == "first":
        return f"{to} leads, so this category goes to it."
    if decision.outcome == "switched":
        return f"{to} took over from {before}." if to else f"{before} is no longer routed."
    if decision.outcome == "pinned":
        return f"The policy pins this category to {to}."
    if decision.outcome == "default":
        return f"The policy sends this category to {to} until votes decide."
    if decision.outcome == "kept":
        return f"{to} is routed, and nobody is surely better."
    if not to:
        return "Not enough votes to route this category."
    challenger = gap.get("challenger")
    if not challenger or challenger == to:
        return f"{to} stays for now."
    if any(check.label.startswith(("Lead", "Head")) and check.state == "ok" for check in checks):
        return f"{challenger} is better than {to}, but may not take over yet."
    return f"{challenger} looks better than {to}, but not surely enough to switch."


def _votes_to_go(to_go: Mapping[str, Any]) -> str:
    if not to_go or not to_go.get("more"):
        return ""
    more, low, high = to_go["more"], to_go["low"], to_go["high"]
    if low == high:
        return f"{count(more, 'more vote')}"
    return f"about {more:,} more votes, likely {low:,} to {high:,}"


def _routed(routes: list[Mapping[str, Any]]) -> tuple[Routed, ...]:
    """Each primary once; the unconditional route says it best."""
    found: dict[str, str] = {}
    for route in routes:
        if not route["when"]:
            found[route["primary"]] = "routed"
        else:
            said = listed([chip.text for chip in chips(route["when"])])
            found.setdefault(route["primary"], f"routed when {said}")
    return tuple(Routed(slug, label) for slug, label in found.items())
