"""Publishing, rolling back, freezing: each is confirmed with a reason."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from arena.accounts.roles import person, role_required
from arena.models import Role
from arena.ui.wording import count
from evals.catalog.queries.categories import category_cards
from routing.publishing import freezing, publisher, queries
from routing.publishing.forms import FreezeForm, PublishForm, RollbackForm
from routing.publishing.page import names, preview_context


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def publish(request: HttpRequest) -> HttpResponse:
    """GET shows what would be published now, and what waits for approval; POST publishes what then is due."""
    ticked = request.POST.getlist("approve")
    form = PublishForm(request.POST if request.method == "POST" else None, approve=ticked)
    if request.method == "POST" and form.is_valid():
        try:
            reason, approve = form.cleaned_data["reason"], form.approve or None
            result = publisher.publish(actor=person(request).name, reason=reason, approve=approve)
        except publisher.ApprovalError as error:
            form.add_error(None, str(error))
        else:
            if result.published:
                messages.success(request, f"Version {result.version} published.")
            else:
                messages.info(request, result.frozen or _nothing_published(len(result.waiting)))
            return redirect("routing:live")
    titles = {card.slug: card.name for card in category_cards()}
    result = publisher.publish(actor=person(request).name, dry_run=True)
    context = preview_context(result, titles) | {
        "form": form,
        "waiting": [(titles.get(one.category, one.category), one) for one in result.waiting],
        "ticked": ticked,
        "frozen": queries.frozen(),
    }
    return render(request, "routing/publishing/publish.html", context)


def _nothing_published(waiting: int) -> str:
    message = "Nothing published: every decision is as it was"
    if not waiting:
        return f"{message}."
    return f"{message}, and {count(waiting, 'change')} still {'waits' if waiting == 1 else 'wait'} for approval."


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def rollback(request: HttpRequest) -> HttpResponse:
    """GET asks for a version; with `?to=` it shows what rolling back to it would change. POST rolls back."""
    lines = queries.tables(limit=200)
    choices = [(line.version, f"Version {line.version}, {line.cause}: {line.reason[:80]}") for line in lines[1:]]
    posted = request.method == "POST"
    form = RollbackForm(
        request.POST if posted else request.GET if "to" in request.GET else None, versions=choices, needed=posted
    )
    context: dict[str, Any] = {"form": form, "newest": lines[0] if lines else None, "choices": choices}
    if form.is_bound and "to" not in form.errors:
        to, actor = form.cleaned_data["to"], person(request).name
        try:
            if posted and form.is_valid():
                result = publisher.rollback(to=to, reason=form.cleaned_data["reason"], actor=actor)
                notice = f"Version {result.version} published with the decisions of {to}. Publishing is frozen."
                messages.success(request, notice)
                return redirect("routing:live")
            result = publisher.rollback(to=to, actor=actor, dry_run=True)
        except publisher.RollbackError as error:
            form.add_error("to", str(error))
        else:
            titles = {card.slug: card.name for card in category_cards()}
            document = result.document or {"models": {}}
            context |= preview_context(result, titles) | {"names": names(document), "asked": to}
    form.fields["reason"].required = True  # to roll back; not to look
    return render(request, "routing/publishing/rollback.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def freeze(request: HttpRequest) -> HttpResponse:
    """Freezes, or with `lift` lifts the freeze that the person was shown, and no newer one."""
    frozen = queries.frozen()
    form = FreezeForm(
        request.POST if request.method == "POST" else None, initial={"seen": frozen.at.isoformat() if frozen else ""}
    )
    if request.method == "POST" and form.is_valid():
        lift = "lift" in request.POST
        act, given = freezing.unfreeze if lift else freezing.freeze, form.cleaned_data
        try:
            act(reason=given["reason"], actor=person(request).name, seen=given["seen"])
        except freezing.FreezeConflictError as error:
            messages.warning(request, str(error))
            return redirect("routing:freeze")
        if lift:
            messages.success(request, "The freeze is lifted. What was kept back is looked at again.")
        else:
            messages.success(request, "Publishing is frozen. The live table stays as it is.")
        return redirect("routing:live")
    return render(request, "routing/publishing/freeze.html", {"form": form, "frozen": frozen})
