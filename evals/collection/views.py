"""Runs: a list, one as it collects, and the buttons that pause, resume and stop it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from arena.accounts.roles import person, role_required
from arena.models import Role
from arena.ui.wording import count
from evals.catalog.images.serving import image_response, nth
from evals.catalog.queries.contenders import askable_contenders, contender_card
from evals.collection import services as service
from evals.collection import wake
from evals.collection.comparison.consistency import run_consistency
from evals.collection.comparison.page import consistency_rows
from evals.collection.forms import BudgetForm, RunForm, newest_versions
from evals.collection.queries.check_rates import CheckRate, CheckRow, check_rates
from evals.collection.queries.rescores import rescore_state
from evals.collection.queries.runs import run_list as newest_runs
from evals.collection.queries.runs import run_view
from evals.collection.rescoring import ask_rescore
from evals.collection.run_page import EstimateParts, estimate_parts, listed, run_parts
from evals.collection.services import RunError
from evals.models import Contender, Generation, Run, TaskSet, TaskSetVersion
from evals.models.generations import ErrorCategory
from evals.voting.queries.blinding import blinding_of

__all__ = [
    "run",
    "run_again",
    "run_budget",
    "run_estimate",
    "run_list",
    "run_new",
    "run_pause",
    "run_progress",
    "run_rescore",
    "run_resume",
    "run_retry",
    "run_stop",
    "task_set_rescore",
]


@require_safe
@role_required(Role.VIEWER)
def run_list(request: HttpRequest) -> HttpResponse:
    return render(request, "evals/collection/run_list.html", {"runs": [listed(line) for line in newest_runs()]})


@require_safe
@never_cache
@role_required(Role.VIEWER)
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    found = _found(run_id)
    context = _context(request, found)
    if context["shows_details"]:
        # How a contender's answers are, by its name: not for people who vote.
        context |= _checks(found) | {
            "consistent": consistency_rows(run_consistency(found)),
            "rescoring": {
                "may": person(request).may(Role.EDITOR),
                "url": reverse("evals:run-rescore", args=[found.pk]),
                **rescore_state(run=found),
            },
        }
    return render(request, "evals/collection/run.html", context)


# Rows of a run's checks on its page; the API has them all.
_SHOWN = 200


@dataclass(frozen=True)
class _CheckedRow:
    """With a rate, or none, for each type of check in the run."""

    contender: str
    category_name: str
    success: CheckRate
    rates: list[tuple[str, CheckRate | None]]


def _checks(found: Run) -> dict[str, object]:
    rows = check_rates(found)
    types = sorted({kind for row in rows for kind, _ in row.checks})
    return {
        "check_types": types,
        "checked": [_checked_row(row, types) for row in rows[:_SHOWN]],
        "checked_more": max(0, len(rows) - _SHOWN),
    }


def _checked_row(row: CheckRow, types: list[str]) -> _CheckedRow:
    of = dict(row.checks)
    return _CheckedRow(row.contender, row.category_name, row.success, [(kind, of.get(kind)) for kind in types])


@require_safe
@never_cache
@role_required(Role.EDITOR)
def generation_image(request: HttpRequest, pk: int, n: int) -> HttpResponse:
    """The nth image of an answer, to those who may read answers with their contenders' names (`evals:read`)."""
    return image_response(nth(Generation.objects.filter(pk=pk).values_list("images", flat=True).first(), n))


@require_safe
@never_cache
@role_required(Role.VIEWER)
def run_progress(request: HttpRequest, run_id: int) -> HttpResponse:
    """Only the part that changes. If the run has left the state in which the page was rendered, its title and buttons
    are stale too: then the whole page is loaded again, once."""
    found = _found(run_id)
    if request.GET.get("state") != found.state:
        return HttpResponseClientRefresh()
    return render(request, "evals/collection/_run_progress.html", _context(request, found))


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def run_new(request: HttpRequest) -> HttpResponse:
    """`?task-set=` and `?contender=` (repeatable) preselect; without contenders, all are selected."""
    versions, offered = newest_versions(), list(askable_contenders())
    if not versions or not offered:
        return render(request, "evals/collection/run_new_empty.html", {"versions": versions, "offered": offered})
    initial = {
        "version": request.GET.get("task-set", ""),
        "contenders": request.GET.getlist("contender") or [contender.slug for contender in offered],
    }
    form = RunForm(request.POST or None, initial=initial, versions=versions, offered=offered)
    if request.method == "POST" and "estimate" not in request.POST and form.is_valid():
        started = form.start(started_by=person(request))
        if started is not None:
            transaction.on_commit(wake.wake_workers)
            return redirect("evals:run", started.pk)
    return render(
        request,
        "evals/collection/run_new.html",
        {
            "form": form,
            "offered": [(one, contender_card(one).price) for one in offered],
            "parts": _estimated(form, versions, offered),
        },
    )


@require_POST
@role_required(Role.EDITOR)
def run_estimate(request: HttpRequest) -> HttpResponse:
    """The part of the page for a new run that says what it would ask, cost and take. Starts nothing."""
    versions, offered = newest_versions(), list(askable_contenders())
    form = RunForm(request.POST, versions=versions, offered=offered)
    context = {"form": form, "parts": _estimated(form, versions, offered)}
    return render(request, "evals/collection/_estimate.html", context)


def _estimated(form: RunForm, versions: list[TaskSetVersion], offered: list[Contender]) -> EstimateParts | None:
    if not form.is_bound:
        # As it is shown: every field's initial value.
        shown = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
        shown["version"] = shown["version"] or versions[0].task_set.slug
        form = RunForm(shown, versions=versions, offered=offered)
    found = form.estimate()
    return None if found is None else estimate_parts(found)


@require_POST
@role_required(Role.EDITOR)
def run_again(request: HttpRequest, run_id: int) -> HttpResponse:
    """The same suite on the newest task set version and the newest revisions of its contenders."""
    found = _found(run_id)
    try:
        started = service.rerun(run=found, started_by=person(request))
    except RunError as error:
        return _refused(request, found, error)
    transaction.on_commit(wake.wake_workers)
    messages.success(request, f"Run {started.pk} started: the suite of run {found.pk} on the latest contenders.")
    return redirect("evals:run", started.pk)


@require_POST
@role_required(Role.EDITOR)
def run_stop(request: HttpRequest, run_id: int) -> HttpResponse:
    by = f"Stopped by {person(request).name}. Answers collected so far are kept."
    return _steer(request, run_id, lambda found: service.stop(run=found, reason=by), "stopped")


@require_POST
@role_required(Role.EDITOR)
def run_pause(request: HttpRequest, run_id: int) -> HttpResponse:
    by = f"Paused by {person(request).name}."
    return _steer(request, run_id, lambda found: service.pause(run=found, reason=by), "paused")


@require_POST
@role_required(Role.EDITOR)
def run_resume(request: HttpRequest, run_id: int) -> HttpResponse:
    return _steer(request, run_id, lambda found: service.resume(run=found), "resumed")


@require_POST
@role_required(Role.EDITOR)
def run_retry(request: HttpRequest, run_id: int) -> HttpResponse:
    """`error`, repeatable, limits what is retried; by default everything that failed is."""
    found = _found(run_id)
    errors = [error for error in request.POST.getlist("error") if error in ErrorCategory.values]
    try:
        reopened = service.retry_failed(run=found, errors=errors)
    except RunError as error:
        return _refused(request, found, error)
    transaction.on_commit(wake.wake_workers)
    words = f"Retrying {count(reopened, 'answer')}." if reopened else "There was nothing to retry."
    messages.success(request, words)
    return redirect("evals:run", found.pk)


@require_POST
@role_required(Role.EDITOR)
def run_rescore(request: HttpRequest, run_id: int) -> HttpResponse:
    """Scores the run's answers again, without asking for them again."""
    found = _found(run_id)
    _, new = ask_rescore(run=found, who=person(request).name)
    messages.success(request, _RESCORING if new else _RESCORING_ALREADY)
    return redirect("evals:run", found.pk)


@require_POST
@role_required(Role.EDITOR)
def task_set_rescore(request: HttpRequest, slug: str) -> HttpResponse:
    """The same for the answers of all its runs and imports."""
    _, new = ask_rescore(task_set=get_object_or_404(TaskSet, slug=slug), who=person(request).name)
    messages.success(request, _RESCORING if new else _RESCORING_ALREADY)
    return redirect("evals:task-set", slug)


_RESCORING = "The answers are being scored again. This page says what changed."
_RESCORING_ALREADY = "The answers are being scored again already."


@require_POST
@role_required(Role.EDITOR)
def run_budget(request: HttpRequest, run_id: int) -> HttpResponse:
    found = _found(run_id)
    form = BudgetForm(request.POST)
    if form.is_valid() and form.save(run=found):
        transaction.on_commit(wake.wake_workers)
        messages.success(request, f"Budget of run {found.pk} changed.")
    else:
        messages.error(request, f"Budget not changed. {' '.join(map(str, form.errors.get('budget_usd', [])))}")
    return redirect("evals:run", found.pk)


def _found(run_id: int) -> Run:
    return get_object_or_404(Run.objects.select_related("version__task_set", "started_by"), pk=run_id)


def _context(request: HttpRequest, found: Run) -> dict[str, object]:
    """What a provider answered to a failed call may quote a text, so people who vote do not read it under a name."""
    view = run_view(found)
    return {
        "view": view,
        "compare_url": f"{reverse('evals:run-compare')}?after={found.pk}",
        "shows_details": not blinding_of(request.user).vote_in,
        "parts": run_parts(view),
        "budget": BudgetForm(
            initial={"budget_usd": found.budget_usd, "allow_unknown_costs": found.allow_unknown_costs}
        ),
    }


def _steer(request: HttpRequest, run_id: int, act: Callable[[Run], bool], done: str) -> HttpResponse:
    """If another user was first, the message says which state the run is in."""
    found = _found(run_id)
    try:
        moved = act(found)
    except RunError as error:
        return _refused(request, found, error)
    if moved:
        transaction.on_commit(wake.wake_workers)
        messages.success(request, f"Run {found.pk} {done}.")
    else:
        messages.error(request, f"Run {found.pk} was not {done}: it is {found.state} already.")
    return redirect("evals:run", found.pk)


def _refused(request: HttpRequest, found: Run, error: RunError) -> HttpResponse:
    messages.error(request, str(error))
    return redirect("evals:run", found.pk)
