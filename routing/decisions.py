"""Decisions are kept with their reason whenever they say something new, or a table rests on them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from routing.deciding.gate import Verdict, numbers
from routing.deciding.planning import CategoryVerdict
from routing.facts import Facts
from routing.models import Decision, RoutingTable

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
        leaderboard_revision=board.revision if board else None,
        table=table,
    )


def _route(verdict: Verdict) -> dict[str, Any]:
    return {
        "outcome": verdict.outcome,
        "from": verdict.before,
        "to": verdict.to,
        "reason": verdict.reason,
        "proposes": verdict.proposes,
    }


def _says_something_new(made: Decision) -> bool:
    last = Decision.objects.filter(category=made.category).first()
    return last is None or _said(last) != _said(made)


def _said(decision: Decision) -> tuple[Any, ...]:
    """Without the reasons, whose figures of time move with every look."""
    numbers = decision.numbers
    routes = {
        route_id: (one.get("outcome"), one.get("to"), one.get("proposes"))
        for route_id, one in numbers.get("routes", {}).items()
    }
    return (
        decision.outcome,
        decision.model_from,
        decision.model_to,
        decision.leaderboard_digest,
        decision.leaderboard_revision,
        numbers.get("policy"),
        routes,
    )
