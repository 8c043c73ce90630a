"""What the clock starts: an admin's page. The chores are a closed list."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from arena.access.roles import role_required
from arena.models import Role
from evals.forms.schedules import BakeOffForm
from evals.models import TaskSet
from evals.services.fields import FieldError
from evals.services.schedules.timetable import EVERY, add_bake_off, remove, set_every, timetable


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.ADMIN)
def schedule_list(request: HttpRequest) -> HttpResponse:
    form = BakeOffForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        row = add_bake_off(**form.cleaned_data)
        messages.success(request, f"{row.name}: {EVERY[row.schedule_type]}.")
        return redirect("evals:schedule-list")
    context = {
        "form": form,
        "lines": timetable(),
        "every": list(EVERY.items()),
        "has_task_set": TaskSet.objects.exists(),
    }
    return render(request, "evals/schedule_list.html", context)


@require_POST
@role_required(Role.ADMIN)
def schedule_change(request: HttpRequest, pk: int) -> HttpResponse:
    """A new interval, or with `remove`, the end of it."""
    if "remove" in request.POST:
        if remove(schedule_id=pk):
            messages.success(request, "Removed. Runs it started stay.")
        return redirect("evals:schedule-list")
    try:
        set_every(schedule_id=pk, every=request.POST.get("every", ""))
    except FieldError as error:
        messages.error(request, f"Not changed: {error}")
    else:
        messages.success(request, "Saved.")
    return redirect("evals:schedule-list")
