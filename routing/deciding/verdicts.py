"""What a page says about one category's decision: words and numbers, ready to be shown.

Pure. Built by `routing.explaining.category_decision`, shown by the leaderboard's callout and the routing pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["CategoryDecision", "Check", "CheckState", "Routed", "State"]

State = Literal["first", "switched", "kept", "held", "pinned", "default", "undecided"]
CheckState = Literal["ok", "wait", "fail", "unknown"]


@dataclass(frozen=True)
class Check:
    """One thing a switch needs: holds (ok), not yet (wait), breached (fail), not enough evidence (unknown)."""

    state: CheckState
    label: str
    value: str


@dataclass(frozen=True)
class Routed:
    """A contender some route of the category sends to; `label` is "routed" or "routed when …"."""

    slug: str
    label: str


@dataclass(frozen=True)
class CategoryDecision:
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
