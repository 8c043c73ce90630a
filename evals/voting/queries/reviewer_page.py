"""One reviewer: what they voted, how, and what they said. For editors in full; for the reviewer themselves up to the
last midnight, so that it does not tell how others judged the battle just voted on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from evals.models import Ballot, Category, Reason, Reviewer
from evals.ratings.agreement import Alpha
from evals.ratings.health import Finding, side_preference
from evals.voting.holding import counted
from evals.voting.queries.agreement import LAST, agreement_with_others, speeds
from evals.voting.queries.gold import gold_findings
from evals.voting.queries.pace import last_midnight, newest_voted, seconds_a_battle
from evals.voting.queries.reviewers import ReviewerRow, VotesCast, reviewer_row, votes_by_category, votes_cast

__all__ = ["Comment", "Figures", "ReviewerPage", "own_figures", "reviewer_page"]

_COMMENTS = 50
# Votes, newest first, whose reasons are counted and among which comments are looked for.
_NEWEST = 2000


@dataclass(frozen=True)
class Comment:
    battle: int
    category: str
    at: datetime
    text: str


@dataclass(frozen=True)
class Figures:
    """Of a reviewer's votes (before a moment). `seconds`: the median time a battle takes them. `reasons` and `skips`:
    words and how often; `categories`: names and votes."""

    cast: VotesCast
    agreement: Alpha
    gold: Finding
    side: Finding
    speed: Finding
    seconds: float | None
    categories: tuple[tuple[str, int], ...]
    reasons: tuple[tuple[str, int], ...]
    skips: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class ReviewerPage:
    """`row` as in the list of reviewers."""

    row: ReviewerRow
    figures: Figures
    comments: tuple[Comment, ...]


def reviewer_page(reviewer: Reviewer) -> ReviewerPage:
    """Some thirty queries, however many votes there are."""
    return ReviewerPage(reviewer_row(reviewer), _figures(reviewer, None), _comments(reviewer, None))


def own_figures(reviewer: Reviewer) -> tuple[Figures, tuple[Comment, ...]]:
    """For the reviewer's own page, of what they voted before the last midnight."""
    until = last_midnight()
    return _figures(reviewer, until), _comments(reviewer, until)


def _figures(reviewer: Reviewer, until: datetime | None) -> Figures:
    cast = votes_cast([reviewer], until=until).get(reviewer.pk, VotesCast())
    nothing = Finding("unknown", 0)
    return Figures(
        cast=cast,
        agreement=agreement_with_others(reviewer, until=until),
        gold=gold_findings([reviewer], until=until).get(reviewer.pk, nothing),
        side=side_preference(cast.left_won, cast.right_won),
        speed=speeds([reviewer], until=until).get(reviewer.pk, nothing),
        seconds=seconds_a_battle(reviewer, last=LAST, until=until),
        categories=_categories(reviewer, until),
        reasons=_reasons(reviewer, until),
        skips=_skips(reviewer, until),
    )


def _categories(reviewer: Reviewer, until: datetime | None) -> tuple[tuple[str, int], ...]:
    """By votes, most first."""
    counts = votes_by_category(reviewer, until=until)
    names = Category.objects.filter(pk__in=counts).values_list("pk", "name")
    return tuple(sorted(((name, counts[pk]) for pk, name in names), key=lambda one: (-one[1], one[0])))


def _reasons(reviewer: Reviewer, until: datetime | None) -> tuple[tuple[str, int], ...]:
    """Most used first; the same word of two categories is one."""
    given = newest_voted(reviewer, _NEWEST, until=until).filter(counted())
    lists = given.exclude(reasons=[]).order_by("-closed_at").values_list("reasons", flat=True)[:_NEWEST]
    times = Counter(pk for reasons in lists for pk in reasons)
    labels = dict(Reason.objects.filter(pk__in=times).values_list("pk", "label"))
    words: Counter[str] = Counter()
    for pk, n in times.items():
        if pk in labels:
            words[labels[pk]] += n
    return tuple(sorted(words.items(), key=lambda one: (-one[1], one[0])))


def _skips(reviewer: Reviewer, until: datetime | None) -> tuple[tuple[str, int], ...]:
    skipped = Ballot.objects.filter(reviewer=reviewer, state=Ballot.State.SKIPPED)
    if until is not None:
        skipped = skipped.filter(closed_at__lt=until)
    rows = skipped.order_by().values_list("skip_reason").annotate(n=Count("pk"))
    named = [(Ballot.SkipReason(reason).label if reason else "no reason given", n) for reason, n in rows]
    return tuple(sorted(named, key=lambda one: (-one[1], one[0])))


def _comments(reviewer: Reviewer, until: datetime | None) -> tuple[Comment, ...]:
    """Newest first; of votes that count by now."""
    said = newest_voted(reviewer, _NEWEST, until=until).filter(counted())
    rows = (
        said.exclude(comment="").order_by("-closed_at").values_list("battle", "category__name", "closed_at", "comment")
    )
    return tuple(Comment(battle, category, at, text) for battle, category, at, text in rows[:_COMMENTS] if at)
