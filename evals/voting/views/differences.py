"""Where the two answers of an open ballot differ: asked for by a key, or by an address where there is no script."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from arena.accounts.languages import translated
from arena.accounts.roles import person, role_required
from arena.models import Role
from evals.models import Ballot
from evals.voting.drawing import is_withdrawn
from evals.voting.queries.battles import difference_on
from evals.voting.reviewers import reviewer_of

__all__ = ["battle_difference"]


@translated
@require_safe
@never_cache
@role_required(Role.REVIEWER)
def battle_difference(request: HttpRequest, token: str) -> HttpResponse:
    """The reviewer's own ballot, while it is open; a 404 for any other. htmx gets the two sides alone."""
    ballots = Ballot.objects.select_related("battle__lo", "battle__hi", "battle__task__category")
    ballot = get_object_or_404(ballots, token=token, reviewer=reviewer_of(person(request)))
    if ballot.state != Ballot.State.OPEN or is_withdrawn(ballot):
        raise Http404
    name = "_difference.html" if getattr(request, "htmx", False) else "difference.html"
    context = {"difference": difference_on(ballot), "ballot": ballot}
    return render(request, f"evals/voting/{name}", context)
