"""The state of the loop, for the first page: counts of everything that leads to a table."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Sum

from arena.ui.wording import describe_votes
from evals.catalog.queries.contenders import askable_contenders
from evals.collection.quarantine.queries import open_cases
from evals.collection.queries.runs import RunLine, run_list
from evals.leaderboards.queries import CategoryState, category_states
from evals.models import AnswerCount, Contender, Run, TaskSet
from evals.voting.queries.blinding import NOTHING_HIDDEN, Blinding
from evals.voting.queries.reviewers import Excluded, excluded_votes

__all__ = ["Overview", "overview"]


@dataclass(frozen=True, eq=False)
class Overview:
    """`contenders` counts those that are not retired, `askable` the ones of them that a run can ask; `writers` those
    whose answers there are, retired ones too. `run` is the one that is collecting, or the newest. `open` categories
    have battles to vote on. `quarantined` answers wait for a decision; counted up to 1,000."""

    task_sets: int
    contenders: int
    askable: int
    answers: int
    writers: int
    quarantined: int
    states: tuple[CategoryState, ...]
    run: RunLine | None
    excluded: Excluded

    @property
    def votes(self) -> int:
        return sum(state.votes for state in self.states)

    @property
    def votes_words(self) -> str:
        return describe_votes(self.votes, sum(state.compared for state in self.states))

    @property
    def open(self) -> tuple[CategoryState, ...]:
        return tuple(state for state in self.states if state.ready)

    @property
    def ranked(self) -> int:
        """Categories with votes, which have a leaderboard or soon will."""
        return sum(1 for state in self.states if state.votes)

    @property
    def collecting(self) -> bool:
        return self.run is not None and self.run.state == Run.State.COLLECTING


def overview(blinding: Blinding = NOTHING_HIDDEN) -> Overview:
    """As somebody may see it. A dozen small queries."""
    runs = run_list(limit=20)
    written = AnswerCount.objects.order_by().values_list("contender").annotate(done=Sum("done"))
    answers = [done for _, done in written if done]
    active = (run for run in runs if run.state == Run.State.COLLECTING)
    return Overview(
        task_sets=TaskSet.objects.count(),
        contenders=Contender.objects.filter(retired_at=None).count(),
        askable=askable_contenders().count(),
        answers=sum(answers),
        writers=len(answers),
        quarantined=open_cases(),
        states=tuple(category_states(blinding)),
        run=next(active, runs[0] if runs else None),
        excluded=excluded_votes(),
    )
