"""A year in the application itself: rows in this process's database, ballots cast by the voting service, rankings
queued by the votes and looks by the rankings, and tables published by nobody's hand, while the clock is moved on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import time_machine
from django_q.models import OrmQ

from arena.accounts.services import save_person
from arena.models import Role
from benchmarks.years.evening import CATEGORY, Evening
from benchmarks.years.pure import CARDS
from benchmarks.years.votes import VERDICTS, Scene, Vote, Year, evening, noon
from evals.leaderboards import chores
from evals.leaderboards.queries import latest
from evals.models import Ballot, Battle, Category, Contender, Generation, Provider, Reviewer, Task
from evals.voting.casting import cast_vote
from evals.voting.counting import count_votes
from evals.voting.drawing import RESERVED_FOR
from evals.voting.holding import hold
from evals.voting.reviewers import reviewer_of
from routing.policy.services import save_policy
from routing.publishing.publisher import AUTOMATIC, publish
from routing.publishing.queries import table

__all__ = ["evenings"]

_RANK, _PUBLISH = "evals.leaderboards.chores.rank", "routing.publishing.chores.publish"


def evenings(year: Year, policy: Mapping[str, Any] | None = None) -> list[Evening]:
    """What each day's look comes to. The database has all tables and nothing in them. `policy` None: nobody saved one,
    so that it is the default."""
    made = []
    with time_machine.travel(noon(0), tick=False) as clock:
        house = _House.built(year.scene)
        if policy is not None:
            save_policy(document=dict(policy), reason="For this year.")
        for day, votes in enumerate(year.by_day()):
            clock.move_to(noon(day))
            house.vote(votes, noon(day))
            clock.move_to(evening(day))
            made.append(_looked(day, voted=bool(votes)))
    return made


def _looked(day: int, *, voted: bool) -> Evening:
    asked = _worked_off()
    if voted and _PUBLISH not in asked:
        raise RuntimeError(f"day {day}: votes were cast, and no look was queued; only {asked}")
    result = publish(actor=AUTOMATIC)
    (decision,) = result.decisions
    board, newest = latest(CATEGORY), table()
    return Evening(
        day,
        board.standings if board else None,
        decision,
        result.version,
        result.cause,
        newest.document["decision_digest"] if newest else "",
    )


def _worked_off() -> list[str]:
    """Empties the queue as the cluster would, but for the look, whose result is wanted. Returns what was asked for."""
    asked = []
    while (waiting := OrmQ.objects.order_by("pk").first()) is not None:
        asked.append(waiting.func())
        if asked[-1] == _RANK:
            chores.rank(*waiting.task["args"])
        waiting.delete()
    return asked


@dataclass(frozen=True)
class _House:
    contenders: Sequence[Contender]
    reviewers: Sequence[Reviewer]
    tasks: Sequence[Task]

    @classmethod
    def built(cls, scene: Scene) -> _House:
        """What an owner would have typed and uploaded."""
        category = Category.objects.create(slug=CATEGORY, name=CATEGORY, speaks_for=scene.speaks_for)
        model = next(iter(CARDS.values()))
        provider = Provider.objects.create(
            slug=model.provider, name=model.provider, base_url=model.base_url, locality=model.locality
        )
        contenders = [
            Contender.objects.create(slug=slug, family=slug, provider=provider, model_name=slug) for slug in CARDS
        ]
        names = [f"reviewer-{n}" for n in range(scene.world.reviewers)]
        reviewers = [reviewer_of(save_person(username=name, role=Role.REVIEWER)[0]) for name in names]
        tasks = Task.objects.bulk_create(
            Task(category=category, digest=f"{n:064d}", messages=[{"role": "user", "content": f"Ticket {n}?"}])
            for n in range(scene.world.tasks)
        )
        return cls(contenders, reviewers, tasks)

    def vote(self, votes: Sequence[Vote], now: datetime) -> None:
        """Each on newer answers to its task than anybody saw."""
        answers = Generation.objects.bulk_create(
            Generation(
                task=self.tasks[vote.task],
                contender=contender,
                take=vote.n // len(self.tasks) + 1,
                state=Generation.State.DONE,
                text=f"Answer {vote.n}, in other words.",
                finished_at=now,
            )
            for vote in votes
            for contender in self.contenders
        )
        battles = Battle.objects.bulk_create(
            Battle(task=lo.task, lo=lo, hi=hi) for lo, hi in zip(answers[::2], answers[1::2], strict=True)
        )
        ballots = Ballot.objects.bulk_create(
            Ballot(
                battle=battle,
                category=battle.task.category,
                reviewer=self.reviewers[vote.reviewer],
                left=("lo", "hi")[vote.left],
                reserved_until=now + RESERVED_FOR,
            )
            for vote, battle in zip(votes, battles, strict=True)
        )
        for vote, ballot in zip(votes, ballots, strict=True):
            cast_vote(ballot=ballot, choice=VERDICTS[vote.decision], reviewer=ballot.reviewer)
        for category in {ballot.category for ballot in ballots}:
            count_votes(category=category, now=now + hold())
