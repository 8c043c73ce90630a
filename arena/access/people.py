"""Who may sign in, and as what: an admin's page."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from arena.access import services
from arena.access.forms import NewPersonForm, PersonForm
from arena.access.roles import person, role_required
from arena.models import Role, User


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@role_required(Role.ADMIN)
def people(request: HttpRequest) -> HttpResponse:
    """POST adds somebody and shows their link, once."""
    form = NewPersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        added, _ = services.save_person(username=form.cleaned_data["username"], role=Role(form.cleaned_data["role"]))
        return _page(request, NewPersonForm(), fresh=added)
    return _page(request, form)


@require_POST
@role_required(Role.ADMIN)
def person_change(request: HttpRequest, pk: int) -> HttpResponse:
    someone = get_object_or_404(User, pk=pk)
    form = PersonForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Not changed: choose a role from the list.")
        return redirect("accounts:people")
    role = Role(form.cleaned_data["role"])
    try:
        services.change_person(
            person=someone, role=role, active=bool(form.cleaned_data["active"]), actor=person(request)
        )
    except services.PersonError as error:
        messages.error(request, f"Not changed: {error}")
    else:
        messages.success(request, f"{someone.name}: saved.")
    return redirect("accounts:people")


@require_POST
@never_cache
@role_required(Role.ADMIN)
def person_link(request: HttpRequest, pk: int) -> HttpResponse:
    return _page(request, NewPersonForm(), fresh=get_object_or_404(User, pk=pk, is_active=True))


def _page(request: HttpRequest, form: NewPersonForm, *, fresh: User | None = None) -> HttpResponse:
    """With `fresh`: makes a link for them and shows it; it is told nowhere else and never again."""
    context: dict[str, Any] = {"form": form, "people": _everybody(), "roles": Role.choices}
    if fresh is not None:
        path = reverse("accounts:link", args=[services.create_sign_in_link(user=fresh)])
        context |= {"fresh": fresh, "link": request.build_absolute_uri(path)}
    return render(request, "accounts/people.html", context)


def _everybody() -> QuerySet[User]:
    return User.objects.order_by("-is_active", "username")
