"""The first page: the state of things, and what to do next."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from arena.accounts.roles import person
from arena.ui.htmx import HtmxHttpRequest
from evals.collection.run_page import listed
from evals.home.needs import needs_of
from evals.home.queries import overview
from evals.voting.queries.blinding import blinding_of

__all__ = ["home"]


@require_safe
def home(request: HtmxHttpRequest) -> HttpResponse:
    """Public: without signing in it explains what Arena is and how to get access. htmx asks for the loop's figures
    alone, with `part=loop`."""
    if not request.user.is_authenticated:
        return render(request, "evals/home/welcome.html")
    seen = overview(blinding_of(request.user))
    if request.htmx and request.GET.get("part") == "loop":
        return render(request, "evals/home/_loop.html", {"overview": seen})
    context = {
        "overview": seen,
        "run": listed(seen.run) if seen.run else None,
        "needs": needs_of(person(request)),
    }
    return render(request, "evals/home/home.html", context)
