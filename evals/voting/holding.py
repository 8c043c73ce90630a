"""Held votes: cast, and not yet counted. And those that are counted, which are final."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from evals.models import Ballot, Category

__all__ = ["can_be_undone", "counted", "held", "hold"]


def hold() -> timedelta:
    """For how long a vote can be undone, and does not count yet."""
    return timedelta(seconds=settings.ARENA_VOTE_HOLD_S)


def held(category: Category | None = None) -> Q:
    """Ballots with a vote that does not count yet."""
    votes = Q(state=Ballot.State.VOTED, counted_at__isnull=True)
    return votes if category is None else votes & Q(category=category)


def counted() -> Q:
    """Ballots with a vote that counts."""
    return Q(state=Ballot.State.VOTED, counted_at__isnull=False)


def can_be_undone(ballot: Ballot) -> bool:
    """A skip can always be undone, a vote while it is held, a report never."""
    if ballot.state == Ballot.State.VOTED:
        return ballot.counted_at is None and ballot.closed_at is not None and timezone.now() - ballot.closed_at < hold()
    return ballot.state == Ballot.State.SKIPPED
