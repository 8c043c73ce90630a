"""Decisions are kept with their reason whenever they say something new, or a table rests on them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from routing.facts import Facts
from routing.gate import numbers
from routing.models import Decision, RoutingTable
from routing.planning import CategoryVerdict

__all__ = ["remember"]


def remember(
    verdicts: Iterable[CategoryVerdict], facts: Facts, *, policy: int, table: RoutingTable | None = None
) -> list[Decision]:
    """Stores them; without a table only those that differ from their category's last one. In the publisher's
    transaction."""
    made = [_decision(verdict, facts, policy=policy, table=table) for verdict in verdicts]
    if table is None:
        made = [one for one in made if _says_something_new(one)]
    return Decision.objects.bulk_create(made)


def _decision(verdict: CategoryVerdict, facts: Facts, *, policy: int, table: RoutingTable | None) -> Decision:
    one = verdict.verdict
    category = facts.category(verdict.category)
    board = category.board if category else None
    return Decision(
        category=verdict.category,
        outcome=one.outcome,
        model_from=one.before or "",
        model_to=one.to or "",
        reason=one.reason[:1000],
        numbers=numbers(one)
        | {"policy": policy, "routes": {key: _route(value) for key, value in verdict.routes.items()}},
        votes_to_go=one.votes_to_go,
        leaderboard_digest=board.digest if board else "",
        leaderboard_seq=board.seq if board else None,
        table=table,
    )


def _route(verdict: Any) -> dict[str, Any]:
    return {"outcome": verdict.outcome, "from": verdict.before, "to": verdict.to, "reason": verdict.reason}


def _says_something_new(made: Decision) -> bool:
    last = Decision.objects.filter(category=made.category).first()
    if last is None:
        return True
    before = (last.outcome, last.model_from, last.model_to, last.leaderboard_digest, last.numbers.get("policy"))
    return before != (
        made.outcome,
        made.model_from,
        made.model_to,
        made.leaderboard_digest,
        made.numbers.get("policy"),
    )
