"""Schedules, for admins; and the reports of bake-offs."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from arena.accounts.roles import person, role_required
from arena.models import Role
from arena.ui.paging import page_of
from evals.bake_offs.forms import BakeOffForm, StartForm, SubscriptionForm
from evals.bake_offs.page import report_parts
from evals.bake_offs.queries import address_of, bake_off_lines, report_lines, report_view, standing
from evals.bake_offs.services import remove, schedule_of, start_now, unsubscribe
from evals.collection.schedules import EVERY
from evals.models import BakeOff, TaskSet

__all__ = [
    "bake_off_report",
    "report_list",
    "schedule",
    "schedule_list",
    "schedule_mail",
    "schedule_new",
    "schedule_remove",
    "schedule_start",
]

PAGE = 25


@require_safe
@never_cache
@role_required(Role.ADMIN)
def schedule_list(request: HttpRequest) -> HttpResponse:
    return render(request, "evals/bake_offs/schedule_list.html", _list_context(request))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@role_required(Role.ADMIN)
def schedule_new(request: HttpRequest) -> HttpResponse:
    """`?task-set=` preselects. A task set that has a bake-off gets this one in its place."""
    chosen = TaskSet.objects.filter(slug=request.GET.get("task-set", "")).first()
    form = BakeOffForm(request.POST or None, initial={"task_set": chosen} if chosen else None)
    if request.method == "POST" and form.is_valid() and (made := form.save(actor=person(request).name)) is not None:
        every = EVERY[form.cleaned_data["every"]]
        messages.success(request, f"Bake-off of {made.task_set.slug}: {every}.")
        return redirect("evals:schedule-list")
    has_task_set = TaskSet.objects.exists()
    return render(request, "evals/bake_offs/schedule.html", {"form": form, "has_task_set": has_task_set})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@role_required(Role.ADMIN)
def schedule(request: HttpRequest, slug: str) -> HttpResponse:
    found = _found(slug)
    form = BakeOffForm(request.POST or None, bake_off=found)
    if request.method == "POST" and form.is_valid() and form.save(actor=person(request).name) is not None:
        messages.success(request, "Saved.")
        return redirect("evals:schedule", slug)
    context = {
        "form": form,
        "has_task_set": True,
        "bake_off": found,
        "row": schedule_of(found),
        "known": None if found.known_models is None else len(found.known_models),
        "asked_at": timezone.now().isoformat(),
    }
    return render(request, "evals/bake_offs/schedule.html", context)


@require_POST
@role_required(Role.ADMIN)
def schedule_remove(request: HttpRequest, slug: str) -> HttpResponse:
    if remove(task_set=_found(slug).task_set, actor=person(request).name):
        messages.success(request, "Removed. Its runs and reports are kept.")
    return redirect("evals:schedule-list")


@require_POST
@role_required(Role.ADMIN)
def schedule_start(request: HttpRequest, slug: str) -> HttpResponse:
    found, form = _found(slug), StartForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Not started: start it from this page.")
    else:
        start_now(bake_off=found, asked_at=form.cleaned_data["asked_at"], actor=person(request).name)
        messages.success(request, "It starts within seconds; the list of runs shows it.")
    return redirect("evals:schedule", slug)


@require_POST
@role_required(Role.ADMIN)
def schedule_mail(request: HttpRequest) -> HttpResponse:
    form = SubscriptionForm(request.POST)
    if not form.is_valid() or (form.cleaned_data["address"].strip() and not form.save(user=person(request))):
        return render(request, "evals/bake_offs/schedule_list.html", _list_context(request, mail=form))
    if form.cleaned_data["address"].strip():
        messages.success(request, "Reports go to you by e-mail from now on.")
    elif unsubscribe(user=person(request)):
        messages.success(request, "No more reports go to you by e-mail.")
    return redirect("evals:schedule-list")


@require_safe
@role_required(Role.EDITOR)
def report_list(request: HttpRequest) -> HttpResponse:
    page = page_of(request, report_lines, size=PAGE, key=lambda line: line.id)
    rows = [(line, report_parts(line.document).summary[:2]) for line in page.rows]
    return render(request, "evals/bake_offs/report_list.html", {"page": page, "rows": rows})


@require_safe
@role_required(Role.EDITOR)
def bake_off_report(request: HttpRequest, pk: int) -> HttpResponse:
    view = report_view(pk)
    if view is None:
        raise Http404(f"There is no report {pk}.")
    context = {"view": view, "found": view.line.document, "parts": report_parts(view.line.document)}
    return render(request, "evals/bake_offs/report.html", context)


def _found(slug: str) -> BakeOff:
    return get_object_or_404(BakeOff.objects.select_related("task_set"), task_set__slug=slug)


def _list_context(request: HttpRequest, *, mail: SubscriptionForm | None = None) -> dict[str, object]:
    address = address_of(person(request).pk)
    return {
        "lines": bake_off_lines(),
        "standing": standing(),
        "has_task_set": TaskSet.objects.exists(),
        "mail": mail or SubscriptionForm(initial={"address": address or person(request).email}),
        "asked": bool(address),
        "has_mail_server": bool(settings.EMAIL_HOST),
    }
