"""What publishing knows at one moment, as plain values: contenders, leaderboards, measured evidence. Pure.

`routing.decisions.queries` fills it from the database; the gate, the plan and the document read nothing else, so a
decision can be replayed from these values alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from evals.catalog.cards import ContenderCard
from evals.leaderboards.measurements import Evidence
from evals.ratings import Standings

__all__ = ["MIN_MEASUREMENTS", "Board", "CategoryEvidence", "DecisionEvidence"]

# Fewer measurements than this count as none.
MIN_MEASUREMENTS = 20


@dataclass(frozen=True)
class Board:
    """A category's newest leaderboard, by its votes (`seq`) and how they count (`revision`). `votes` are all that
    count; `compared`, those that compare two answers, are what the gate asks for."""

    standings: Standings
    digest: str
    seq: int
    votes: int
    reviewers: int
    computed_at: datetime
    url: str
    revision: int = 0

    @property
    def compared(self) -> int:
        return self.standings.fitted_votes


@dataclass(frozen=True)
class CategoryEvidence:
    slug: str
    name: str
    speaks_for: str = "panel"
    single_reviewer: bool = False
    board: Board | None = None
    measured: Mapping[str, Evidence] = field(default_factory=dict)


@dataclass(frozen=True)
class DecisionEvidence:
    """`contenders` holds all of them by slug, the retired too; `categories` only those in use. `pooled` was measured
    over all categories."""

    contenders: Mapping[str, ContenderCard]
    categories: tuple[CategoryEvidence, ...]
    pooled: Mapping[str, Evidence] = field(default_factory=dict)

    def category(self, slug: str) -> CategoryEvidence | None:
        return next((one for one in self.categories if one.slug == slug), None)
