"""The page on which a reviewer begins: their categories, and what waits in them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from arena.accounts.languages import translated
from arena.accounts.roles import person, role_required
from arena.models import Role
from evals.models import Category
from evals.voting.queries.categories import category_progress
from evals.voting.queries.nothing import battles_closed, nothing_anywhere
from evals.voting.queries.queue import queue
from evals.voting.reviewers import reviewer_of

__all__ = ["vote"]


@translated
@require_safe
@never_cache
@role_required(Role.REVIEWER)
def vote(request: HttpRequest) -> HttpResponse:
    """Where nothing waits, the page says why, and what an editor can do about it."""
    reviewer = reviewer_of(person(request))
    found = queue(reviewer)
    if found.first is None:
        mine = category_progress(reviewer)
        others = Category.objects.filter(retired_at__isnull=True).exists()
        missing = nothing_anywhere(mine, closed=battles_closed(reviewer), others=others)
        return render(request, "evals/voting/vote_empty.html", {"missing": missing, "others": mine})
    return render(request, "evals/voting/queue.html", {"queue": found, "practised": reviewer.practised_at})
