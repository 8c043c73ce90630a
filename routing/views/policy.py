"""The policy: shown to all, edited as one document by editors."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from arena.access.roles import person, role_required
from arena.models import Role
from evals.selectors.categories import category_cards
from routing import publishing, selectors, services
from routing.forms import PolicyForm
from routing.policies import PolicyError, default_document


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.VIEWER)
def policy(request: HttpRequest) -> HttpResponse:
    """POST with `check` shows what the document would publish, without saving it; else saves a new version."""
    now = selectors.policy()
    may_edit = person(request).may(Role.EDITOR)
    if request.method == "POST" and not may_edit:
        raise PermissionDenied("Editing the policy needs the role editor. An admin can change yours under People.")
    form = PolicyForm(request.POST or None, initial={"document": _written(now.document if now else default_document())})
    context: dict[str, Any] = {"form": form, "now": now, "may_edit": may_edit, "history": selectors.policies()}
    if request.method == "POST":
        checking = "check" in request.POST
        if checking:
            form.fields["reason"].required = False
        if form.is_valid():
            try:
                if not checking:
                    return _saved(request, form, now)
                result = publishing.preview(document=form.cleaned_data["document"])
            except PolicyError as error:
                form.refuse(error)
            else:
                titles = {card.slug: card.name for card in category_cards()}
                context |= {
                    "result": result,
                    "rows": [
                        (titles.get(one.category, one.category), one.category, one.verdict) for one in result.decisions
                    ],
                    "names": list((result.document or {}).get("models", ())),
                }
    return render(request, "routing/policy.html", context)


def _saved(request: HttpRequest, form: PolicyForm, now: selectors.PolicyView | None) -> HttpResponse:
    made = services.save_policy(
        document=form.cleaned_data["document"], reason=form.cleaned_data["reason"], actor=person(request)
    )
    if now is not None and made.version == now.version:
        messages.info(request, f"These are the rules of policy {now.version} already.")
    else:
        messages.success(request, f"Policy {made.version} saved. What it changes is published next.")
    return redirect("routing:policy")


def _written(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)
