"""A task set as a file, in and out, and one task of it edited."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_http_methods, require_safe

from arena.accounts.roles import person, role_required
from arena.models import Role
from arena.ui.htmx import HtmxHttpRequest
from arena.ui.paging import page_number
from evals.catalog.queries.task_sets import answers_and_votes, newest_item
from evals.catalog.queries.versions import field_changes
from evals.catalog.services.task_sets import TaskMovedError
from evals.models import TaskSet, TaskSetItem
from evals.transfer.editing import TaskRefusedError, edit_task, written_fields
from evals.transfer.exports import task_set_lines
from evals.transfer.files.writing import ExportError
from evals.transfer.forms import TaskForm, TaskSetForm, marked_response


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


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def task_edit(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """`pk` is the task's place in a version: what the editor began with. Saving makes a new version. Where somebody
    else has changed the task meanwhile, the page comes back with what was typed beside what is there now, and the next
    saving replaces that."""
    items = TaskSetItem.objects.select_related("version__task_set__long_context_of", "task__category")
    item = get_object_or_404(items, pk=pk, version__task_set__slug=slug)
    if item.version.task_set.long_context_of is not None:
        raise Http404("Tasks in long prompts are made of others: edit those.")
    if request.method != "POST":
        newest = newest_item(item)
        if newest is None:
            raise Http404("This task is no longer in the newest version.")
        if newest.pk != item.pk:
            return redirect("evals:task-edit", slug, newest.pk)
    form = TaskForm(request.POST if request.method == "POST" else None, initial=written_fields(item))
    context: dict[str, Any] = {"form": form, "item": item, "task_set": item.version.task_set}
    if request.method == "POST" and form.is_valid():
        try:
            saved = edit_task(item=item, fields=form.cleaned_data, editor=person(request).name)
        except TaskRefusedError as error:
            form.add_error(error.field or None, str(error))
        except TaskMovedError as error:
            context |= {"moved": error, "now": error.now}
            if error.now is not None:
                context |= {"theirs": field_changes(item.task, error.now.task)}
        else:
            return _saved(request, slug, saved.version.n, unchanged=saved.unchanged)
    counted = context.get("now") or item
    context["answers"], context["votes"] = answers_and_votes(counted.task_id)
    return render(request, "evals/transfer/task_edit.html", context, status=409 if "moved" in context else 200)


def _saved(request: HttpRequest, slug: str, n: int, *, unchanged: bool) -> HttpResponse:
    if unchanged:
        messages.success(request, f"Nothing changed: {slug} stays at version {n}.")
        return redirect("evals:task-set", slug)
    messages.success(request, f"Saved: {slug}, version {n}.")
    return redirect("evals:task-set-changes", slug)


@require_safe
@role_required(Role.EDITOR)
def task_set_file(request: HttpRequest, slug: str, form: str) -> HttpResponse | StreamingHttpResponse:
    """`?version=`; by default the newest. Sent while it is read."""
    try:
        n, lines = task_set_lines(slug=slug, ending=f".{form}", n=page_number(request, "version"))
    except ExportError as error:
        raise Http404(str(error)) from error
    kind = "text/csv; charset=utf-8" if form == "csv" else "application/x-ndjson"
    answer = StreamingHttpResponse(lines, content_type=kind)
    name = f"{slug}-{n}.{form}"
    answer["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or "attachment"
    return answer
