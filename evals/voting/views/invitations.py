"""Invitations: editors make and revoke links, and people accept them."""

from __future__ import annotations

import secrets

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from arena.accounts.languages import translated
from arena.accounts.roles import person, role_required
from arena.accounts.sessions import keep_signed_in, sign_in
from arena.models import Role, User
from arena.ui.paging import page_of
from evals.models import Invitation
from evals.voting.forms import InvitationForm, JoinForm
from evals.voting.invitations import (
    InvitationError,
    accept,
    accept_as,
    invitations,
    invite,
    revoke,
    usable_invitation,
)

__all__ = ["invitation_list", "invitation_revoke", "join"]

PAGE_SIZE = 50


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@role_required(Role.EDITOR)
def invitation_list(request: HttpRequest) -> HttpResponse:
    """POST makes a link and shows it, once."""
    form = InvitationForm(request.POST or None, initial={"group": request.GET.get("group")})
    link = ""
    if request.method == "POST" and form.is_valid():
        try:
            token = invite(**form.cleaned_data, actor=person(request))
        except InvitationError as error:
            form.add_error(None, str(error))
        else:
            link = request.build_absolute_uri(reverse("evals:join", args=[token]))
    page = page_of(request, invitations, size=PAGE_SIZE, key=lambda line: line.id)
    context = {
        "form": InvitationForm() if link else form,
        "link": link,
        "made": form.cleaned_data["label"] if link else "",
        "page": page,
    }
    return render(request, "evals/voting/invitation_list.html", context)


@require_POST
@role_required(Role.EDITOR)
def invitation_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    invitation = get_object_or_404(Invitation, pk=pk)
    if revoke(invitation=invitation, actor=person(request)):
        messages.success(request, f"The link for {invitation.label} is revoked. People who accepted it stay.")
    return redirect("evals:invitation-list")


@translated
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def join(request: HttpRequest, token: str) -> HttpResponse:
    """GET uses nothing up. POST makes a reviewer and signs them in; somebody who is signed in joins as who they are."""
    user = request.user if isinstance(request.user, User) else None
    if request.method == "POST" and user is not None:
        try:
            accept_as(token=token, person=user)
        except InvitationError:
            return _not_valid(request)
        # They may have become a reviewer, which ends what they were signed in by.
        keep_signed_in(request, user)
        messages.success(request, _("You may vote in the categories listed here."))
        return redirect("evals:vote")
    invitation = usable_invitation(token)
    form = JoinForm(request.POST or None, initial={"form_key": secrets.token_urlsafe(16)})
    if request.method == "POST" and form.is_valid():
        try:
            made = accept(token=token, **form.cleaned_data)
        except InvitationError as error:
            if invitation is None:
                return _not_valid(request)
            form.add_error("name", str(error))
        else:
            sign_in(request, made)
            messages.success(request, _("Welcome, %s.") % made.name)
            return redirect("evals:vote")
    if invitation is None:
        return _not_valid(request)
    return render(request, "evals/voting/join.html", {"invitation": invitation, "form": form})


def _not_valid(request: HttpRequest) -> HttpResponse:
    return render(request, "evals/voting/join.html", {"invitation": None}, status=410)
