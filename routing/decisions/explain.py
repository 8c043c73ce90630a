"""The newest decision of a category, and what comes of an act, in the words of a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from arena.ui.wording import ahead, listed
from routing.decisions.eligibility import Check
from routing.decisions.gate import EXACT, SEQUENCE
from routing.decisions.history import PastDecision
from routing.policy.describe import chips

__all__ = ["DecisionSummary", "Routed", "State", "summarise"]

State = Literal["first", "switched", "kept", "held", "pinned", "default", "undecided"]


@dataclass(frozen=True)
class Routed:
    """A contender some route of the category sends to; `label` is "routed" or "routed when …"."""

    slug: str
    label: str


@dataclass(frozen=True)
class DecisionSummary:
    """`lead`, `needed`, `low`, `high` are rating points (Elo scale) of `challenger` over `incumbent`, None while
    there is nothing to compare. The lead's line from `low` to `high` is safe at every look; a switch needs
    all of it right of `margin` (0 unless the policy asks for more)."""

    state: State
    badge: str
    badge_kind: Literal["good", "warn", "data", ""]
    headline: str
    sentence: str
    challenger: str | None = None
    incumbent: str | None = None
    lead: float | None = None
    needed: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float = 0.0
    votes_to_go: str = ""
    advice: str = ""
    checks: tuple[Check, ...] = ()
    routed: tuple[Routed, ...] = ()
    # Whose history has more of the kind; empty while there is none.
    category: str = ""

    @property
    def has_gap(self) -> bool:
        """Whether the lead's line can be drawn."""
        return self.lead is not None and self.low is not None and self.high is not None

    @property
    def labels(self) -> dict[str, str]:
        """Slug to label, for the rows of a table."""
        return {routed.slug: routed.label for routed in self.routed}


_BADGES = {
    "first": ("first route", "good"),
    "switched": ("switched", "good"),
    "kept": ("decided", "good"),
    "held": ("not decided", "warn"),
    "pinned": ("pinned", "data"),
    "default": ("default", "warn"),
}


def summarise(decision: PastDecision | None, routes: list[Mapping[str, Any]]) -> DecisionSummary:
    if decision is None:
        return DecisionSummary(
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
    return DecisionSummary(
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


def _headline(decision: PastDecision, gap: Mapping[str, Any], checks: tuple[Check, ...]) -> str:
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
    decision: PastDecision, gap: Mapping[str, Any], to_go: Mapping[str, Any], checks: tuple[Check, ...]
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
