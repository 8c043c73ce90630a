"""An earlier leaderboard, as it was: what a decision or a table names rests on it."""

from __future__ import annotations

from evals.models import Leaderboard
from evals.selectors.leaderboards import LeaderboardView, view

__all__ = ["leaderboard_at"]


def leaderboard_at(category_slug: str, *, seq: int, revision: int | None = None) -> LeaderboardView | None:
    """Of the votes up to `seq`, as they counted at `revision`, else as they counted last. One query."""
    found = Leaderboard.objects.select_related("category__ledger").filter(category__slug=category_slug, seq=seq)
    if revision is not None:
        found = found.filter(revision=revision)
    stored = found.order_by("-revision", "-pk").first()
    return view(stored) if stored else None
