"""A category's own page for editors: its name, for whom its votes speak, and retiring it, which is confirmed first with
the routes it affects."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from arena.accounts.roles import person, role_required
from arena.models import Role
from evals import signals
from evals.models import Category
from evals.voting.category_settings import CategorySettingsError, change_category, changes_of, retire, unretire
from evals.voting.forms import CategoryNameForm

__all__ = ["category_edit", "category_retire"]


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def category_edit(request: HttpRequest, category: str) -> HttpResponse:
    found = get_object_or_404(Category, slug=category)
    known = {name: getattr(found, name) for name in ("name", "speaks_for", "single_reviewer")}
    form = CategoryNameForm(request.POST if request.method == "POST" else None, initial=known)
    if request.method == "POST" and form.is_valid():
        try:
            change_category(category=found, actor=person(request), **form.cleaned_data)
        except CategorySettingsError as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, "Saved.")
            return redirect("evals:category-edit", found.slug)
    context = {"category": found, "form": form, "changes": changes_of(found)}
    return render(request, "evals/catalog/category_edit.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def category_retire(request: HttpRequest, category: str) -> HttpResponse:
    """GET asks for confirmation and names the routes affected; POST retires it, or with `back` brings it back. Either
    takes a reason, which is kept."""
    found = get_object_or_404(Category, slug=category)
    error = ""
    if request.method == "POST":
        act, words = (unretire, "is back: it is voted on and routed again.") if "back" in request.POST else (
            retire, "is retired. Its tasks, answers and votes stay."
        )  # fmt: skip
        try:
            changed = act(category=found, why=request.POST.get("why", ""), actor=person(request))
        except CategorySettingsError as refused:
            error = str(refused)
        else:
            if changed:
                messages.success(request, f"{found.name} {words}")
            return redirect("evals:leaderboard", found.slug)
    answers = signals.category_retirement_asked.send(sender=Category, category=found)
    touched = [words for _, named in answers for words in named or ()]
    context = {"category": found, "touched": touched, "error": error, "why": request.POST.get("why", "")}
    return render(request, "evals/catalog/category_retire.html", context)
