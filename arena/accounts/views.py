"""Signing in by a one-time link, signing out, one's own settings; and the page on which admins manage people."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings as django_settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from arena.accounts import services
from arena.accounts import sessions as open_sessions
from arena.accounts.forms import NewPersonForm, PersonForm, SettingsForm, VotingForm
from arena.accounts.languages import translated
from arena.accounts.roles import person, role_required
from arena.models import Role, User

# Kept in the browser from the sign-in page to the link, which usually comes by mail and knows of no page. Not in a
# session: there is none before somebody signs in.
_NEXT = "sign_in_next"
_NEXT_FOR_S = 3600
# Browsers keep no cookie of over 4,096 bytes; its signature is a part of that.
_LONGEST_NEXT = 2000


@translated
@require_safe
@never_cache
def sign_in(request: HttpRequest) -> HttpResponse:
    """How to get a link. Asks for no name, so it cannot tell who exists."""
    target = _safe_target(request, request.GET.get(REDIRECT_FIELD_NAME, ""))
    page = render(request, "accounts/sign_in.html", {"target": target})
    if target and len(target) <= _LONGEST_NEXT:
        secure = django_settings.SESSION_COOKIE_SECURE
        page.set_signed_cookie(_NEXT, target, max_age=_NEXT_FOR_S, secure=secure, httponly=True, samesite="Lax")
    return page


@translated
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def link(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows a button and spends nothing; POST signs in."""
    if request.method != "POST":
        owner = services.link_owner(token)
        return render(request, "accounts/link.html", {"owner": owner}, status=200 if owner else 410)
    target = request.get_signed_cookie(_NEXT, default="", max_age=_NEXT_FOR_S) or ""
    user = services.use_sign_in_link(token=token)
    if user is None:
        return render(request, "accounts/link.html", {"owner": None}, status=410)
    open_sessions.sign_in(request, user)
    answer = redirect(_safe_target(request, target) or reverse("home"))
    answer.delete_cookie(_NEXT, samesite="Lax")
    return answer


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
        changed = services.change_person(
            person=someone, role=role, active=bool(form.cleaned_data["active"]), actor=person(request)
        )
    except services.PersonError as error:
        messages.error(request, f"Not changed: {error}")
    else:
        if changed == request.user and changed.is_active:
            open_sessions.keep_signed_in(request, changed)
        messages.success(request, f"{someone.name}: saved.")
    return redirect("accounts:people")


@require_POST
@never_cache
@role_required(Role.ADMIN)
def person_link(request: HttpRequest, pk: int) -> HttpResponse:
    return _people_page(request, NewPersonForm(), fresh=get_object_or_404(User, pk=pk, is_active=True))


@require_POST
@role_required(Role.ADMIN)
def person_link_end(request: HttpRequest, pk: int) -> HttpResponse:
    someone = get_object_or_404(User, pk=pk)
    ended = services.end_sign_in_link(user=someone)
    messages.success(request, f"The link for {someone.name} {'no longer works' if ended else 'had ended already'}.")
    return redirect("accounts:people")


@require_safe
@never_cache
@role_required(Role.VIEWER)
def sessions(request: HttpRequest) -> HttpResponse:
    """Where one is signed in."""
    return _sessions_page(request, person(request))


@require_POST
@role_required(Role.VIEWER)
def sessions_end(request: HttpRequest) -> HttpResponse:
    _end_sessions(request, person(request))
    return redirect("accounts:session-list")


@require_safe
@never_cache
@role_required(Role.ADMIN)
def person_sessions(request: HttpRequest, pk: int) -> HttpResponse:
    return _sessions_page(request, get_object_or_404(User, pk=pk))


@require_POST
@role_required(Role.ADMIN)
def person_sessions_end(request: HttpRequest, pk: int) -> HttpResponse:
    _end_sessions(request, get_object_or_404(User, pk=pk))
    return redirect("accounts:person-session-list", pk=pk)


def _sessions_page(request: HttpRequest, someone: User) -> HttpResponse:
    own = someone == request.user
    end = reverse("accounts:session-end") if own else reverse("accounts:person-session-end", args=[someone.pk])
    found = open_sessions.open_sessions(someone, this=request.session.session_key)
    return render(request, "accounts/sessions.html", {"someone": someone, "own": own, "end": end, "found": found})


def _end_sessions(request: HttpRequest, someone: User) -> None:
    """The one that is named, else all but the one that asks, which the button to sign out ends."""
    named = request.POST.get("id")
    ended = open_sessions.end_sessions(someone, ids=None if named is None else [named], but=request.session.session_key)
    if not ended:
        messages.info(request, "Nothing to end: what was listed had ended already.")
    else:
        messages.success(request, "1 session ended." if ended == 1 else f"{ended} sessions ended.")


def _people_page(request: HttpRequest, form: NewPersonForm, *, fresh: User | None = None) -> HttpResponse:
    """With `fresh`: makes a link for them and shows it; it is told nowhere else and never again."""
    context: dict[str, Any] = {"form": form, "people": services.everybody(), "roles": Role.choices}
    if fresh is not None:
        path = reverse("accounts:link", args=[services.create_sign_in_link(user=fresh)])
        context |= {"fresh": fresh, "link": request.build_absolute_uri(path)}
    return render(request, "accounts/people.html", context)
