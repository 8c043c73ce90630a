"""A year by the rules alone, without a database: votes are counted, and `evals.ratings`, `routing.decisions` and
`routing.publishing` do the rest. Only when a version is due is said here again, as INTERFACE has it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from benchmarks.years.evening import CATEGORY, Evening
from benchmarks.years.votes import CONTENDERS, Scene, Vote, Year, evening
from evals.catalog.cards import ContenderCard
from evals.ratings import OUTCOMES, Params, Standings, Tallies, compute, replay
from routing.decisions.evidence import Board, CategoryEvidence, DecisionEvidence
from routing.decisions.plan import Plan
from routing.decisions.planner import CategoryDecision, make_plan
from routing.policy.parse import Policy
from routing.publishing.document import decision_digest, draft, serialise

__all__ = ["CARDS", "Arena", "evenings"]

CARDS = {
    slug: ContenderCard(
        id=n,
        slug=slug,
        family=slug,
        revision=1,
        provider="house",
        provider_name="house",
        kind="openai",
        model_name=slug,
        base_url="https://house.example/v1",
        settings={},
        locality="hosted",
        tier=1,
        capabilities=(),
        context_tokens=None,
        usd_per_mtok_input=None,
        usd_per_mtok_output=None,
        used_at=None,
        retired_at=None,
    )
    for n, slug in enumerate(CONTENDERS)
}
_POLICY_VERSION = 1


def evenings(year: Year, policy: Policy) -> Iterator[Evening]:
    """What each day's look comes to."""
    arena = Arena(year.scene, policy)
    for day, votes in enumerate(year.by_day()):
        arena.count(votes)
        yield arena.look(day)


class Arena:
    """One category, its votes and its table. A vote counts at once; nothing is computed before somebody looks."""

    def __init__(self, scene: Scene, policy: Policy) -> None:
        world = scene.world
        self._by_reviewer = np.zeros((world.reviewers, len(OUTCOMES)), np.int64)
        self._by_task = np.zeros((world.tasks, len(OUTCOMES)), np.int64)
        self._waiting: list[Vote] = []
        self._params = Params(speaks_for=scene.speaks_for)
        self._board: Board | None = None
        self._tables = _Tables(policy)

    def count(self, votes: Iterable[Vote]) -> None:
        for vote in votes:
            self._by_reviewer[vote.reviewer, vote.outcome] += 1
            self._by_task[vote.task, vote.outcome] += 1
            self._waiting.append(vote)

    @property
    def wins(self) -> list[int]:
        """By contender."""
        won: list[int] = self._by_reviewer[:, : len(CONTENDERS)].sum(0).tolist()
        return won

    def look(self, day: int) -> Evening:
        """The day's: a new leaderboard if votes have come since the last, then whatever the policy makes of it."""
        if self._waiting:
            self._rank(evening(day))
        board, tables = self._board, self._tables
        category = CategoryEvidence(CATEGORY, CATEGORY, speaks_for=self._params.speaks_for, board=board)
        decision, cause = tables.look(DecisionEvidence(CARDS, (category,)), evening(day))
        return Evening(day, board.standings if board else None, decision, tables.version, cause, tables.digest)

    def _rank(self, now: datetime) -> None:
        tallies = Tallies.from_arrays(_rows(self._by_reviewer), _rows(self._by_task), dict(enumerate(CONTENDERS)))
        last = self._board.standings if self._board else None
        outcomes = ((*CONTENDERS, OUTCOMES[vote.outcome]) for vote in self._waiting)
        elo = replay(outcomes, start=last.elo if last else None)
        self._board = _board(compute(tallies, self._params, elo, warm=last), now)
        self._waiting = []


def _rows(counts: np.ndarray) -> np.ndarray:
    """(n, 7) as `Tallies.from_arrays` reads them: group, lo, hi, and the counts."""
    lo_and_hi = np.broadcast_to([0, 1], (len(counts), 2))
    return np.column_stack([np.arange(len(counts)), lo_and_hi, counts])


def _board(standings: Standings, now: datetime) -> Board:
    votes = standings.votes
    return Board(
        standings=standings,
        digest=standings.digest,
        seq=votes,
        votes=votes,
        reviewers=standings.reviewers,
        computed_at=now,
        url=f"/leaderboards/{CATEGORY}/{votes}/0/",
    )


@dataclass
class _Tables:
    """The newest table, and when each was published."""

    policy: Policy
    plan: Plan | None = None
    digest: str = ""
    version: int | None = None
    published: dict[int, datetime] = field(default_factory=dict)

    def look(self, evidence: DecisionEvidence, now: datetime) -> tuple[CategoryDecision, str | None]:
        """The decision, and why a version was made of it, if one was."""
        planned = make_plan(
            self.policy,
            evidence,
            policy_version=_POLICY_VERSION,
            previous=self.plan,
            published=self.published,
            now=now,
        )
        (decision,) = planned.decisions
        cause = self._cause(planned.plan, now)
        if cause is not None:
            self._publish(planned.plan, evidence, now, cause)
        return decision, cause

    def _cause(self, planned: Plan, now: datetime) -> str | None:
        if self.plan is None or self.version is None:
            return "first" if planned.categories else None
        if decision_digest(planned) != self.digest:
            return "switched"
        return "refresh" if now - self.published[self.version] >= self._fresh_for else None

    @property
    def _life(self) -> timedelta:
        return timedelta(hours=self.policy.expires_after_hours)

    @property
    def _fresh_for(self) -> timedelta:
        return min(timedelta(hours=self.policy.refresh_every_hours), self._life / 2)

    def _publish(self, planned: Plan, evidence: DecisionEvidence, now: datetime, cause: str) -> None:
        """Reads the plan back from the bytes, as the next publisher does."""
        previous = self.version
        self.version = (previous or 0) + 1
        document = draft(planned, evidence).stamped(
            version=self.version,
            previous=previous,
            published_at=now,
            expires_at=now + self._life,
            cause=cause,
        )
        self.plan = Plan.of(json.loads(serialise(document).data))
        self.digest = document["decision_digest"]
        self.published[self.version] = now
