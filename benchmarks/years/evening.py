"""What an evening's look came to, told the same way wherever it was taken."""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

from evals.ratings import Standings
from routing.decisions.planner import CategoryDecision

__all__ = ["CATEGORY", "Evening"]

CATEGORY = "support"


class Evening(NamedTuple):
    """`standings` None before the first vote; `version` is the newest table's afterwards, None before the first, and
    `digest` that of what it decides. `cause` None: nothing was published."""

    day: int
    standings: Standings | None
    decision: CategoryDecision
    version: int | None
    cause: str | None
    digest: str

    @property
    def routed(self) -> str | None:
        return self.decision.decision.to

    def told(self) -> dict[str, Any]:
        """Everything, as JSON has it: figures to the last bit, words to the letter."""
        return {
            "day": self.day,
            "votes": self.standings.votes if self.standings else 0,
            "leaderboard": self.standings.digest if self.standings else "",
            "figures": _figures(self.standings) if self.standings else "",
            "decision": self.decision.as_dict(),
            "numbers": self.decision.decision.numbers,
            "version": self.version,
            "cause": self.cause,
            "digest": self.digest,
        }


def _figures(standings: Standings) -> str:
    """SHA-256 of all that a leaderboard stores, floats by their bits; not of what its reviewers are called."""
    stored = {name: value for name, value in standings.to_json().items() if name != "left_out"}
    return hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()
