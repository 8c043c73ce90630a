"""How a category is voted on: guidelines, overlap, gold, reasons, rubric and groups, on one page for editors."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from arena.accounts.roles import person, role_required
from arena.models import Role
from arena.ui import markup
from evals.models import Category, Reason
from evals.voting.category_settings import (
    KEYS,
    MOST_DIMENSIONS,
    CategorySettingsError,
    add_dimension,
    add_reason,
    change_reason,
    change_voting,
    dimension_lines,
    reason_lines,
    rename_dimension,
    retire_dimension,
    retire_reason,
)
from evals.voting.forms import CategoryForm
from evals.voting.queries.gold import gold_count

__all__ = ["category_dimension", "category_dimension_add", "category_reason", "category_reason_add", "category_voting"]


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def category_voting(request: HttpRequest, category: str) -> HttpResponse:
    """POST saves; with `preview` it shows the guidelines as reviewers would see them, and saves nothing."""
    found = get_object_or_404(Category, slug=category)
    form = CategoryForm(request.POST or None, instance=get_object_or_404(Category, slug=category))
    preview = "preview" in request.POST
    if request.method == "POST" and form.is_valid() and not preview:
        groups = [group.pk for group in form.cleaned_data["groups"]]
        change_voting(category=form.instance, groups=groups, actor=person(request))
        messages.success(request, f"Saved: this is how {found.name} is voted on now.")
        return redirect("evals:category-voting", found.slug)
    reasons = reason_lines(found)
    used = {line.key for line in reasons if not line.retired}
    context = {
        "category": found,
        "form": form,
        "preview": preview,
        "guidelines": markup.render(str(form["guidelines"].value() or "")[:20_000]),
        "reasons": reasons,
        "keys": KEYS,
        "free_keys": [key for key in KEYS if key not in used],
        "dimensions": dimension_lines(found),
        "most_dimensions": MOST_DIMENSIONS,
        "gold": gold_count(found),
    }
    return render(request, "evals/voting/category_voting.html", context)


@require_POST
@role_required(Role.EDITOR)
def category_reason_add(request: HttpRequest, category: str) -> HttpResponse:
    found = get_object_or_404(Category, slug=category)
    key, label = request.POST.get("key", ""), request.POST.get("label", "")
    return _acted(request, found, lambda: add_reason(category=found, key=key, label=label, actor=person(request)))


@require_POST
@role_required(Role.EDITOR)
def category_reason(request: HttpRequest, category: str, pk: int) -> HttpResponse:
    """Changes the reason's key and name, or with `retire` retires it."""
    found = get_object_or_404(Category, slug=category)
    reason = get_object_or_404(Reason.objects.select_related("category"), pk=pk, category=found)
    if "retire" in request.POST:
        return _acted(request, found, lambda: retire_reason(reason=reason, actor=person(request)))
    key, label = request.POST.get("key", ""), request.POST.get("label", "")
    return _acted(request, found, lambda: change_reason(reason=reason, key=key, label=label, actor=person(request)))


@require_POST
@role_required(Role.EDITOR)
def category_dimension_add(request: HttpRequest, category: str) -> HttpResponse:
    """Also brings a retired one of the same name back."""
    found = get_object_or_404(Category, slug=category)
    name = request.POST.get("name", "")
    return _acted(request, found, lambda: add_dimension(category=found, name=name, actor=person(request)))


@require_POST
@role_required(Role.EDITOR)
def category_dimension(request: HttpRequest, category: str, pk: int) -> HttpResponse:
    """Renames the dimension, or with `retire` retires it."""
    found = get_object_or_404(Category, slug=category)
    dimension = get_object_or_404(Category.with_dimensions, pk=pk, dimension_of=found)
    if "retire" in request.POST:
        return _acted(request, found, lambda: retire_dimension(dimension=dimension, actor=person(request)))
    name = request.POST.get("name", "")
    return _acted(request, found, lambda: rename_dimension(dimension=dimension, name=name, actor=person(request)))


def _acted(request: HttpRequest, category: Category, act: Callable[[], object]) -> HttpResponse:
    try:
        act()
    except CategorySettingsError as error:
        messages.error(request, f"Not changed: {error}")
    else:
        messages.success(request, "Saved.")
    return redirect("evals:category-voting", category.slug)
