"""Progress of categories: what there is to vote on, and the votes so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum

from arena.ui.wording import describe_votes
from evals.models import AnswerCount, Ballot, Category, Generation, Ledger, Reviewer, Task
from evals.voting.holding import held

__all__ = ["CategoryProgress", "category_progress", "may_vote_in", "neediest_first", "open_categories", "progress_in"]


@dataclass(frozen=True, eq=False)
class CategoryProgress:
    """`ready` tasks have finished answers by at least two contenders, so they can be voted on. `votes` are those that
    count, ranked or not, and `compared` those of them that compare two answers."""

    slug: str
    name: str
    tasks: int
    ready: int
    contenders: int
    votes: int
    compared: int

    @property
    def votes_words(self) -> str:
        return describe_votes(self.votes, self.compared)


def open_categories(reviewer: Reviewer) -> QuerySet[Category]:
    """Those the reviewer may vote in: not retired, and without groups or with one they belong to."""
    assigned = Q(groups__isnull=True) | Q(groups__reviewers=reviewer)
    return Category.objects.filter(assigned, retired_at__isnull=True).distinct()


def neediest_first(reviewer: Reviewer) -> list[Category]:
    """Categories to offer a reviewer: first those with a ballot they left open, then those with the fewest votes that
    compare, held ones included. Three queries."""
    left_open = set(
        Ballot.objects.filter(reviewer=reviewer, state=Ballot.State.OPEN).values_list("category_id", flat=True)
    )
    comparing = Ballot.objects.filter(held()).exclude(choice=Ballot.Choice.BOTH_BAD)
    waiting = dict(comparing.order_by().values_list("category").annotate(n=Count("pk")))
    categories = open_categories(reviewer).select_related("ledger")

    def need(one: Category) -> tuple[bool, int, str, int]:
        return one.pk not in left_open, one.ledger.comparing + waiting.get(one.pk, 0), one.name, one.pk

    return sorted(categories, key=need)


def may_vote_in(category: Category, reviewer: Reviewer) -> bool:
    return open_categories(reviewer).filter(pk=category.pk).exists()


def category_progress(reviewer: Reviewer | None = None) -> list[CategoryProgress]:
    """Of every category that is not retired, or of those open to the reviewer, by name. Five queries."""
    categories = Category.objects.filter(retired_at=None) if reviewer is None else open_categories(reviewer)
    return _progress(list(categories.order_by("name")))


def progress_in(category: Category) -> CategoryProgress:
    return _progress([category])[0]


def _progress(categories: Sequence[Category]) -> list[CategoryProgress]:
    ids = [category.pk for category in categories]
    tasks = dict(Task.objects.filter(category__in=ids).values_list("category").annotate(n=Count("pk")).order_by())
    ready = _ready(ids)
    counts = Ledger.objects.filter(category__in=ids).values_list("category_id", "votes", "comparing")
    votes = {pk: (cast, compared) for pk, cast, compared in counts}
    answered = AnswerCount.objects.filter(category__in=ids).order_by().values_list("category", "contender")
    contenders = Counter(pk for pk, _, done in answered.annotate(n=Sum("done")) if done)
    return [
        CategoryProgress(
            slug=category.slug,
            name=category.name,
            tasks=tasks.get(category.pk, 0),
            ready=ready.get(category.pk, 0),
            contenders=contenders[category.pk],
            votes=votes.get(category.pk, (0, 0))[0],
            compared=votes.get(category.pk, (0, 0))[1],
        )
        for category in categories
    ]


def _ready(categories: Iterable[int]) -> dict[int, int]:
    """Tasks to vote on, by category; categories without any are missing. Of each task two answers are looked for, not
    all counted."""
    finished = Generation.objects.filter(state=Generation.State.DONE, contender__retired_at=None).order_by()
    other = finished.filter(task=OuterRef("task"), contender__gt=OuterRef("contender"))
    compared = Exists(finished.filter(Exists(other), task=OuterRef("pk")))
    counts = Task.objects.filter(compared, category__in=list(categories)).values_list("category")
    return dict(counts.annotate(n=Count("pk")).order_by())
