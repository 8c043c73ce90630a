"""Leaderboards: all of them, one category's in full, and an earlier one with the decisions that rest on it."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_safe

from arena.accounts.roles import person, role_required
from arena.models import Role
from evals.catalog.queries.contenders import ContenderCard, contender_cards
from evals.leaderboards.documents import document_of, documents
from evals.leaderboards.evidence import Evidence, recent_evidence
from evals.leaderboards.filters import BoardFilters, read_board_filters
from evals.leaderboards.history import rating_history, task_set_marks
from evals.leaderboards.overall import FEWEST_VOTES, PREFIX, overall, read_weights
from evals.leaderboards.own_votes import board_without
from evals.leaderboards.page import HEAT_LIMIT, PLOT_AXES, heat_map, measured_rows, quality_plot, ratings_table
from evals.leaderboards.pictures import first_two, history, standalone, style_part
from evals.leaderboards.queries import (
    LeaderboardView,
    category_states,
    dimension_views,
    latest,
    leaderboard_at,
    newest_ids,
)
from evals.leaderboards.style import latest_style
from evals.leaderboards.tables import CSV_COLUMNS, csv_rows, shown_document
from evals.leaderboards.trust import contest, panel
from evals.models import Category
from evals.ratings import Audience
from evals.transfer.files.writing import write_csv
from evals.voting.queries.agreement import panel_agreement, sides_in
from evals.voting.queries.blinding import blinding_of, why_closed
from evals.voting.queries.categories import progress_in
from evals.voting.queries.reasons import chosen_for
from evals.voting.queries.reviewers import excluded_votes, voters_in

__all__ = [
    "leaderboard",
    "leaderboard_csv",
    "leaderboard_json",
    "leaderboard_list",
    "leaderboard_overall",
    "leaderboard_svg",
    "leaderboard_then",
]


@require_safe
@role_required(Role.VIEWER)
def leaderboard_list(request: HttpRequest) -> HttpResponse:
    states = category_states(blinding_of(request.user))
    context = {
        "states": states,
        "pairs": {state.slug: first_two(state.board) for state in states if state.board},
        "excluded": excluded_votes(),
    }
    return render(request, "evals/leaderboards/leaderboard_list.html", context)


@require_safe
@role_required(Role.VIEWER)
def leaderboard_overall(request: HttpRequest) -> HttpResponse:
    """`?w-code=2&w-chat=1` weighs categories; `?for=people` or `?for=panel` as on a leaderboard, by default for people
    if every category that counts speaks for them."""
    asked: dict[str, Audience] = {"people": "people", "panel": "panel"}
    audience = asked.get(request.GET.get("for", ""))
    board = overall(
        blinding=blinding_of(request.user),
        given=read_weights({name: request.GET[name] for name in request.GET}),
        audience=audience,
        battles=_battles,
    )
    weighed = {name: request.GET[name] for name in request.GET if name.startswith(PREFIX)}
    context = {
        "board": board,
        "fewest": FEWEST_VOTES,
        "weighed": weighed,
        "chosen_audience": audience,
        "audiences": [
            (f"?{urlencode(weighed | {'for': one})}", words, board.audience == one)
            for one, words in (("panel", "These reviewers"), ("people", "People like them"))
        ],
    }
    return render(request, "evals/leaderboards/overall.html", context)


@require_safe
@role_required(Role.VIEWER)
def leaderboard(request: HttpRequest, category: str) -> HttpResponse:
    """`?for=people` shows the figures for people like these reviewers, `?for=panel` for these reviewers; by default for
    the audience the category speaks for. `?local=1&price=&capability=` show some contenders only, as
    `evals.leaderboards.filters` says; `?x=latency` and `?x=size` draw quality against these instead of cost."""
    found = _found(category)
    top = found.dimension_of or found
    blinding = blinding_of(request.user)
    if blinding.closes(found.slug):
        return _closed(request, found)
    # Somebody who votes here reads what others' votes say, and nothing that rests on their own.
    blinded = blinding.hides(found.slug)
    board = board_without(found, blinding.reviewer) if blinded else latest(found.slug)
    if board is None or not board.ratings:
        empty = {"category": found, "top": top, "rubric": _rubric(found), "state": progress_in(top)}
        return render(request, "evals/leaderboards/leaderboard_empty.html", empty)
    audience = _audience(request, board)
    measured = recent_evidence(top.slug)
    cards = contender_cards(slugs=tuple(str(rating.contender) for rating in board.ratings))
    battles = None if blinded else partial(_battles, found.slug)
    filters = read_board_filters(request.GET.dict())
    shown = filters.kept(cards) if filters.any else None
    table = ratings_table(board, audience=audience, evidence=measured, cards=cards, battles=battles, shown=shown)
    x = request.GET.get("x", "") if request.GET.get("x", "") in PLOT_AXES else next(iter(PLOT_AXES))
    plot, left_out = quality_plot(board, PLOT_AXES[x], evidence=measured, cards=cards, shown=shown)
    kept = {name: request.GET[name] for name in ("for", "x") if name in request.GET} | filters.given
    context: dict[str, Any] = {
        "category": found,
        "top": top,
        "rubric": _rubric(found, f"?{urlencode(kept)}" if kept else ""),
        "chosen_for": {} if blinded else chosen_for([found.slug]).get(found.slug, {}),
        "board": board,
        "audience": audience,
        "audiences": [
            (f"?{urlencode(kept | {'for': one})}", words, audience == one)
            for one, words in (("panel", "These reviewers"), ("people", "People like them"))
        ],
        "filters": filters,
        "capabilities": sorted({word for card in cards for word in card.capabilities}),
        "for": request.GET.get("for", ""),
        "query": _query(filters, audience, board),
        "names": tuple(str(rating.contender) for rating in board.ratings),
        "table": table,
        "measured": measured_rows(table.names, measured),
        "x": request.GET.get("x", ""),
        "plot_axis": PLOT_AXES[x],
        "plot_axes": [
            (f"?{urlencode(kept | {'x': one})}#cost", axis.name.capitalize(), one == x)
            for one, axis in PLOT_AXES.items()
        ],
        "plot": plot,
        "left_out": left_out,
        "old_prices": [card.slug for card in cards if card.price is not None and card.price.is_stale],
        "heat": heat_map(board.standings, battles, shown),
        "heat_limit": HEAT_LIMIT,
        "contest": contest(board),
        "panel": None
        if blinded
        else panel(
            board,
            voters_in(found),
            panel_agreement(found),
            sides_in(found),
            # Who decides or votes how much is said of colleagues by name to editors and admins alone.
            named=person(request).may(Role.EDITOR),
        ),
        "blinded": blinded,
    }
    if not blinded:
        # Earlier boards and style rest on every vote, the reader's own included.
        style = latest_style(found)
        marks = [(mark.at, mark.words) for mark in task_set_marks(found)]
        context |= {
            "history": history(rating_history(found), table.names, marks),
            "style": style_part(style.result if style else None, table.names),
        }
    return render(request, "evals/leaderboards/leaderboard.html", context)


@require_safe
@role_required(Role.VIEWER)
def leaderboard_csv(request: HttpRequest, category: str) -> HttpResponse:
    """The table of the page, with the measurements beside it, for the audience and the contenders it shows."""
    asked = _asked_file(request, category)
    if isinstance(asked, HttpResponse):
        return asked
    written = io.StringIO(newline="")
    rows = csv_rows(asked.board, audience=asked.audience, evidence=asked.evidence, shown=asked.shown)
    write_csv(written, CSV_COLUMNS, rows)
    return asked.answer(written.getvalue(), "csv", "text/csv; charset=utf-8")


@require_safe
@role_required(Role.VIEWER)
def leaderboard_json(request: HttpRequest, category: str) -> HttpResponse:
    """The API's document, for the audience and the contenders that the page shows, with what was measured of each."""
    asked = _asked_file(request, category)
    if isinstance(asked, HttpResponse):
        return asked
    document = document_of(asked.board) if asked.blinded else documents([asked.board])[0]
    document = shown_document(
        document, asked.board, audience=asked.audience, evidence=asked.evidence, shown=asked.shown
    )
    written = json.dumps(document | {"filters": asked.filters.given}, ensure_ascii=False, indent=1)
    return asked.answer(written, "json", "application/json")


@require_safe
@role_required(Role.VIEWER)
def leaderboard_svg(request: HttpRequest, category: str) -> HttpResponse:
    """The ratings with their intervals as a drawing that stands alone."""
    asked = _asked_file(request, category)
    if isinstance(asked, HttpResponse):
        return asked
    table = ratings_table(
        asked.board, audience=asked.audience, evidence=asked.evidence, cards=asked.cards, shown=asked.shown
    )
    context = {"board": asked.board, "audience": asked.audience, "table": table, "drawing": standalone(table)}
    return asked.answer(render_to_string("evals/leaderboards/leaderboard.svg", context), "svg", "image/svg+xml")


@dataclass(frozen=True)
class _File:
    """What a file of a leaderboard is made of. `shown` None: every contender."""

    board: LeaderboardView
    blinded: bool
    audience: Audience
    filters: BoardFilters
    shown: frozenset[str] | None
    cards: list[ContenderCard]
    evidence: dict[str, Evidence]

    def answer(self, text: str, ending: str, kind: str) -> HttpResponse:
        name = f"{self.board.category}-leaderboard.{ending}"
        return HttpResponse(text, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _asked_file(request: HttpRequest, category: str) -> _File | HttpResponse:
    """Or why there is none: the board is closed to the reader, or a filter cannot be read."""
    found = _found(category)
    blinding = blinding_of(request.user)
    if blinding.closes(found.slug):
        return HttpResponse(why_closed(found.name), status=403, content_type="text/plain; charset=utf-8")
    blinded = blinding.hides(found.slug)
    board = board_without(found, blinding.reviewer) if blinded else latest(found.slug)
    if board is None:
        raise Http404(f"{found.name} has no leaderboard yet.")
    filters = read_board_filters(request.GET.dict())
    if filters.errors:
        words = "\n".join(f"{name}: {error}" for name, error in filters.errors.items())
        return HttpResponse(words, status=400, content_type="text/plain; charset=utf-8")
    cards = contender_cards(slugs=tuple(str(rating.contender) for rating in board.ratings))
    return _File(
        board=board,
        blinded=blinded,
        audience=_audience(request, board),
        filters=filters,
        shown=filters.kept(cards) if filters.any else None,
        cards=cards,
        evidence=recent_evidence((found.dimension_of or found).slug),
    )


def _found(slug: str) -> Category:
    """A category, or a dimension of one."""
    found = Category.with_dimensions.filter(long_context_of__isnull=True).select_related("dimension_of")
    return get_object_or_404(found, slug=slug)


def _query(filters: BoardFilters, audience: Audience, board: LeaderboardView) -> str:
    """What links to files of this page keep of its address."""
    kept = {"for": audience} if audience != board.speaks_for else {}
    return f"?{urlencode(kept | filters.given)}" if kept or filters.given else ""


def _battles(category: str, a: str, b: str = "") -> str:
    """The address of the battles of one contender or of two, which stand behind the figures of a leaderboard."""
    given = {"category": category, "a": a, "b": b}
    return f"{reverse('evals:battle-browser')}?{urlencode({name: value for name, value in given.items() if value})}"


def _rubric(category: Category, kept: str = "") -> list[tuple[str, str, bool]]:
    """As `ui/_segment.html` takes it: the category overall and its dimensions; empty without any."""
    views = dimension_views(category)
    if len(views) < 2:
        return []
    return [
        (
            reverse("evals:leaderboard", args=[one.slug]) + kept,
            one.name if one.dimension_of_id else "Overall",
            one.pk == category.pk,
        )
        for one in views
    ]


def _closed(request: HttpRequest, category: Category) -> HttpResponse:
    """To somebody who votes in the category: why it is closed, and counts alone."""
    top = category.dimension_of or category
    context = {"category": category, "top": top, "state": progress_in(top), "why": why_closed(top.name)}
    return render(request, "evals/leaderboards/leaderboard_closed.html", context)


def _audience(request: HttpRequest, board: LeaderboardView) -> Audience:
    match request.GET.get("for", board.speaks_for):
        case "people":
            return "people"
        case _:
            return "panel"


@require_safe
@role_required(Role.VIEWER)
def leaderboard_then(request: HttpRequest, category: str, seq: int, revision: int | None = None) -> HttpResponse:
    """Retired contenders appear as they did then. Measurements of runs are in the routing table that rests on it."""
    found = _found(category)
    if blinding_of(request.user).hides(found.slug):
        # Two boards that are a vote apart tell what it was, and each holds the reader's own votes.
        return _closed(request, found)
    board = leaderboard_at(found.slug, seq=seq, revision=revision)
    if board is None:
        raise Http404(f"{found.name} has no leaderboard at vote {seq}.")
    slugs = tuple(str(rating.contender) for rating in board.ratings)
    context = {
        "category": found,
        "board": board,
        "audience": board.speaks_for,
        "table": ratings_table(board, audience=board.speaks_for, evidence={}, cards=contender_cards(slugs=slugs)),
        "is_newest": newest_ids().get(found.slug) == board.id,
    }
    return render(request, "evals/leaderboards/leaderboard_at.html", context)
