"""What planning votes rests on: the two contenders that the category's next decision is about, and its pace."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from evals.leaderboards.queries import latest
from evals.models import Category, Vote
from evals.ratings.planning import State
from evals.ratings.scale import from_points
from routing.decisions.history import last_decision
from routing.policy import queries as policy_queries
from routing.policy.parse import parse
from routing.policy.schema import Gate

__all__ = ["Pace", "Planned", "pace_of", "planned"]

# The newest ballots that say how long a vote takes, and the fewest that do.
_BALLOTS = 300
_FEWEST = 5
_SEARCHED = 5000
# A battle left open over lunch says nothing of the pace.
_LONGEST_S = 600.0


@dataclass(frozen=True)
class Pace:
    """Median seconds a vote over `n` of the newest ballots; None with fewer than five."""

    seconds: float | None
    n: int


@dataclass(frozen=True)
class Planned:
    """`state` is for `evals.ratings.planning`. Without `first`, no vote compares two contenders yet."""

    state: State
    votes: int
    comparing: float
    first: str = ""
    second: str = ""
    connected: bool = True


def pace_of(category: Category) -> Pace:
    """Two queries, of the newest few thousand votes at most: the rest may all be imported, without ballots."""
    votes = Vote.objects.filter(category=category).order_by("-seq")
    newest = votes.values_list("seq", flat=True).first() or 0
    timed = votes.filter(seq__gt=newest - _SEARCHED, ballot__shown_at__isnull=False, ballot__closed_at__isnull=False)
    rows = timed.values_list("ballot__shown_at", "ballot__closed_at")[:_BALLOTS]
    took = [min((closed - shown).total_seconds(), _LONGEST_S) for shown, closed in rows if shown and closed]
    return Pace(median(took) if len(took) >= _FEWEST else None, len(took))


def planned(category: Category) -> Planned:
    """Three queries. The pair is that of the newest decision, else the first two of the leaderboard."""
    gate = _gate(category.slug)
    board = latest(category.slug)
    margin = from_points(gate.margin)
    least = gate.min_votes
    if board is None or len(board.standings.active) < 2 or not board.compared:
        rivals = max(len(board.standings.active) - 1, 1) if board else 1
        return Planned(State(votes=0, margin=margin, rivals=rivals, alpha=gate.alpha, least=least), 0, 1.0)
    decision = last_decision(category.slug)
    gap = decision.gap if decision else {}
    pair = (gap.get("challenger"), gap.get("incumbent"))
    active = [str(key) for key in board.standings.active]
    first, second = pair if pair[0] in active and pair[1] in active else (active[0], active[1])
    lead = board.standings.lead(first, second)
    state = State(
        votes=board.compared,
        lead=lead.lead,
        se=lead.se,
        margin=margin,
        rivals=lead.rivals,
        q=lead.q,
        b=lead.b,
        alpha=gate.alpha,
        least=least,
    )
    return Planned(state, board.votes, board.compared / board.votes, str(first), str(second), lead.connected)


def _gate(slug: str) -> Gate:
    rules = policy_queries.policy()
    return Gate() if rules is None else parse(rules.document).rules(slug).gate
