"""The newest decision of a category, and what comes of an act, in the words of a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from routing.decided import DecisionView, last_decision, last_decisions
from routing.deciding.gate import EXACT, SEQUENCE
from routing.deciding.verdicts import CategoryDecision, Check, Routed
from routing.selectors import frozen, table
from routing.showing.chips import chips
from routing.wording import ahead, listed

__all__ = ["category_decision", "category_decisions", "explained", "once_published", "stays_first"]

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


def category_decisions(slugs: Iterable[str]) -> dict[str, CategoryDecision]:
    """By slug, for all of them. Two queries."""
    slugs = list(slugs)
    newest, decisions = table(), last_decisions(slugs)
    categories = newest.document["categories"] if newest else {}
    return {slug: explained(decisions.get(slug), categories.get(slug, {}).get("routes", [])) for slug in slugs}


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
        sentence=_sentence(decision, gap, to_go, checks),
        challenger=gap.get("challenger"),
        incumbent=gap.get("incumbent"),
        lead=gap.get("lead"),
        needed=gap.get("needed"),
        low=gap.get("low"),
        high=gap.get("high"),
        margin=gap.get("margin", 0.0),
        votes_to_go=to_go.get("words", ""),
        advice="More reviewers help more than more votes." if to_go.get("more_reviewers") else "",
        checks=checks,
        routed=_routed(routes),
        category=decision.category,
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
        sure = gap.get("challenger") == to and gap.get("low", 0) > 0
        return f"{to} is routed, and surely ahead." if sure else f"{to} is routed, and nobody is surely better."
    if not to:
        return "Not enough votes to route this category."
    challenger = gap.get("challenger")
    if not challenger or challenger == to:
        return f"{to} stays for now."
    if any(check.label in (SEQUENCE, EXACT) and check.state == "ok" for check in checks):
        return f"{challenger} is better than {to}, but may not take over yet."
    return f"{challenger} looks better than {to}, but not surely enough to switch."


def _sentence(
    decision: DecisionView, gap: Mapping[str, Any], to_go: Mapping[str, Any], checks: tuple[Check, ...]
) -> str:
    """The stored reason; its votes to go are shown beside it. A lead that is not sure yet is explained instead."""
    unsure = any(check.label == SEQUENCE and check.state == "wait" for check in checks)
    if decision.outcome == "held" and unsure and gap:
        lead, needed = ahead(gap["lead"]), ahead(gap["needed"])
        return f"It leads by {lead}. To be safe however often we look, the lead must reach {needed}."
    words = to_go.get("words", "")
    return decision.reason.removesuffix(f" {words[:1].upper()}{words[1:]}.") if words else decision.reason


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
