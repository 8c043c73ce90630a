"""Judged battles, newest vote first, by filters. Votes of a file are among them once all of it is stored.

No page scans all votes. What has an index (a pair of contenders, a category, the newest votes of all) is walked newest
first, and at most `MOST_SEARCHED` votes are held against the other filters. `Found.next` then continues the search.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q, QuerySet
from django.db.models.functions import Greatest, Least

from arena.ui.markup import first_line
from evals.catalog.conversations import prompt_text
from evals.models import Category, Contender, Reason, Reviewer, Task, Vote
from evals.models.votes import Outcome, TaskTally
from evals.voting.importing import votes_being_imported

__all__ = [
    "MOST_SEARCHED",
    "Filters",
    "Found",
    "JudgedVote",
    "Verdict",
    "matching",
    "search_battles",
]

# Votes held against the filters for one page.
MOST_SEARCHED = 20_000

Verdict = Literal["", "a", "b", "decided", "tie", "both_bad"]


@dataclass(frozen=True)
class Filters:
    """`b` needs `a`, and so do the verdicts `a` (a is better) and `b` (the other one is). Without a `category`, the
    dimensions of rubrics are left out. `hidden` are slugs of categories that the reader must not see."""

    category: Category | None = None
    a: Contender | None = None
    b: Contender | None = None
    verdict: Verdict = ""
    reviewer: Reviewer | None = None
    disagreement: bool = False
    reason: Reason | None = None
    hidden: Collection[str] = ()
    without_excluded: bool = False


@dataclass(frozen=True)
class JudgedVote:
    """One vote that stands. `battle` is None for an imported vote, which has none. `better` is empty where neither is;
    `verdict` says it in words. `disputed`: votes on this task and pair differ."""

    id: int
    category: str
    category_name: str
    task: int
    gist: str
    a: str
    b: str
    better: str
    verdict: str
    reviewer: int
    reviewer_name: str
    excluded: bool
    battle: int | None
    disputed: bool
    reasons: tuple[str, ...]
    commented: bool
    at: datetime


@dataclass(frozen=True)
class Found:
    """`next` is the cursor of what follows, None at the end. `searched` is set where the search stopped before the page
    was full, and says after how many votes."""

    rows: tuple[JudgedVote, ...]
    next: int | None
    searched: int | None = None


class _ListHas(Func):
    """Whether a JSON list of numbers holds one. SQLite and PostgreSQL."""

    output_field = BooleanField()

    def __init__(self, expression: Any, number: int) -> None:
        super().__init__(expression)
        self.number = int(number)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        rows = "SELECT 1 FROM json_each(%(expressions)s)"
        template = f"EXISTS ({rows} WHERE json_each.value = {self.number})"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = f"(%(expressions)s @> '[{self.number}]'::jsonb)"
        return self.as_sql(compiler, connection, template=template, **context)


_TOTAL = F("lo_wins") + F("hi_wins") + F("ties") + F("both_bad")
_DISPUTED = Exists(
    TaskTally.objects.filter(
        category=OuterRef("category"),
        task=OuterRef("task"),
        lo=Least(OuterRef("lo"), OuterRef("hi")),
        hi=Greatest(OuterRef("lo"), OuterRef("hi")),
    )
    .annotate(most=Greatest("lo_wins", "hi_wins", "ties", "both_bad"), total=_TOTAL)
    .filter(total__gt=F("most"))
)


def matching(filters: Filters) -> QuerySet[Vote]:
    """Votes that stand and pass the filters, in no order, with no bound on what is searched: for exports."""
    return _narrowed(_of_categories(Vote.objects.all(), filters), filters)


def _of_categories(votes: QuerySet[Vote], filters: Filters) -> QuerySet[Vote]:
    if filters.category is not None:
        return votes.none() if filters.category.slug in filters.hidden else votes.filter(category=filters.category)
    # By exclusion: a list of the categories shown would make SQLite sort all their votes instead of walking the newest.
    kept_out = Category.with_dimensions.exclude(pk__in=Category.objects.exclude(slug__in=filters.hidden).values("pk"))
    return votes.exclude(category__in=list(kept_out.values_list("pk", flat=True)))


def _narrowed(votes: QuerySet[Vote], filters: Filters) -> QuerySet[Vote]:
    votes = votes.filter(outcome__isnull=False, superseded_by__isnull=True)
    if under_way := votes_being_imported():
        votes = votes.exclude(vote_import__in=under_way)
    a, b = filters.a, filters.b
    if a is not None and b is not None:
        votes = votes.filter(Q(lo=a, hi=b) | Q(lo=b, hi=a))
    elif a is not None:
        votes = votes.filter(Q(lo=a) | Q(hi=a))
    match filters.verdict:
        case "a":
            votes = votes.filter(Q(lo=a, outcome=Outcome.LO) | Q(hi=a, outcome=Outcome.HI))
        case "b":
            votes = votes.filter(Q(lo=a, outcome=Outcome.HI) | Q(hi=a, outcome=Outcome.LO))
        case "decided":
            votes = votes.filter(outcome__in=(Outcome.LO, Outcome.HI))
        case "tie" | "both_bad":
            votes = votes.filter(outcome=filters.verdict)
    if filters.reviewer is not None:
        votes = votes.filter(reviewer=filters.reviewer)
    if filters.without_excluded:
        votes = votes.filter(reviewer__excluded_at__isnull=True)
    if filters.reason is not None:
        votes = votes.filter(ballot__isnull=False).filter(_ListHas("ballot__reasons", filters.reason.pk))
    if filters.disagreement:
        votes = votes.filter(_DISPUTED)
    return votes


def search_battles(filters: Filters, *, limit: int, before: int | None = None) -> Found:
    """A page of votes, newest first; `before` is the id of a vote. At most ten queries."""
    ids, bound = _ids(filters, limit + 1, before)
    if len(ids) > limit:
        return Found(_rows(ids[:limit], filters), ids[limit - 1])
    if bound is None:
        return Found(_rows(ids, filters), None)
    return Found(_rows(ids, filters), bound, MOST_SEARCHED)


def _ids(filters: Filters, limit: int, before: int | None) -> tuple[list[int], int | None]:
    """Newest first, and where the search stopped; None: it reached the end."""
    older = Vote.objects.all() if before is None else Vote.objects.filter(pk__lt=before)
    a, b = filters.a, filters.b
    if a is not None and b is not None:
        return _of_both_orders([older.filter(lo=a, hi=b), older.filter(lo=b, hi=a)], filters, limit)
    if filters.reviewer is not None:
        theirs = older.filter(reviewer=filters.reviewer)
        if theirs.order_by()[: MOST_SEARCHED + 1].count() <= MOST_SEARCHED:
            # Sorted by no index, or all votes would be walked for those of somebody who voted long ago.
            found = _narrowed(_of_categories(theirs, filters), filters).order_by((F("pk") + 0).desc())
            return list(found.values_list("pk", flat=True)[:limit]), None
    if filters.category is not None and filters.category.slug not in filters.hidden:
        return _of_category(filters.category, filters, limit, before)
    return _walked(older, filters, limit)


def _of_both_orders(orders: list[QuerySet[Vote]], filters: Filters, limit: int) -> tuple[list[int], int | None]:
    """A battle's order is that of its generations, so each of the two may be `lo`."""
    found: list[int] = []
    bounds = []
    for votes in orders:
        some, bound = _walked(votes, filters, limit)
        found += some
        bounds += [] if bound is None else [bound]
    found.sort(reverse=True)
    if not bounds:
        return found[:limit], None
    # Beyond where either search stopped, rows may be missing.
    bound = max(bounds)
    return [pk for pk in found if pk >= bound][:limit], bound


def _walked(votes: QuerySet[Vote], filters: Filters, limit: int) -> tuple[list[int], int | None]:
    """By an index that ends with the id."""
    bound = votes.order_by("-pk").values_list("pk", flat=True)[MOST_SEARCHED - 1 : MOST_SEARCHED].first()
    if bound is not None:
        votes = votes.filter(pk__gte=bound)
    found = _narrowed(_of_categories(votes, filters), filters).order_by("-pk")
    return list(found.values_list("pk", flat=True)[:limit]), bound


def _of_category(category: Category, filters: Filters, limit: int, before: int | None) -> tuple[list[int], int | None]:
    """By the ledger's numbers, which are gapless and in the order of ids."""
    votes = Vote.objects.filter(category=category)
    last = votes.order_by("-seq").values_list("seq", flat=True)
    if before is not None:
        last = votes.filter(pk=before).values_list("seq", flat=True)
    seq = last.first()
    if seq is None:
        return [], None
    end = seq if before is not None else seq + 1
    start = max(end - MOST_SEARCHED, 0)
    found = _narrowed(votes.filter(seq__lt=end, seq__gte=start), filters).order_by("-seq")
    ids = list(found.values_list("pk", flat=True)[:limit])
    if start <= 1 or len(ids) == limit:
        return ids, None
    return ids, votes.filter(seq=start).values_list("pk", flat=True).first()


_COLUMNS = (
    "pk",
    "category_id",
    "task_id",
    "lo__slug",
    "hi__slug",
    "outcome",
    "reviewer_id",
    "reviewer__name",
    "reviewer__excluded_at",
    "ballot__battle_id",
    "ballot__reasons",
    "ballot__comment",
    "cast_at",
)
_WORDS = {"tie": "equally good", "both_bad": "both bad"}


def _rows(ids: list[int], filters: Filters) -> tuple[JudgedVote, ...]:
    rows = Vote.objects.filter(pk__in=ids).annotate(disputed=_DISPUTED).values_list(*_COLUMNS, "disputed")
    found = {row[0]: row for row in rows}
    categories = {
        pk: (slug, name)
        for pk, slug, name in Category.with_dimensions.filter(pk__in={row[1] for row in found.values()}).values_list(
            "pk", "slug", "name"
        )
    }
    gists = _gists({row[2] for row in found.values()})
    reasons = _labels(row[10] for row in found.values())
    first = filters.a.slug if filters.a else None
    return tuple(_row(found[pk], categories, gists, reasons, first) for pk in ids if pk in found)


def _row(
    row: Any,
    categories: Mapping[int, tuple[str, str]],
    gists: Mapping[int, str],
    reasons: Mapping[int, str],
    first: str | None,
) -> JudgedVote:
    pk, category, task, lo, hi, outcome, reviewer, name, excluded, battle, given, comment, at, disputed = row
    better = {"lo": lo, "hi": hi}.get(outcome, "")
    a, b = (hi, lo) if first == hi else (lo, hi)
    slug, category_name = categories[category]
    return JudgedVote(
        id=pk,
        category=slug,
        category_name=category_name,
        task=task,
        gist=gists.get(task) or f"task {task}",
        a=a,
        b=b,
        better=better,
        verdict=f"{better} is better" if better else _WORDS[outcome],
        reviewer=reviewer,
        reviewer_name=name,
        excluded=excluded is not None,
        battle=battle,
        disputed=disputed,
        reasons=tuple(reasons[one] for one in given or () if one in reasons),
        commented=bool(comment),
        at=at,
    )


def _gists(tasks: Collection[int]) -> dict[int, str]:
    rows = Task.objects.filter(pk__in=tasks).values_list("pk", "messages")
    return {pk: first_line(prompt_text(messages)) if messages else "" for pk, messages in rows}


def _labels(given: Iterable[Any]) -> dict[int, str]:
    ids = {pk for one in given for pk in one or ()}
    return dict(Reason.objects.filter(pk__in=ids).values_list("pk", "label")) if ids else {}
