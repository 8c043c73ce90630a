"""One leaderboard as it was, and what was decided on it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from arena.access.roles import role_required
from arena.models import Role
from evals.models import Category
from evals.selectors.contenders import contender_cards
from evals.selectors.leaderboard_at import leaderboard_at
from evals.selectors.leaderboards import newest_ids
from evals.views.leaderboard_parts import Audience, ratings_table

__all__ = ["leaderboard_then"]


@require_safe
@role_required(Role.VIEWER)
def leaderboard_then(request: HttpRequest, category: str, seq: int, revision: int | None = None) -> HttpResponse:
    """Retired contenders stand in it as they did then. What runs measured is in the table that rests on it."""
    found = get_object_or_404(Category, slug=category)
    board = leaderboard_at(found.slug, seq=seq, revision=revision)
    if board is None:
        raise Http404(f"{found.name} has no leaderboard at vote {seq}.")
    audience: Audience = "people" if board.speaks_for == "people" else "panel"
    slugs = tuple(str(rating.contender) for rating in board.ratings)
    context = {
        "category": found,
        "board": board,
        "audience": audience,
        "table": ratings_table(board, audience=audience, evidence={}, cards=contender_cards(slugs=slugs)),
        "is_newest": newest_ids().get(found.slug) == board.id,
    }
    return render(request, "evals/leaderboard_at.html", context)
