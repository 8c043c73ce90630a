"""Task sets: a list of them, one with its tasks, and what changed between its versions."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from arena.accounts.roles import person, role_required
from arena.models import Role
from arena.ui.paging import page_number
from evals.catalog.images.serving import image_response, nth
from evals.catalog.queries.task_sets import task_set_cards, task_set_page
from evals.catalog.queries.versions import version_changes
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
        "may_edit_tasks": may_edit and page.newest and not page.long_context_of,
        "rescoring": {
            "may": may_edit and page.version is not None,
            "url": reverse("evals:task-set-rescore", args=[slug]),
            **rescore_state(task_set=TaskSet.objects.get(slug=slug)),
        },
    }
    return render(request, "evals/catalog/task_set.html", context)


@require_safe
@role_required(Role.VIEWER)
def version_change_list(request: HttpRequest, slug: str) -> HttpResponse:
    """`?from=&to=&kind=&after=`. Metadata, which may name models, is for editors."""
    may_edit = person(request).may(Role.EDITOR)
    changes = version_changes(
        slug,
        before=page_number(request, "from"),
        after=page_number(request, "to"),
        kind=request.GET.get("kind", ""),
        beyond=page_number(request, "after"),
        metadata=may_edit,
    )
    if changes is None:
        raise Http404("There is no such task set, or it has no such version.")
    counts = changes.counts
    context = {
        "changes": changes,
        "may_edit": may_edit,
        "total": sum(counts.values()),
        "kinds": [(kind, kind.capitalize(), counts[kind]) for kind in ("changed", "new", "gone")],
        "base": f"?from={changes.before}&to={changes.after}",
        "is_first": "after" not in request.GET,
        "left": f"Version {changes.before}",
        "right": f"Version {changes.after}",
    }
    return render(request, "evals/catalog/version_changes.html", context)
