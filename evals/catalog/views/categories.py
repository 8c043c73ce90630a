"""Retiring a category: confirmed first, with the routes it affects."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from arena.accounts.roles import role_required
from arena.models import Role
from evals import signals
from evals.catalog.services.categories import retire_category, unretire_category
from evals.models import Category

__all__ = ["category_retire"]


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def category_retire(request: HttpRequest, category: str) -> HttpResponse:
    """GET asks for confirmation and names the routes affected; POST retires it, or with `back` brings it back."""
    found = get_object_or_404(Category, slug=category)
    if request.method != "POST":
        answers = signals.category_retirement_asked.send(sender=Category, category=found)
        touched = [words for _, named in answers for words in named or ()]
        return render(request, "evals/catalog/category_retire.html", {"category": found, "touched": touched})
    if "back" in request.POST:
        unretire_category(category=found)
        messages.success(request, f"{found.name} is back: it is voted on and routed again.")
    else:
        retire_category(category=found)
        messages.success(request, f"{found.name} is retired. Its tasks, answers and votes stay.")
    return redirect("evals:leaderboard", found.slug)
