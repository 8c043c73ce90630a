"""Leaderboards: all of them, and one category's in full."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from arena.access.roles import role_required
from arena.models import Role
from evals.models import Category
from evals.selectors.agreement import panel_agreement, sides_in
from evals.selectors.category_state import category_states, state_of
from evals.selectors.contenders import contender_cards
from evals.selectors.evidence import recent_evidence
from evals.selectors.leaderboards import LeaderboardView, latest
from evals.selectors.reviewers import voters_in
from evals.views.leaderboard_parts import HEAT_LIMIT, Audience, cost_plot, heat_map, ratings_table
from evals.views.leaderboard_trust import contest, panel

__all__ = ["leaderboard", "leaderboard_list"]


@require_safe
@role_required(Role.VIEWER)
def leaderboard_list(request: HttpRequest) -> HttpResponse:
    return render(request, "evals/leaderboards.html", {"states": category_states()})


@require_safe
@role_required(Role.VIEWER)
def leaderboard(request: HttpRequest, category: str) -> HttpResponse:
    """`?for=people` shows the figures for people like these reviewers, `?for=panel` for these; without it,
    whom the category speaks for."""
    found = get_object_or_404(Category, slug=category)
    board = latest(found.slug)
    if board is None or not board.ratings:
        return render(request, "evals/leaderboard_empty.html", {"category": found, "state": state_of(found)})
    audience = _audience(request, board)
    measured = recent_evidence(found.slug)
    table = ratings_table(
        board,
        audience=audience,
        evidence=measured,
        cards=contender_cards(slugs=tuple(str(rating.contender) for rating in board.ratings)),
    )
    plot, left_out = cost_plot(board, measured)
    context = {
        "category": found,
        "board": board,
        "audience": audience,
        "audiences": [
            ("?for=panel", "These reviewers", audience == "panel"),
            ("?for=people", "People like them", audience == "people"),
        ],
        "table": table,
        "plot": plot,
        "left_out": left_out,
        "heat": heat_map(board.standings),
        "heat_limit": HEAT_LIMIT,
        "contest": contest(board),
        "panel": panel(board, voters_in(found), panel_agreement(found), sides_in(found)),
    }
    return render(request, "evals/leaderboard.html", context)


def _audience(request: HttpRequest, board: LeaderboardView) -> Audience:
    match request.GET.get("for", board.speaks_for):
        case "people":
            return "people"
        case _:
            return "panel"
