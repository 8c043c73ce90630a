"""Signing in by a one-time link, signing out, one's own settings; and the page on which admins manage people."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME, login, logout
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from arena.accounts import services
from arena.accounts.forms import NewPersonForm, PersonForm, SettingsForm, VotingForm
from arena.accounts.languages import translated
from arena.accounts.roles import person, role_required
from arena.models import Role, User

# Kept in the session from the sign-in page to the link, which usually comes by mail and knows of no page.
_NEXT = "sign_in_next"


@translated
@require_safe
@never_cache
def sign_in(request: HttpRequest) -> HttpResponse:
    """How to get a link. Asks for no name, so it cannot tell who exists."""
    target = _safe_target(request, request.GET.get(REDIRECT_FIELD_NAME, ""))
    if target:
        request.session[_NEXT] = target
    return render(request, "accounts/sign_in.html", {"target": target})


@translated
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def link(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows a button and spends nothing; POST signs in."""
    if request.method != "POST":
        owner = services.link_owner(token)
        return render(request, "accounts/link.html", {"owner": owner}, status=200 if owner else 410)
    target = request.session.get(_NEXT, "")
    user = services.use_sign_in_link(token=token)
    if user is None:
        return render(request, "accounts/link.html", {"owner": None}, status=410)
    if isinstance(request.user, User) and request.user != user:
        logout(request)
    login(request, user, backend="arena.accounts.sessions.PersonBackend")
    request.session.pop(_NEXT, None)
    return redirect(_safe_target(request, target) or reverse("home"))


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("home")


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.VIEWER)
def settings(request: HttpRequest) -> HttpResponse:
    form = SettingsForm(request.POST or None, instance=person(request))
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Settings saved.")
        return redirect("accounts:settings")
    return render(request, "accounts/settings.html", {"form": form})


@translated
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@role_required(Role.VIEWER)
def voting(request: HttpRequest) -> HttpResponse:
    """How one votes: language and keys."""
    form = VotingForm(person(request), request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        if form.user.language:
            # The sentence is read on the next page, which is in the language just chosen.
            translation.activate(form.user.language)
        messages.success(request, _("Saved."))
        return redirect("accounts:voting")
    return render(request, "accounts/voting.html", {"form": form})


@require_safe
def admin_sign_in(request: HttpRequest) -> HttpResponse:
    target = _safe_target(request, request.GET.get(REDIRECT_FIELD_NAME, "")) or reverse("admin:index")
    return redirect(f"{reverse('accounts:sign-in')}?{urlencode({REDIRECT_FIELD_NAME: target})}")


def _safe_target(request: HttpRequest, target: str) -> str:
    """`target` if it is an address of ours, else empty."""
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if safe else ""


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@role_required(Role.ADMIN)
def people(request: HttpRequest) -> HttpResponse:
    """POST adds somebody and shows their link, once."""
    form = NewPersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        added, _ = services.save_person(username=form.cleaned_data["username"], role=Role(form.cleaned_data["role"]))
        return _people_page(request, NewPersonForm(), fresh=added)
    return _people_page(request, form)


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
    return _people_page(request, NewPersonForm(), fresh=get_object_or_404(User, pk=pk, is_active=True))


def _people_page(request: HttpRequest, form: NewPersonForm, *, fresh: User | None = None) -> HttpResponse:
    """With `fresh`: makes a link for them and shows it; it is told nowhere else and never again."""
    context: dict[str, Any] = {"form": form, "people": _everybody(), "roles": Role.choices}
    if fresh is not None:
        path = reverse("accounts:link", args=[services.create_sign_in_link(user=fresh)])
        context |= {"fresh": fresh, "link": request.build_absolute_uri(path)}
    return render(request, "accounts/people.html", context)


def _everybody() -> QuerySet[User]:
    return User.objects.order_by("-is_active", "username")
