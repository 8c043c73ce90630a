"""When a reviewer's day begins, and how long a battle takes them."""

from __future__ import annotations

from datetime import datetime
from statistics import median

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from evals.models import Ballot, Category, Reviewer

__all__ = ["last_midnight", "newest_voted", "seconds_a_battle"]

# A battle left open over lunch says nothing about the pace.
_LONGEST_S = 600.0


def last_midnight() -> datetime:
    """In the server's time zone."""
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def newest_voted(reviewer: Reviewer, n: int, *, until: datetime | None = None) -> QuerySet[Ballot]:
    """The reviewer's ballots with a vote (before `until`) among which their `n` newest ones are: no more than `n` of
    each category. Found in the index of each category, not among all there are. One query of its own."""
    voted = Ballot.objects.filter(reviewer=reviewer, state=Ballot.State.VOTED)
    if until is not None:
        voted = voted.filter(closed_at__lt=until)
    oldest = voted.filter(category=OuterRef("pk")).order_by("-closed_at").values("closed_at")[n - 1 : n]
    categories = list(Category.objects.order_by().values_list("pk", Subquery(oldest)))
    since = [at for _, at in categories if at is not None]
    newest = voted.filter(category__in=[pk for pk, _ in categories])
    return newest.filter(closed_at__gte=max(since)) if since else newest


def seconds_a_battle(reviewer: Reviewer, *, last: int, least: int = 1, until: datetime | None = None) -> float | None:
    """The median over the `last` ballots that the reviewer voted on (before `until`); None with fewer than `least`. Two
    queries."""
    voted = newest_voted(reviewer, last, until=until).filter(shown_at__isnull=False)
    times = voted.order_by("-closed_at").values_list("shown_at", "closed_at")[:last]
    took = [min((closed - shown).total_seconds(), _LONGEST_S) for shown, closed in times if shown and closed]
    return median(took) if len(took) >= least else None
