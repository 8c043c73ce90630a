"""Uploads a task set as a file."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from arena.accounts.roles import role_required
from arena.models import Role
from arena.ui.htmx import HtmxHttpRequest
from evals.models import TaskSet
from evals.transfer.forms import TaskSetForm, marked_response


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def task_set_new(request: HtmxHttpRequest) -> HttpResponse:
    """ "Check" says what importing would do and writes nothing, and so does an import whose replacements were not
    confirmed. "Download" returns the rows with what is wrong. htmx swaps in the response, so that the file stays
    selected. Without htmx the page is reloaded, and the file must be selected again."""
    known = TaskSet.objects.filter(slug=request.GET.get("task-set", "")).first()
    form = TaskSetForm(request.POST or None, request.FILES or None, task_set=known)
    marking = request.POST.get("act") == "errors"
    checking = marking or request.POST.get("act") == "check"
    done = form.read(dry_run=checking, mark=marking) if request.method == "POST" and form.is_valid() else None
    if form.marked is not None:
        return marked_response(*form.marked)
    if done is not None and not checking and not done.unconfirmed:
        messages.success(request, _message(done.task_set, done.version, unchanged=done.unchanged))
        return redirect("evals:task-set", done.task_set)
    context = {"form": form, "known": known, "checked": done, "bad": form.errors_by_line}
    return render(
        request, "evals/transfer/_import_check.html" if request.htmx else "evals/transfer/task_set_new.html", context
    )


def _message(slug: str, n: int, *, unchanged: bool) -> str:
    return f"Nothing changed: {slug} stays at version {n}." if unchanged else f"Imported: {slug}, version {n}."
