"""Reviewers: how they vote, and excluding or including them. Editors and admins read of everyone; a reviewer reads of
themselves."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from arena.accounts.roles import person, role_required
from arena.models import Role
from arena.ui.paging import page_of
from evals.models import Reviewer
from evals.voting.queries.agreement import LAST
from evals.voting.queries.pace import last_midnight
from evals.voting.queries.reviewer_page import Figures, own_figures, reviewer_page
from evals.voting.queries.reviewers import PAGE_SIZE, excluded_votes, reviewer_count, reviewer_rows
from evals.voting.reviewer_signs import Sign, alpha_sign, gold_sign, side_sign, signs, speed_sign
from evals.voting.reviewers import ExclusionError, exclude, include, reviewer_of

__all__ = ["reviewer", "reviewer_exclude", "reviewer_include", "reviewer_list", "reviewer_me"]


@require_safe
@role_required(Role.EDITOR)
def reviewer_list(request: HttpRequest) -> HttpResponse:
    page = page_of(request, reviewer_rows, size=PAGE_SIZE, key=lambda row: row.place, parameter="after")
    lines = [(row, signs(row.health, counts=row.excluded_at is None) if row.votes else ()) for row in page.rows]
    context = {
        "page": page,
        "lines": lines,
        "people": reviewer_count(),
        "last": LAST,
        "excluded": excluded_votes(),
    }
    return render(request, "evals/voting/reviewer_list.html", context)


@require_safe
@role_required(Role.EDITOR)
def reviewer(request: HttpRequest, pk: int) -> HttpResponse:
    found = reviewer_page(get_object_or_404(Reviewer, pk=pk))
    row = found.row
    leaders = [sign for sign in signs(row.health, counts=row.excluded_at is None) if sign.label == "leaders"]
    context = {
        "row": row,
        "figures": found.figures,
        "signs": (*_signs(found.figures), *leaders),
        "comments": found.comments,
        "last": LAST,
    }
    return render(request, "evals/voting/reviewer.html", context)


@require_safe
@never_cache
@role_required(Role.REVIEWER)
def reviewer_me(request: HttpRequest) -> HttpResponse:
    """Of votes before the last midnight: figures that moved with each vote would tell how others judged the battle."""
    me = reviewer_of(person(request))
    figures, comments = own_figures(me)
    context = {
        "me": me,
        "until": last_midnight(),
        "figures": figures,
        "signs": _signs(figures),
        "comments": comments,
        "last": LAST,
    }
    return render(request, "evals/voting/reviewer_me.html", context)


def _signs(figures: Figures) -> tuple[Sign, ...]:
    return (
        alpha_sign(figures.agreement),
        gold_sign(figures.gold),
        side_sign(figures.side),
        speed_sign(figures.speed),
    )


@require_POST
@role_required(Role.EDITOR)
def reviewer_exclude(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Reviewer, pk=pk)
    try:
        exclude(reviewer=found, reason=request.POST.get("reason", ""), actor=person(request))
        messages.success(request, f"{found.name}'s votes no longer count. Leaderboards are being updated.")
    except ExclusionError as error:
        messages.error(request, str(error))
    return redirect("evals:reviewer", pk)


@require_POST
@role_required(Role.EDITOR)
def reviewer_include(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Reviewer, pk=pk)
    try:
        include(reviewer=found, reason=request.POST.get("reason", ""), actor=person(request))
        messages.success(request, f"{found.name}'s votes count again. Leaderboards are being updated.")
    except ExclusionError as error:
        messages.error(request, str(error))
    return redirect("evals:reviewer", pk)
