"""Decisions as they are kept: stored whenever they say something new or a table rests on them, and read by pages and
the API, newest first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import F, Max, Q, TextField, Value, Window
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, Concat, Lag, Lead

from routing.decisions.evidence import DecisionEvidence
from routing.decisions.gate import RouteDecision, numbers
from routing.decisions.planner import CategoryDecision
from routing.models import Decision, RoutingTable

__all__ = [
    "PastDecision",
    "PendingApproval",
    "Repeated",
    "decisions_between",
    "decisions_in",
    "decisions_of",
    "decisions_on",
    "last_decision",
    "last_decisions",
    "remember",
]


class PendingApproval(NamedTuple):
    """A route whose change waits for a person's approval; `value` is what approving of it names."""

    category: str
    route_id: str
    before: str | None
    to: str
    reason: str

    @property
    def value(self) -> str:
        return f"{self.route_id}={self.to}"


class RouteDecided(NamedTuple):
    id: str
    outcome: str
    to: str | None
    reason: str


@dataclass(frozen=True)
class Repeated:
    """Looks before a decision that said what it says: `first` is the oldest of them. `ids` are all of them, that one
    included; `versions` those that they and the decision led to, the oldest first."""

    first: PastDecision
    ids: tuple[int, ...]
    versions: tuple[int, ...]


@dataclass(frozen=True)
class PastDecision:
    """A stored decision; `numbers` as `routing.decisions.gate.numbers` made them. `repeated`: it stands for others that
    say the same, and is the newest of them."""

    id: int
    category: str
    outcome: str
    model_from: str
    model_to: str
    reason: str
    numbers: Mapping[str, Any]
    votes_to_go: int | None
    leaderboard_digest: str
    leaderboard_seq: int | None
    leaderboard_revision: int | None
    version: int | None
    created_at: datetime
    repeated: Repeated | None = None

    @property
    def oldest(self) -> int:
        """The id of the oldest that it stands for: its own, if it stands for itself."""
        return self.repeated.first.id if self.repeated else self.id

    @property
    def evidence(self) -> str:
        """The address of the leaderboard it rests on; empty for none. As tables have it, which is public."""
        if self.leaderboard_seq is None:
            return ""
        revision = "" if self.leaderboard_revision is None else f"{self.leaderboard_revision}/"
        return f"/leaderboards/{self.category}/{self.leaderboard_seq}/{revision}"

    @property
    def policy(self) -> int | None:
        return self.numbers.get("policy")

    @property
    def routes(self) -> list[RouteDecided]:
        """Each route's own outcome, where there are several."""
        stored: Mapping[str, Mapping[str, Any]] = self.numbers.get("routes", {})
        if len(stored) < 2:
            return []
        return [RouteDecided(key, one["outcome"], one["to"], one["reason"]) for key, one in stored.items()]

    @property
    def waiting(self) -> list[PendingApproval]:
        """Routes that would change if a person approved."""
        routes: Mapping[str, Mapping[str, Any]] = self.numbers.get("routes", {})
        return [
            PendingApproval(self.category, route_id, one["from"], one["proposes"], one["reason"])
            for route_id, one in routes.items()
            if one.get("proposes")
        ]


def _view(stored: Decision) -> PastDecision:
    return PastDecision(
        id=stored.pk,
        category=stored.category,
        outcome=stored.outcome,
        model_from=stored.model_from,
        model_to=stored.model_to,
        reason=stored.reason,
        numbers=stored.numbers,
        votes_to_go=stored.votes_to_go,
        leaderboard_digest=stored.leaderboard_digest,
        leaderboard_seq=stored.leaderboard_seq,
        leaderboard_revision=stored.leaderboard_revision,
        version=stored.table_id,
        created_at=stored.created_at,
    )


def last_decision(category: str) -> PastDecision | None:
    stored = Decision.objects.filter(category=category).first()
    return _view(stored) if stored else None


def last_decisions(categories: Iterable[str]) -> dict[str, PastDecision]:
    """The newest of each of these categories that has any. One query."""
    newest = Decision.objects.filter(category__in=list(categories)).order_by().values("category")
    found = Decision.objects.filter(pk__in=newest.annotate(newest=Max("pk")).values("newest"))
    return {one.category: _view(one) for one in found}


def decisions_of(category: str, *, limit: int, before: int | None = None) -> list[PastDecision]:
    """A category's, newest first; neighbours that say the same are one. `before` one's id, of those folded into one the
    oldest's. Two queries, however many are folded."""
    found = Decision.objects.filter(category=category)
    if before is not None:
        found = found.filter(pk__lt=before)
    # Every publication stores a decision of every category, so a run has as many rows as versions: only its two ends
    # are read whole. Routes count too: where one of several moves, the category's own sentence may stay.
    apart = Value("\x1f")
    routes = Coalesce(KT("numbers__routes"), Value(""), output_field=TextField())
    said = Concat(
        "outcome", apart, "model_from", apart, "model_to", apart, "reason", apart, routes, output_field=TextField()
    )
    rows = found.annotate(said=said).annotate(
        older=Window(Lag("said", default=Value("")), order_by="pk"),
        newer=Window(Lead("said", default=Value("")), order_by="pk"),
    )
    ends = list(rows.filter(~Q(older=F("said")) | ~Q(newer=F("said"))).order_by("-pk")[: 2 * limit])
    newest = [one for one in ends if one.newer != one.said]
    oldest = [one for one in ends if one.older != one.said]
    return _fold(category, list(zip(newest, oldest, strict=False))[:limit])


def _fold(category: str, runs: Sequence[tuple[Decision, Decision]]) -> list[PastDecision]:
    """Each run by its newest and its oldest."""
    if not runs:
        return []
    between = Decision.objects.filter(category=category, pk__gte=runs[-1][1].pk, pk__lte=runs[0][0].pk)
    tables = dict(between.order_by("pk").values_list("pk", "table_id"))
    return [
        _view(newest) if newest.pk == oldest.pk else _standing_for(newest, oldest, tables) for newest, oldest in runs
    ]


def _standing_for(newest: Decision, oldest: Decision, tables: Mapping[int, int | None]) -> PastDecision:
    run = [pk for pk in tables if oldest.pk <= pk <= newest.pk]
    versions = tuple(version for pk in run if (version := tables[pk]) is not None)
    return replace(_view(newest), repeated=Repeated(_view(oldest), tuple(run[:-1]), versions))


def decisions_in(version: int) -> list[PastDecision]:
    """Those a table was published with, by category. One query."""
    return [_view(one) for one in Decision.objects.filter(table=version).order_by("category", "pk")]


def decisions_on(category: str, *, seq: int, revision: int) -> list[PastDecision]:
    """Those that rest on one leaderboard, newest first. One query."""
    found = Decision.objects.filter(category=category, leaderboard_seq=seq, leaderboard_revision=revision)
    return [_view(one) for one in found[:50]]


def decisions_between(older: int, newer: int) -> dict[str, dict[str, Any]]:
    """The last decision of each category that a table after `older`, up to `newer`, rests on and that changed it."""
    rows = Decision.objects.filter(table_id__gt=older, table_id__lte=newer).order_by("id")
    return {
        one.category: {
            "outcome": one.outcome,
            "from": one.model_from or None,
            "to": one.model_to or None,
            "reason": one.reason,
            "gap": one.numbers.get("gap"),
            "leaderboard": {"digest": one.leaderboard_digest, "seq": one.leaderboard_seq},
            "version": one.table_id,
        }
        for one in rows
        if one.model_from != one.model_to
    }


def remember(
    decisions: Iterable[CategoryDecision], evidence: DecisionEvidence, *, policy: int, table: RoutingTable | None = None
) -> list[Decision]:
    """Stores them; without a table only those that differ from their category's last one. In the publisher's
    transaction."""
    made = [_row(decision, evidence, policy=policy, table=table) for decision in decisions]
    if table is None:
        made = [one for one in made if _says_something_new(one)]
    return Decision.objects.bulk_create(made)


def _row(
    decision: CategoryDecision, evidence: DecisionEvidence, *, policy: int, table: RoutingTable | None
) -> Decision:
    one = decision.decision
    category = evidence.category(decision.category)
    board = category.board if category else None
    return Decision(
        category=decision.category,
        outcome=one.outcome,
        model_from=one.before or "",
        model_to=one.to or "",
        reason=one.reason[:1000],
        numbers=numbers(one)
        | {"policy": policy, "routes": {key: _route(value) for key, value in decision.routes.items()}},
        votes_to_go=one.votes_to_go,
        leaderboard_digest=board.digest if board else "",
        leaderboard_seq=board.seq if board else None,
        leaderboard_revision=board.revision if board else None,
        table=table,
    )


def _route(decision: RouteDecision) -> dict[str, Any]:
    return {
        "outcome": decision.outcome,
        "from": decision.before,
        "to": decision.to,
        "reason": decision.reason,
        "proposes": decision.proposes,
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
