"""The first page: what is true, and what to do next."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from evals.collection.run_page import listed
from evals.home.queries import overview

__all__ = ["home"]


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """For everybody: who is not signed in reads what Arena is and how to get in."""
    if not request.user.is_authenticated:
        return render(request, "evals/home/welcome.html")
    seen = overview()
    context = {"overview": seen, "run": listed(seen.run) if seen.run else None}
    return render(request, "evals/home/home.html", context)
