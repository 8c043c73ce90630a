"""Task sets: which there are, what stands in one, and the way in for a file."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from arena.access.roles import person, role_required
from arena.models import Role
from arena.ui.htmx import HtmxHttpRequest
from evals.forms.task_sets import TaskSetForm
from evals.models import TaskSet
from evals.selectors.task_sets import task_set_cards, task_set_page

SHOWN = 20
SHOWN_OF_ONE = 500


@require_safe
@role_required(Role.VIEWER)
def task_set_list(request: HttpRequest) -> HttpResponse:
    return render(request, "evals/task_set_list.html", {"cards": task_set_cards()})


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def task_set_new(request: HtmxHttpRequest) -> HttpResponse:
    """ "Check" says what importing would do and writes nothing; htmx swaps in the answer, so that the file stays
    chosen. Without it the page comes back, and browsers ask for the file again."""
    known = TaskSet.objects.filter(slug=request.GET.get("task-set", "")).first()
    form = TaskSetForm(request.POST or None, request.FILES or None, task_set=known)
    checking = request.POST.get("act") == "check"
    done = form.read(dry_run=checking) if request.method == "POST" and form.is_valid() else None
    if done is not None and not checking:
        messages.success(request, _told(done.task_set, done.version, unchanged=done.unchanged))
        return redirect("evals:task-set", done.task_set)
    context = {"form": form, "known": known, "checked": done, "bad": form.errors_by_line}
    return render(request, "evals/_task_set_check.html" if request.htmx else "evals/task_set_new.html", context)


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
    return render(request, "evals/task_set.html", {"page": page, "category": category, "may_edit": may_edit})


def _told(slug: str, n: int, *, unchanged: bool) -> str:
    return f"Nothing new: {slug} stays at version {n}." if unchanged else f"Imported: {slug}, version {n}."
