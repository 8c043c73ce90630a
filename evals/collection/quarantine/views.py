"""The quarantine: answers that reviewers do not see, and releasing or confirming them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http import HTTPStatus

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from arena.accounts.roles import person, role_required
from arena.models import Role
from arena.ui.paging import page_of
from evals.collection.quarantine.cases import DecisionError, confirm, release
from evals.collection.quarantine.queries import (
    PAGE_SIZE,
    CaseFilter,
    case_page,
    case_rows,
    filter_choices,
    open_cases,
)
from evals.models import QuarantineCase

__all__ = ["quarantine", "quarantine_case", "quarantine_confirm", "quarantine_release"]

_STATES = (("open", "Open"), ("confirmed", "Confirmed"), ("released", "Released"), ("all", "All"))


@require_safe
@never_cache
@role_required(Role.EDITOR)
def quarantine(request: HttpRequest) -> HttpResponse:
    """`?state=`, `?category=`, `?contender=`, `?source=`; without a state, those that wait for a decision."""
    return render(request, "evals/collection/quarantine.html", _list(request))


@require_safe
@never_cache
@role_required(Role.EDITOR)
def quarantine_case(request: HttpRequest, pk: int) -> HttpResponse:
    """One case with the whole answer."""
    page = case_page(pk)
    if page is None:
        raise Http404
    return render(request, "evals/collection/quarantine_case.html", {"page": page, "case": page.row})


@require_POST
@role_required(Role.EDITOR)
def quarantine_release(request: HttpRequest, pk: int) -> HttpResponse:
    words = "Released: reviewers are shown the answer again."
    return _decided(request, pk, release, words)


@require_POST
@role_required(Role.EDITOR)
def quarantine_confirm(request: HttpRequest, pk: int) -> HttpResponse:
    return _decided(request, pk, confirm, "Confirmed: the answer stays out.")


def _decided(request: HttpRequest, pk: int, act: Callable[..., QuarantineCase], words: str) -> HttpResponse:
    """Back to the list that the case was decided from, in place where htmx asks; else to the case."""
    case = get_object_or_404(QuarantineCase, pk=pk)
    who, refused = person(request), ""
    try:
        act(case=case, reason=request.POST.get("reason", ""), who=who.name, user=who)
    except DecisionError as error:
        refused = str(error)
    if request.POST.get("list") and getattr(request, "htmx", False):
        context = _list(request, path=reverse("evals:quarantine")) | {
            "words": "" if refused else words,
            "refused": refused,
        }
        return render(request, "evals/collection/_quarantine_list.html", context)
    if refused:
        messages.error(request, refused)
    else:
        messages.success(request, words)
    if request.POST.get("list"):
        response = redirect(f"{reverse('evals:quarantine')}?{request.GET.urlencode()}")
    else:
        response = redirect("evals:quarantine-case", pk)
    response.status_code = HTTPStatus.SEE_OTHER
    return response


def _list(request: HttpRequest, *, path: str = "") -> dict[str, object]:
    asked = {name: request.GET.get(name, "") for name in ("state", "category", "contender", "source")}
    state = asked["state"] if asked["state"] in dict(_STATES) else "open"
    kept = {name: value for name, value in asked.items() if value}
    wanted = CaseFilter(**{**asked, "state": "" if state == "all" else state})
    path = path or request.path
    page = page_of(request, partial(case_rows, wanted), size=PAGE_SIZE, key=lambda row: row.id, path=path)
    categories, contenders = filter_choices()
    others = {name: value for name, value in kept.items() if name != "state"}
    return {
        "page": page,
        "rows": page.rows,
        "state": state,
        "asked": asked,
        "filtered": bool(others),
        "query": urlencode(kept),
        "views": [(f"{path}?{urlencode({'state': key} | others)}", label, key == state) for key, label in _STATES],
        "open": open_cases(),
        "categories": categories,
        "contenders": contenders,
    }
