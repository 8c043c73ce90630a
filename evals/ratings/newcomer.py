"""How many votes a contender without any would need until a lead of a given size is sure."""

from __future__ import annotations

from evals.ratings.scale import from_points
from evals.ratings.sequence import VotesToGo, votes_to_go

__all__ = ["SUPPOSED_LEAD", "votes_for_a_newcomer"]

# Points: about 64 wins of 100 votes that are no ties.
SUPPOSED_LEAD = 100.0
# Of one vote between two contenders that are nearly level: it carries the information p(1 − p) = 1/4.
_VARIANCE_OF_A_VOTE = 4.0


def votes_for_a_newcomer(*, rivals: int, lead: float = SUPPOSED_LEAD) -> VotesToGo:
    """Votes between the two until the sequence bound of the gate excludes 0, if the newcomer is `lead` points better or
    worse. `rivals` are the contenders that a route could switch to, the newcomer included.

    For one reviewer's tastes: reviewers who differ need more, and `more_reviewers` cannot say so yet.
    """
    found = votes_to_go(gap=from_points(lead), se=_VARIANCE_OF_A_VOTE**0.5, votes=1, rivals=rivals)
    assert found is not None
    return found
