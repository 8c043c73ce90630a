"""Stored decisions: one is kept whenever it says something new or a table rests on it. Pages and the API read them,
newest first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import F, Max, Q, TextField, Value, Window
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, Concat, Lag, Lead

from routing.decisions.eligibility import Check
from routing.decisions.evidence import DecisionEvidence
from routing.decisions.plan import PendingApproval
from routing.decisions.planner import CategoryDecision
from routing.models import Decision, RoutingTable

__all__ = [
    "PastDecision",
    "decisions_between",
    "decisions_in",
    "decisions_of",
    "decisions_on",
    "last_decision",
    "last_decisions",
    "store_decisions",
]


@dataclass(frozen=True)
class PastDecision:
    """A stored decision on a category; `numbers` as `RouteDecision.numbers` made them, with the policy's version and
    each route's own outcome.

    One that stands for a run of neighbours that say the same is the newest of them: `first` is the oldest, `older_ids`
    are all the others, and `versions` those that the run led to, the oldest first.
    """

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
    first: PastDecision | None = None
    older_ids: tuple[int, ...] = ()
    versions: tuple[int, ...] = ()

    @property
    def to(self) -> str | None:
        return self.model_to or None

    @property
    def oldest(self) -> int:
        """The id of the oldest decision that it stands for, which may be itself."""
        return self.first.id if self.first else self.id

    @property
    def evidence(self) -> str:
        """The address of the leaderboard it rests on, which is public and stands in tables too; empty for none."""
        if self.leaderboard_seq is None:
            return ""
        revision = "" if self.leaderboard_revision is None else f"{self.leaderboard_revision}/"
        return f"/leaderboards/{self.category}/{self.leaderboard_seq}/{revision}"

    @property
    def policy(self) -> int | None:
        return self.numbers.get("policy")

    @property
    def checks(self) -> tuple[Check, ...]:
        return tuple(Check(*one) for one in self.numbers.get("checks", ()))

    @property
    def gap(self) -> Mapping[str, Any]:
        """The fields of `routing.decisions.gate.Gap`, as far as its Arena stored them; empty for none."""
        return self.numbers.get("gap") or {}

    @property
    def votes_to_go_words(self) -> str:
        return str((self.numbers.get("to_go") or {}).get("words", ""))

    @property
    def more_reviewers_help(self) -> bool:
        return bool((self.numbers.get("to_go") or {}).get("more_reviewers"))

    @property
    def routes(self) -> list[dict[str, Any]]:
        """Each route's own outcome with its `id`, where there are several."""
        stored = self.numbers.get("routes", {})
        return [{"id": route_id, **one} for route_id, one in stored.items()] if len(stored) > 1 else []

    @property
    def waiting(self) -> list[PendingApproval]:
        """Routes that would change if a person approved."""
        return [
            PendingApproval(self.category, route_id, one["from"], one["proposes"], one["reason"])
            for route_id, one in self.numbers.get("routes", {}).items()
            if one.get("proposes")
        ]


def last_decision(category: str) -> PastDecision | None:
    stored = Decision.objects.filter(category=category).first()
    return _read(stored) if stored else None


def last_decisions(categories: Iterable[str]) -> dict[str, PastDecision]:
    """The newest of each of these categories that has any. One query."""
    newest = Decision.objects.filter(category__in=list(categories)).order_by().values("category")
    found = Decision.objects.filter(pk__in=newest.annotate(newest=Max("pk")).values("newest"))
    return {one.category: _read(one) for one in found}


def decisions_of(category: str, *, limit: int, before: int | None = None) -> list[PastDecision]:
    """A category's, newest first; neighbours that say the same are one. `before` is an id, that of the oldest where
    several are one. Two queries, however many are folded."""
    found = Decision.objects.filter(category=category)
    if before is not None:
        found = found.filter(pk__lt=before)
    # Every publication stores a decision of every category, so a run has as many rows as versions: only its two ends
    # are read whole. Routes count too: where one of several moves, the category's own sentence may stay.
    separator = Value("\x1f")
    content = Concat(
        "outcome",
        separator,
        "model_from",
        separator,
        "model_to",
        separator,
        "reason",
        separator,
        Coalesce(KT("numbers__routes"), Value(""), output_field=TextField()),
        output_field=TextField(),
    )
    rows = found.annotate(content=content).annotate(
        older=Window(Lag("content", default=Value("")), order_by="pk"),
        newer=Window(Lead("content", default=Value("")), order_by="pk"),
    )
    ends = list(rows.filter(~Q(older=F("content")) | ~Q(newer=F("content"))).order_by("-pk")[: 2 * limit])
    newest = [one for one in ends if one.newer != one.content]
    oldest = [one for one in ends if one.older != one.content]
    return _fold(category, list(zip(newest, oldest, strict=False))[:limit])


def _fold(category: str, runs: Sequence[tuple[Decision, Decision]]) -> list[PastDecision]:
    """Each run as one decision, from its newest and its oldest row."""
    if not runs:
        return []
    between = Decision.objects.filter(category=category, pk__gte=runs[-1][1].pk, pk__lte=runs[0][0].pk)
    tables = dict(between.order_by("pk").values_list("pk", "table_id"))
    folded = []
    for newest, oldest in runs:
        decision = _read(newest)
        if newest.pk != oldest.pk:
            run = [pk for pk in tables if oldest.pk <= pk <= newest.pk]
            versions = tuple(version for pk in run if (version := tables[pk]) is not None)
            decision = replace(decision, first=_read(oldest), older_ids=tuple(run[:-1]), versions=versions)
        folded.append(decision)
    return folded


def decisions_in(version: int) -> list[PastDecision]:
    """Those a table was published with, by category. One query."""
    return [_read(one) for one in Decision.objects.filter(table=version).order_by("category", "pk")]


def decisions_on(category: str, *, seq: int, revision: int) -> list[PastDecision]:
    """Those that rest on one leaderboard, newest first. One query."""
    found = Decision.objects.filter(category=category, leaderboard_seq=seq, leaderboard_revision=revision)
    return [_read(one) for one in found[:50]]


def _read(stored: Decision) -> PastDecision:
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


def decisions_between(older: int, newer: int) -> dict[str, dict[str, Any]]:
    """As the API's diff has them: the last decision of each category that a table after `older`, up to `newer`, rests
    on and that changed it. One query."""
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


def store_decisions(
    decisions: Iterable[CategoryDecision], evidence: DecisionEvidence, *, policy: int, table: RoutingTable | None = None
) -> list[Decision]:
    """Without a table only those that differ from their category's last one. In the publisher's transaction."""
    rows = [_row(decision, evidence, policy=policy, table=table) for decision in decisions]
    if table is None:
        rows = [one for one in rows if _differs_from_last(one)]
    return Decision.objects.bulk_create(rows)


def _row(
    category: CategoryDecision, evidence: DecisionEvidence, *, policy: int, table: RoutingTable | None
) -> Decision:
    decision, known = category.decision, evidence.category(category.category)
    board = known.board if known else None
    routes = {
        route_id: {
            "outcome": one.outcome,
            "from": one.before,
            "to": one.to,
            "reason": one.reason,
            "proposes": one.proposes,
        }
        for route_id, one in category.routes.items()
    }
    return Decision(
        category=category.category,
        outcome=decision.outcome,
        model_from=decision.before or "",
        model_to=decision.to or "",
        reason=decision.reason[:1000],
        numbers=decision.numbers | {"policy": policy, "routes": routes},
        votes_to_go=decision.votes_to_go,
        leaderboard_digest=board.digest if board else "",
        leaderboard_seq=board.seq if board else None,
        leaderboard_revision=board.revision if board else None,
        table=table,
    )


def _differs_from_last(decision: Decision) -> bool:
    last = Decision.objects.filter(category=decision.category).first()
    return last is None or _content(last) != _content(decision)


def _content(decision: Decision) -> tuple[Any, ...]:
    """Without the reasons, whose figures of time move from one look to the next."""
    routes = {
        route_id: (one.get("outcome"), one.get("to"), one.get("proposes"))
        for route_id, one in decision.numbers.get("routes", {}).items()
    }
    return (
        decision.outcome,
        decision.model_from,
        decision.model_to,
        decision.leaderboard_digest,
        decision.leaderboard_revision,
        decision.numbers.get("policy"),
        routes,
    )
