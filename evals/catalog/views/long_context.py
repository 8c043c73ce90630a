"""Long prompts of a task set: how contenders bear them, and a form that makes them."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from arena.accounts.roles import person, role_required
from arena.models import Role
from evals.catalog.filler import CHARS_PER_TOKEN
from evals.catalog.forms import LongContextForm
from evals.leaderboards.long_context import long_context as measured
from evals.models import TaskSet

__all__ = ["long_context"]


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.VIEWER)
def long_context(request: HttpRequest, slug: str) -> HttpResponse:
    """An editor who posts makes the prompts, or makes them anew, and goes on to the run that asks for them."""
    task_set = get_object_or_404(TaskSet.objects.select_related("long_context_of"), slug=slug)
    if task_set.long_context_of is not None:
        return redirect("evals:long-context", task_set.long_context_of.slug)
    may_edit = person(request).may(Role.EDITOR)
    if request.method == "POST" and not may_edit:
        raise PermissionDenied("Only editors make long prompts.")
    form = LongContextForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and (made := form.make(task_set)) is not None:
        words = "Nothing changed" if made.unchanged else f"Made {made.prompts:,} prompts of {made.tasks:,} tasks"
        messages.success(request, f"{words}: about {made.tokens:,} tokens for each contender and sample.")
        return redirect(f"{reverse('evals:run-new')}?task-set={made.version.task_set.slug}")
    found = measured(task_set)
    context = {"task_set": task_set, "found": found, "form": form, "may_edit": may_edit, "per_token": CHARS_PER_TOKEN}
    return render(request, "evals/catalog/long_context.html", context)
