"""What planning votes rests on: the two contenders that the category's next decision is about."""

from __future__ import annotations

from dataclasses import dataclass

from evals.leaderboards.queries import latest
from evals.ratings.planning import State
from evals.ratings.scale import from_points
from routing.decisions.history import last_decision
from routing.policy import queries as policy_queries
from routing.policy.parse import parse
from routing.policy.schema import Gate

__all__ = ["Planned", "planned"]


@dataclass(frozen=True)
class Planned:
    """`state` is for `evals.ratings.planning`. Without `first`, no vote compares two contenders yet."""

    state: State
    votes: int
    comparing: float
    first: str = ""
    second: str = ""
    connected: bool = True


def planned(slug: str) -> Planned:
    """Three queries. The pair is that of the newest decision, else the first two of the leaderboard."""
    gate = _gate(slug)
    board = latest(slug)
    margin = from_points(gate.margin)
    least = gate.min_votes
    if board is None or len(board.standings.active) < 2 or not board.compared:
        rivals = max(len(board.standings.active) - 1, 1) if board else 1
        return Planned(State(votes=0, margin=margin, rivals=rivals, alpha=gate.alpha, least=least), 0, 1.0)
    decision = last_decision(slug)
    gap = decision.gap if decision else {}
    pair = (str(gap.get("challenger")), str(gap.get("incumbent")))
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
    return Planned(state, board.votes, board.compared / board.votes, first, second, lead.connected)


def _gate(slug: str) -> Gate:
    rules = policy_queries.policy()
    return Gate() if rules is None else parse(rules.document).rules(slug).gate
