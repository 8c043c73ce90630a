"""When a reviewer's day begins, and how long a battle takes them."""

from __future__ import annotations

from datetime import datetime
from statistics import median

from django.utils import timezone

from evals.models import Ballot, Reviewer

__all__ = ["last_midnight", "seconds_a_battle"]

# A battle left open over lunch says nothing about the pace.
_LONGEST_S = 600.0


def last_midnight() -> datetime:
    """In the server's time zone."""
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def seconds_a_battle(reviewer: Reviewer, *, last: int, least: int = 1, until: datetime | None = None) -> float | None:
    """The median over the `last` ballots that the reviewer voted on (before `until`); None with fewer than `least`. One
    query."""
    voted = Ballot.objects.filter(reviewer=reviewer, state=Ballot.State.VOTED, shown_at__isnull=False)
    if until is not None:
        voted = voted.filter(closed_at__lt=until)
    times = voted.order_by("-closed_at").values_list("shown_at", "closed_at")[:last]
    took = [min((closed - shown).total_seconds(), _LONGEST_S) for shown, closed in times if shown and closed]
    return median(took) if len(took) >= least else None
