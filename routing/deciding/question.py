"""One route before the gate: what was asked, who may answer, and whom it goes to now. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Literal

from evals.ratings import Standings
from routing.deciding.eligibility import Entrant
from routing.facts import CategoryFacts
from routing.policies import CategoryRules, RouteRules, Terms

__all__ = ["Basis", "Incumbent", "Outcome", "Question"]

Outcome = Literal["first", "switched", "kept", "held", "pinned", "default"]
Basis = Literal["votes", "default", "pin"]


@dataclass(frozen=True)
class Incumbent:
    """What the newest table sends this route to, since when, and what that rested on."""

    model: str
    basis: Basis
    since: datetime | None = None


@dataclass(frozen=True)
class Question:
    """`entrants` has every contender, eligible or not; `approved` says that a person approved of a change, which only
    a policy that holds changes for one asks for."""

    category: CategoryFacts
    rules: CategoryRules
    route: RouteRules
    entrants: Mapping[str, Entrant]
    incumbent: Incumbent | None
    now: datetime
    approved: bool = False
    default: str | None = None
    policy: str = "the policy"

    @property
    def terms(self) -> Terms:
        return self.rules.terms(self.route)

    @cached_property
    def standings(self) -> Standings | None:
        """The leaderboard, speaking for whom the gate asks (else as the category says)."""
        board = self.category.board
        if board is None:
            return None
        wanted = self.rules.gate.speaks_for
        if wanted == "category" or wanted == board.standings.params.speaks_for:
            return board.standings
        return replace(board.standings, params=replace(board.standings.params, speaks_for=wanted))

    @property
    def ranking(self) -> list[str]:
        """Everybody with a rating here, best first, eligible or not."""
        board = self.category.board
        return [str(one.contender) for one in board.standings.ratings] if board else []

    @cached_property
    def rated(self) -> list[str]:
        """Eligible contenders with a rating, best first."""
        if self.standings is None:
            return []
        known = (str(key) for key in self.standings.active)
        return [slug for slug in known if slug in self.entrants and self.entrants[slug].eligible]

    @property
    def single_reviewer(self) -> bool:
        return self.rules.gate.single_reviewer or self.category.single_reviewer

    @property
    def min_reviewers(self) -> int:
        return 1 if self.single_reviewer else self.rules.gate.min_reviewers

    def may_be_routed(self, slug: str | None) -> bool:
        return slug is not None and slug in self.entrants and self.entrants[slug].eligible
