"""The first page: the state of things, and what to do next."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from evals.collection.run_page import listed
from evals.home.queries import overview
from evals.voting.queries.blinding import blinding_of

__all__ = ["home"]


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Public: without signing in it explains what Arena is and how to get access."""
    if not request.user.is_authenticated:
        return render(request, "evals/home/welcome.html")
    seen = overview(blinding_of(request.user))
    context = {"overview": seen, "run": listed(seen.run) if seen.run else None}
    return render(request, "evals/home/home.html", context)
