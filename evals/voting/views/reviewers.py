"""People whose votes are counted, how they vote, and the acts that stop or resume counting them."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from arena.accounts.roles import person, role_required
from arena.models import Role
from arena.ui.paging import page_of
from evals.models import Reviewer
from evals.voting.queries.agreement import LAST
from evals.voting.queries.reviewers import PAGE_SIZE, reviewer_count, reviewer_rows
from evals.voting.reviewer_signs import signs
from evals.voting.reviewers import ExclusionError, exclude, include

__all__ = ["reviewer_exclude", "reviewer_include", "reviewer_list"]


@require_safe
@role_required(Role.VIEWER)
def reviewer_list(request: HttpRequest) -> HttpResponse:
    page = page_of(request, reviewer_rows, size=PAGE_SIZE, key=lambda row: row.place, parameter="after")
    lines = [(row, signs(row.health, counts=row.excluded_at is None) if row.votes else ()) for row in page.rows]
    context = {"page": page, "lines": lines, "people": reviewer_count(), "last": LAST}
    return render(request, "evals/voting/reviewer_list.html", context)


@require_POST
@role_required(Role.EDITOR)
def reviewer_exclude(request: HttpRequest, pk: int) -> HttpResponse:
    reviewer = get_object_or_404(Reviewer, pk=pk)
    try:
        exclude(reviewer=reviewer, reason=request.POST.get("reason", ""), actor=person(request))
        messages.success(request, f"{reviewer.name}'s votes do not count any more. The ranking follows.")
    except ExclusionError as error:
        messages.error(request, str(error))
    return redirect("evals:reviewer-list")


@require_POST
@role_required(Role.EDITOR)
def reviewer_include(request: HttpRequest, pk: int) -> HttpResponse:
    reviewer = get_object_or_404(Reviewer, pk=pk)
    try:
        include(reviewer=reviewer, reason=request.POST.get("reason", ""), actor=person(request))
        messages.success(request, f"{reviewer.name}'s votes count again. The ranking follows.")
    except ExclusionError as error:
        messages.error(request, str(error))
    return redirect("evals:reviewer-list")
