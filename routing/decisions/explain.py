"""The newest decision of a category in the words of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from arena.ui.wording import ahead, listed
from routing.decisions.eligibility import Check
from routing.decisions.gate import EXACT, SEQUENCE
from routing.decisions.history import PastDecision
from routing.policy.describe import chips

__all__ = ["DecisionSummary"]

BadgeKind = Literal["good", "warn", "data", ""]

_BADGES: Mapping[str, tuple[str, BadgeKind]] = {
    "first": ("first route", "good"),
    "switched": ("switched", "good"),
    "kept": ("decided", "good"),
    "held": ("not decided", "warn"),
    "pinned": ("pinned", "data"),
    "default": ("default", "warn"),
}


@dataclass(frozen=True)
class DecisionSummary:
    """What pages say of a category: its newest `decision`, None before the first, and the live table's `routes`.

    `lead`, `low` and `high` are rating points (Elo scale) of `challenger` over the incumbent, None while there is
    nothing to compare. The line from `low` to `high` is safe at every look; a switch needs all of it right of `margin`
    (0 unless the policy asks for more).
    """

    decision: PastDecision | None
    routes: Sequence[Mapping[str, Any]] = ()

    @property
    def badge(self) -> str:
        return self._badge[0]

    @property
    def badge_kind(self) -> BadgeKind:
        return self._badge[1]

    @property
    def _badge(self) -> tuple[str, BadgeKind]:
        if self.decision is None:
            return "not routed", ""
        badge, kind = _BADGES.get(self.decision.outcome, (self.decision.outcome, ""))
        return ("not routed" if self.decision.outcome == "held" and not self.decision.to else badge), kind

    @property
    def headline(self) -> str:
        return _headline(self.decision) if self.decision else "No route is decided here yet."

    @property
    def sentence(self) -> str:
        if self.decision is None:
            return "Publishing looks at this category as soon as it has a leaderboard."
        return _sentence(self.decision)

    @property
    def votes_to_go(self) -> str:
        return self.decision.votes_to_go_words if self.decision else ""

    @property
    def advice(self) -> str:
        more = self.decision is not None and self.decision.more_reviewers_help
        return "More reviewers help more than more votes." if more else ""

    @property
    def checks(self) -> tuple[Check, ...]:
        return self.decision.checks if self.decision else ()

    @property
    def category(self) -> str:
        """The category whose history has more of the kind; empty while there is none."""
        return self.decision.category if self.decision else ""

    @property
    def _gap(self) -> Mapping[str, Any]:
        return self.decision.gap if self.decision else {}

    @property
    def challenger(self) -> str | None:
        return self._gap.get("challenger")

    @property
    def lead(self) -> float | None:
        return self._gap.get("lead")

    @property
    def low(self) -> float | None:
        return self._gap.get("low")

    @property
    def high(self) -> float | None:
        return self._gap.get("high")

    @property
    def margin(self) -> float:
        return float(self._gap.get("margin", 0.0))

    @property
    def has_gap(self) -> bool:
        """Whether the lead's line can be drawn."""
        return self.lead is not None and self.low is not None and self.high is not None

    @property
    def labels(self) -> dict[str, str]:
        """The routes' primaries by slug, each with "routed" or "routed when …" for the rows of a table. Where one has
        several routes, the unconditional says it best."""
        labels: dict[str, str] = {}
        for route in self.routes:
            if not route["when"]:
                labels[route["primary"]] = "routed"
            else:
                conditions = listed([chip.text for chip in chips(route["when"])])
                labels.setdefault(route["primary"], f"routed when {conditions}")
        return labels


def _headline(decision: PastDecision) -> str:
    to, before, gap = decision.to, decision.model_from, decision.gap
    match decision.outcome:
        case "first":
            return f"{to} leads, so this category goes to it."
        case "switched":
            return f"{to} took over from {before}." if to else f"{before} is no longer routed."
        case "pinned":
            return f"The policy pins this category to {to}."
        case "default":
            return f"The policy sends this category to {to} until votes decide."
        case "kept":
            sure = gap.get("challenger") == to and gap.get("low", 0) > 0
            return f"{to} is routed, and {'surely ahead' if sure else 'no other is surely better'}."
    if not to:
        return "Not enough votes to route this category."
    challenger = gap.get("challenger")
    if not challenger or challenger == to:
        return f"{to} stays for now."
    if any(check.label in (SEQUENCE, EXACT) and check.state == "ok" for check in decision.checks):
        return f"{challenger} is better than {to}, but may not take over yet."
    return f"{challenger} looks better than {to}, but not surely enough to switch."


def _sentence(decision: PastDecision) -> str:
    """The stored reason, without the votes to go, which are shown beside it. A lead that is not sure yet is explained
    instead."""
    gap, words = decision.gap, decision.votes_to_go_words
    unsure = any(check.label == SEQUENCE and check.state == "wait" for check in decision.checks)
    if decision.outcome == "held" and unsure and gap:
        lead, needed = ahead(gap["lead"]), ahead(gap["needed"])
        return f"It leads by {lead}. To be safe however often publishing looks, the lead must reach {needed}."
    return decision.reason.removesuffix(f" {words[:1].upper()}{words[1:]}.") if words else decision.reason
