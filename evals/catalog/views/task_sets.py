"""Task sets: a list of them, and one with its tasks."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from arena.accounts.roles import person, role_required
from arena.models import Role
from evals.catalog.images.serving import image_response, nth
from evals.catalog.queries.task_sets import task_set_cards, task_set_page
from evals.collection.queries.rescores import rescore_state
from evals.models import Task, TaskSet

SHOWN = 20
SHOWN_OF_ONE = 500


@require_safe
@role_required(Role.VIEWER)
def task_set_list(request: HttpRequest) -> HttpResponse:
    return render(request, "evals/catalog/task_set_list.html", {"cards": task_set_cards()})


@require_safe
@role_required(Role.VIEWER)
def task_image(request: HttpRequest, pk: int, n: int) -> HttpResponse:
    """The nth image of a task, as its contenders are sent it."""
    return image_response(nth(Task.objects.filter(pk=pk).values_list("images", flat=True).first(), n))


@require_safe
@role_required(Role.VIEWER)
def task_set(request: HttpRequest, slug: str) -> HttpResponse:
    """`?version=` shows an earlier version, `?category=` all of one category."""
    chosen = request.GET.get("version", "")
    category = request.GET.get("category", "")
    page = task_set_page(
        slug,
        n=int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 10 else None,
        category=category,
        shown=SHOWN_OF_ONE if category else SHOWN,
    )
    if page is None:
        raise Http404("There is no such task set, or it has no such version.")
    may_edit = person(request).may(Role.EDITOR)
    context = {
        "page": page,
        "category": category,
        "may_edit": may_edit,
        "rescoring": {
            "may": may_edit and page.version is not None,
            "url": reverse("evals:task-set-rescore", args=[slug]),
            **rescore_state(task_set=TaskSet.objects.get(slug=slug)),
        },
    }
    return render(request, "evals/catalog/task_set.html", context)
