"""How far each category is: what is there to vote on, what was voted, what it says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count

from evals.models import Category, Generation, ReviewerTally, Task
from evals.selectors.leaderboards import LeaderboardView, all_latest, latest
from evals.selectors.tallies import VOTES

__all__ = ["CategoryState", "category_states", "state_of"]


@dataclass(frozen=True, eq=False)
class CategoryState:
    """`ready` tasks have finished answers by at least two contenders: something to vote on. `board` is None before
    the first ranking; `votes` are those that count, ranked or not yet."""

    slug: str
    name: str
    tasks: int
    ready: int
    contenders: int
    votes: int
    board: LeaderboardView | None

    @property
    def names(self) -> tuple[str, ...]:
        """The contenders of its leaderboard, best first."""
        return tuple(str(rating.contender) for rating in self.board.ratings) if self.board else ()


def category_states() -> list[CategoryState]:
    """Of every category that is not retired, by name. Six queries."""
    categories = list(Category.objects.filter(retired_at=None).order_by("name"))
    return _states(categories, {board.category: board for board in all_latest()})


def state_of(category: Category) -> CategoryState:
    board = latest(category.slug)
    return _states([category], {category.slug: board} if board else {})[0]


def _states(categories: list[Category], boards: dict[str, LeaderboardView]) -> list[CategoryState]:
    ids = [category.pk for category in categories]
    tasks = dict(Task.objects.filter(category__in=ids).values_list("category").annotate(n=Count("pk")).order_by())
    ready = _ready(ids)
    tallies = ReviewerTally.objects.filter(category__in=ids)
    votes = dict(tallies.values_list("category").annotate(n=VOTES).order_by())
    asked = dict(
        Generation.objects.filter(task__category__in=ids, state=Generation.State.DONE)
        .values_list("task__category")
        .annotate(n=Count("contender", distinct=True))
        .order_by()
    )
    return [
        CategoryState(
            slug=category.slug,
            name=category.name,
            tasks=tasks.get(category.pk, 0),
            ready=ready.get(category.pk, 0),
            contenders=asked.get(category.pk, 0),
            votes=votes.get(category.pk, 0),
            board=boards.get(category.slug),
        )
        for category in categories
    ]


def _ready(categories: Iterable[int]) -> dict[int, int]:
    """Tasks to vote on, by category; categories without any are not in it."""
    finished = Generation.objects.filter(state=Generation.State.DONE, contender__retired_at=None)
    compared = (
        finished.filter(task__category__in=list(categories))
        .values("task")
        .annotate(answers=Count("contender", distinct=True))
        .filter(answers__gte=2)
        .order_by()
    )
    counts = Task.objects.filter(pk__in=compared.values("task")).values_list("category").annotate(n=Count("pk"))
    return dict(counts.order_by())
