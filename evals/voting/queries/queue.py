"""What waits for one reviewer: their categories, how many battles are left, and how long that takes at their pace.

Nothing here counts all pairs. Of each category a few tasks are read, which says how many battles a task gives; that is
kept for a minute, for every reviewer. More than `MANY` is said as that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.core.cache import cache
from django.db.models import Count, F, Q, Sum, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evals.models import Ballot, Category, Generation, Reviewer, ReviewerVotes, Task
from evals.voting.queries.categories import neediest_first
from evals.voting.queries.pace import last_midnight, seconds_a_battle

__all__ = ["MANY", "Queue", "QueueLine", "queue"]

# More battles than this are not counted.
MANY = 200
# Ballots by which a reviewer's pace is measured, and the seconds a battle takes until there are enough.
_LAST, _ENOUGH, _USUAL_S = 50, 5, 35.0
# Tasks read of each category.
_TASKS = 32
_KEPT_S = 60
# Every state but that of a vote.
_OTHERS = tuple(state for state in Ballot.State.values if state != Ballot.State.VOTED)


@dataclass(frozen=True)
class QueueLine:
    """`left`: battles that wait, at most `MANY` + 1; `more` says that there are more than are told. `minutes` None
    where nothing waits."""

    slug: str
    name: str
    left: int
    more: bool
    estimated: bool
    today: int
    votes: int
    is_open: bool
    minutes: str | None

    @property
    def words(self) -> str:
        if not self.left:
            return _("nothing waits")
        if self.more:
            return _("more than %d battles") % MANY
        battles = ngettext("%d battle", "%d battles", self.left) % self.left
        return _("about %s") % battles if self.estimated else battles


@dataclass(frozen=True)
class Queue:
    """In the order in which to vote. `first` is the neediest with something to do. `pace_s`: seconds a battle takes
    this reviewer, or usually (`is_own` False)."""

    lines: tuple[QueueLine, ...]
    today: int
    pace_s: float
    is_own: bool

    @property
    def first(self) -> QueueLine | None:
        return next((line for line in self.lines if line.left), None)


def queue(reviewer: Reviewer) -> Queue:
    """Seven queries, and three more once a minute."""
    categories = neediest_first(reviewer)
    mine = _mine(reviewer)
    pace, is_own = _pace(reviewer)
    battles = _battles(categories)
    lines = tuple(_line(one, mine.get(one.pk, _Mine(0, 0, 0)), battles.get(one.pk), pace) for one in categories)
    # What has nothing left comes last.
    ordered = tuple(sorted(lines, key=lambda line: not line.left))
    return Queue(ordered, sum(one.today for one in mine.values()), pace, is_own)


@dataclass(frozen=True)
class _Mine:
    """A reviewer's ballots in a category: closed ever, voted today, open now."""

    closed: int
    today: int
    opened: int


@dataclass(frozen=True)
class _Battles:
    """Battles of the tasks that were read, and how many of the category's tasks those are."""

    found: int
    read: int
    tasks: int

    @property
    def all(self) -> int:
        return self.found if self.read >= self.tasks else round(self.found * self.tasks / self.read)


def _line(category: Category, mine: _Mine, battles: _Battles | None, pace: float) -> QueueLine:
    left = max(0, battles.all - mine.closed) if battles else 0
    # The last ones may have been withdrawn, or have equal answers; a ballot that is open is there.
    left = max(left, 1 if mine.opened else 0)
    more = left > MANY
    return QueueLine(
        slug=category.slug,
        name=category.name,
        left=min(left, MANY + 1),
        more=more,
        estimated=battles is not None and battles.read < battles.tasks,
        today=mine.today,
        votes=category.ledger.votes,
        is_open=bool(mine.opened),
        minutes=_time(min(left, MANY) * pace, more=more) if left else None,
    )


def _time(seconds: float, *, more: bool) -> str:
    minutes = max(1, round(seconds / 60))
    hours = round(minutes / 60)
    words = ngettext("%d minute", "%d minutes", minutes) % minutes
    if minutes >= 60:
        words = ngettext("%d hour", "%d hours", hours) % hours
    return _("more than %s") % words if more else _("about %s") % words


def _mine(reviewer: Reviewer) -> dict[int, _Mine]:
    """Ballots that became votes are counted already; the others, and today's, are few. Three queries."""
    counted = ReviewerVotes.objects.filter(reviewer=reviewer).order_by().values_list("category")
    closed = Counter(dict(counted.annotate(n=Sum("votes"))))
    ballots = Ballot.objects.filter(reviewer=reviewer).order_by().values_list("category")
    today = ballots.filter(
        state=Ballot.State.VOTED, category__in=Category.objects.all(), closed_at__gte=last_midnight()
    )
    voted = {
        category: (n, waiting)
        for category, n, waiting in today.annotate(
            n=Count("pk"), waiting=Count("pk", filter=Q(counted_at__isnull=True))
        )
    }
    is_open = Q(state=Ballot.State.OPEN)
    others = ballots.filter(state__in=_OTHERS).annotate(
        closed=Count("pk", filter=~is_open), opened=Count("pk", filter=is_open & Q(shown_at__isnull=False))
    )
    rest = {category: (n, shown) for category, n, shown in others}
    return {
        category: _Mine(
            closed[category] + voted.get(category, (0, 0))[1] + rest.get(category, (0, 0))[0],
            voted.get(category, (0, 0))[0],
            rest.get(category, (0, 0))[1],
        )
        for category in closed.keys() | voted.keys() | rest.keys()
    }


def _pace(reviewer: Reviewer) -> tuple[float, bool]:
    """The reviewer's own, or what is usual."""
    own = seconds_a_battle(reviewer, last=_LAST, least=_ENOUGH)
    return (_USUAL_S, False) if own is None else (max(own, 1.0), True)


def _battles(categories: Sequence[Category]) -> dict[int, _Battles]:
    """By category; those without a battle are missing."""
    # The time of creation distinguishes the categories of two databases.
    keys = {one.pk: f"queue:{one.pk}:{one.created_at.timestamp()}" for one in categories}
    kept = cache.get_many(keys.values())
    found = {pk: kept[key] for pk, key in keys.items() if key in kept}
    unread = [pk for pk in keys if pk not in found]
    if unread:
        read = _read(unread)
        # A category without battles is looked at again: its first answers may come at any moment.
        cache.set_many({keys[pk]: one for pk, one in read.items()}, _KEPT_S)
        found |= read
    return found


def _read(categories: Sequence[int]) -> Mapping[int, _Battles]:
    place = Window(RowNumber(), partition_by=F("category"), order_by=F("pk").asc())
    tasks = Task.objects.filter(category__in=categories).annotate(place=place)
    # Named one by one: with a subquery in its place SQLite begins with every answer there is.
    chosen = list(tasks.filter(place__lte=_TASKS).order_by().values_list("pk", flat=True))
    answered = Generation.objects.filter(
        task__in=chosen, state=Generation.State.DONE, quarantine="", contender__retired_at__isnull=True
    )
    rows = answered.order_by().values_list("task__category", "task").annotate(n=Count("contender", distinct=True))
    pairs: dict[int, int] = {}
    for category, _task, n in rows:
        pairs[category] = pairs.get(category, 0) + n * (n - 1) // 2
    sizes = dict(
        Task.objects.filter(category__in=categories).order_by().values_list("category").annotate(n=Count("pk"))
    )
    return {
        category: _Battles(found, min(_TASKS, sizes[category]), sizes[category])
        for category, found in pairs.items()
        if found
    }
