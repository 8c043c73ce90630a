"""Editing the policy: one place at a time as a form, or the whole as a document. Checking writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from arena.accounts.roles import person, role_required
from arena.models import Role
from arena.ui.htmx import HtmxHttpRequest
from evals.catalog.queries.categories import category_cards
from evals.catalog.queries.contenders import contender_cards
from routing.models import PolicyVersion
from routing.policy import queries, services
from routing.policy.describe import place_name, policy_change_groups
from routing.policy.diff import policy_diff
from routing.policy.forms import EVERY, FORM_ACTIONS, MOST_ROUTES, WHOLE, Editor, PolicyDocumentForm
from routing.policy.parse import PolicyError, default_document, parse
from routing.policy.references import notices
from routing.policy.text import FORMS, Form, write_text
from routing.publishing import publisher
from routing.publishing.page import preview_context
from routing.publishing.summaries import publication_notice


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def every(request: HtmxHttpRequest) -> HttpResponse:
    return _edit(request, EVERY)


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def category(request: HtmxHttpRequest, slug: str) -> HttpResponse:
    """Works for a category that does not exist yet: the policy may come before its first task."""
    return _edit(request, f"categories.{slug}")


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def table(request: HtmxHttpRequest) -> HttpResponse:
    return _edit(request, WHOLE)


def _edit(request: HtmxHttpRequest, place: str) -> HttpResponse:
    """POST with `act`: `save`; `check` shows what would be published and saves nothing; else the form changes. htmx
    gets the form alone."""
    now, titles = queries.policy(), _titles()
    stored = now.document if now else default_document()
    context: dict[str, Any] = {}
    if request.method == "POST":
        editor = Editor.posted(request.POST, stored, place)
        act = request.POST.get("act", "").partition("-")[0]
        if act not in FORM_ACTIONS and (editor.reason.is_valid() or act != "save"):
            saved = _judged(request, editor, act, now, titles, context)
            if saved is not None:
                return saved
    else:
        editor = Editor.stored(stored, place, base=now.version if now else 0)
    if len(editor.routes) > MOST_ROUTES:
        messages.info(request, f"More than {MOST_ROUTES} routes are edited as a document.")
        return redirect("routing:policy-document")
    context |= {
        "editor": editor,
        "name": place_name(place, titles),
        "now": now,
        "full": len(editor.routes) == MOST_ROUTES,
    }
    context["slugs"] = [card.slug for card in contender_cards(retired=False)]
    part = "routing/policy/_form.html" if request.htmx else "routing/policy/edit.html"
    return render(request, part, context)


def _judged(
    request: HttpRequest,
    editor: Editor,
    act: str,
    now: queries.PolicyView | None,
    titles: Mapping[str, str],
    context: dict[str, Any],
) -> HttpResponse | None:
    """Saves, or fills `context` with what would come of it. What is wrong is marked in the form."""
    document = editor.document()
    try:
        if act == "save":
            reason = editor.reason.cleaned_data["reason"]
            made = services.save_policy(document=document, reason=reason, actor=person(request), base=editor.base)
            return _saved(request, made, now)
        context |= _checked(document, titles)
    except PolicyError as error:
        editor.refuse(error)
    except services.PolicyConflictError as error:
        context["conflict"] = _conflict(error, document, titles)
        editor.base = error.newest
    return None


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def document(request: HtmxHttpRequest) -> HttpResponse:
    """The whole policy, typed, pasted or uploaded. `?form=json` writes it as JSON; both are read.

    POST with `act`: `save`; `check` shows what would be published and saves nothing; `json` and `yaml` write what was
    typed in that form. htmx gets the form alone."""
    now, titles = queries.policy(), _titles()
    written: Form = "json" if request.GET.get("form") == "json" else "yaml"
    stored = now.document if now else default_document()
    act = request.POST.get("act")
    saving = act not in ("check", *FORMS)
    form = PolicyDocumentForm(
        request.POST if request.method == "POST" else None,
        request.FILES or None,
        needed=saving,
        initial={"document": write_text(stored, written), "base": now.version if now else 0},
    )
    context: dict[str, Any] = {"form": form, "now": now}
    if form.is_bound and form.is_valid():
        given = form.cleaned_data["document"]
        try:
            if saving:
                data = form.cleaned_data
                made = services.save_policy(
                    document=given, reason=data["reason"], actor=person(request), base=data["base"]
                )
                return _saved(request, made, now)
            if act == "check":
                context |= _checked(given, titles)
            elif isinstance(given, dict):
                form.write(given, "json" if act == "json" else "yaml")
        except PolicyError as error:
            form.refuse(error)
        except services.PolicyConflictError as error:
            context["conflict"] = _conflict(error, given, titles)
            form.go_on_from(error.newest)
    # Saving will ask for a reason, whatever was asked for now.
    form.fields["reason"].required = True
    context["written"] = form.written or written
    part = "routing/policy/_document_form.html" if request.htmx else "routing/policy/document.html"
    return render(request, part, context)


def _titles() -> dict[str, str]:
    return {card.slug: card.name for card in category_cards()}


def _checked(document: Mapping[str, Any], titles: Mapping[str, str]) -> dict[str, Any]:
    """Raises PolicyError."""
    return preview_context(publisher.preview_policy(document=document), titles) | {"notices": notices(parse(document))}


def _conflict(error: services.PolicyConflictError, document: Any, titles: Mapping[str, str]) -> dict[str, Any]:
    """What the newer policy says otherwise than the one this was made from, and what this says otherwise than it."""
    newest, base = queries.policy(error.newest), queries.policy(error.base)
    assert newest is not None
    before = base.document if base else default_document()
    return {
        "newest": newest,
        "base": error.base,
        "theirs": policy_change_groups(policy_diff(before, newest.document), titles),
        "ours": policy_change_groups(policy_diff(newest.document, parse(document).document), titles),
    }


def _saved(request: HttpRequest, made: PolicyVersion, now: queries.PolicyView | None) -> HttpResponse:
    if now is not None and made.version == now.version:
        messages.info(request, f"These are the rules of policy {now.version} already.")
    else:
        messages.success(request, f"Policy {made.version} saved. {publication_notice()}")
    return redirect("routing:policy")
