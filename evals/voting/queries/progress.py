"""How far votes have come: the reviewer's today, and the category's. Counts alone: whatever depended on who won would
tell a reviewer whose answer was whose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _

from arena.statements import Statement
from arena.ui.charts import Bar, Segment, bar, tick_row
from evals.models import Ballot, Category, Ledger, Reviewer
from evals.voting.holding import held
from evals.voting.queries.pace import last_midnight

__all__ = ["Progress", "progress"]

# One row of ticks. After it the next row begins: reviewers are not asked to stop.
TICKS = 40
# Marks on the way: with fewer votes than the first a ranking is rough. How many a decision takes depends on the votes
# themselves, so it is not a reviewer's to know.
STEPS = (30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)


@dataclass(frozen=True)
class Progress:
    """The reviewer's votes today in this category, and the category's votes that compare two answers, held ones
    included, on their way to the next mark (`step`; 0 after the last); `rough` before the first. `both_bad` votes come
    on top."""

    today: int
    goal: int
    today_label: str
    ticks: tuple[Segment, ...]
    votes: int
    both_bad: int
    step: int
    rough: bool
    bar: Bar


def _counts(category: Any, reviewer: Any, midnight: Any) -> QuerySet[Ledger, tuple[Any, ...]]:
    mine = Ballot.objects.filter(reviewer=reviewer, state=Ballot.State.VOTED, category=OuterRef("category"))
    today = mine.filter(closed_at__gte=midnight).order_by().values("category").annotate(n=Count("pk")).values("n")
    waiting = Ballot.objects.filter(held(), category=OuterRef("category")).order_by().values("category")
    bad = waiting.filter(choice=Ballot.Choice.BOTH_BAD)
    return (
        Ledger.objects.filter(category=category)
        .order_by()
        .annotate(
            today=Subquery(today),
            held=Subquery(waiting.annotate(n=Count("pk")).values("n")),
            held_bad=Subquery(bad.annotate(n=Count("pk")).values("n")),
        )
        .values_list("votes", "comparing", "held", "held_bad", "today")
    )


_COUNTS = Statement(_counts)


def progress(category: Category, reviewer: Reviewer | None = None) -> Progress:
    """One query."""
    nobody = 0
    rows = _COUNTS.rows(
        category=category.pk, reviewer=reviewer.pk if reviewer is not None else nobody, midnight=last_midnight()
    )
    counts = next(iter(rows), (0, 0, 0, 0, 0))
    votes, comparing, held_votes, held_bad, voted_today = (n or 0 for n in counts)
    return _progress(comparing + held_votes - held_bad, votes - comparing + held_bad, voted_today)


def _progress(votes: int, both_bad: int, today: int) -> Progress:
    step = next((step for step in STEPS if step > votes), 0)
    rough = votes < STEPS[0]
    full = TICKS * (max(today - 1, 0) // TICKS)
    shown = {"votes": f"{votes:,}", "step": f"{step:,}"}
    label = (_("%(votes)s of %(step)s votes") if step else _("%(votes)s votes")) % shown
    if both_bad:
        label += f", {both_bad:,} {_('both bad')}"
    return Progress(
        today=today,
        goal=full + TICKS,
        today_label=_("%(votes)d of %(goal)d today") % {"votes": today, "goal": full + TICKS},
        ticks=tick_row(today - full, TICKS),
        votes=votes,
        both_bad=both_bad,
        step=step,
        rough=rough,
        bar=bar([("ink", votes)], max(step, votes), label),
    )
