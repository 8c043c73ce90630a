"""Who is told of publications, and what became of telling: an admin's pages."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from arena.accounts.roles import person, role_required
from arena.models import Role
from arena.ui.paging import page_of
from routing.webhooks import queries, services
from routing.webhooks.forms import DisableForm, EventsForm, ReplayFailedForm, ReplayForm, TestForm, WebhookForm
from routing.webhooks.queries import WebhookLine
from routing.webhooks.queue import ATTEMPTS

PAGE = 25


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@role_required(Role.ADMIN)
def webhook_list(request: HttpRequest) -> HttpResponse:
    """POST adds one and shows its secret, once."""
    form = WebhookForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and (added := form.save(actor=person(request).name)) is not None:
        return _page(request, _found(added.webhook_id), secret=added.secret)
    return render(request, "routing/webhooks/webhook_list.html", {"form": form, "webhooks": queries.webhooks()})


@require_safe
@never_cache
@role_required(Role.ADMIN)
def webhook(request: HttpRequest, pk: int) -> HttpResponse:
    """`?before=7`: the page of deliveries older than delivery 7."""
    return _page(request, _found(pk))


@require_POST
@never_cache
@role_required(Role.ADMIN)
def webhook_secret(request: HttpRequest, pk: int) -> HttpResponse:
    """A new secret, shown once."""
    line = _found(pk)
    try:
        secret = services.rotate_secret(webhook_id=pk, actor=person(request).name)
    except services.WebhookError as error:
        messages.error(request, f"Not changed: {error}")
        return redirect("routing:webhook", pk)
    return _page(request, line, secret=secret)


@require_POST
@role_required(Role.ADMIN)
def webhook_state(request: HttpRequest, pk: int) -> HttpResponse:
    """Disables it, or with `enable` takes that back. Either is what it is however often it is asked for."""
    _found(pk)
    name = person(request).name
    if "enable" in request.POST:
        services.enable(webhook_id=pk, actor=name)
        messages.success(request, "Enabled. What was given up meanwhile can be replayed.")
        return redirect("routing:webhook", pk)
    form = DisableForm(request.POST)
    why = form.cleaned_data["reason"].strip() if form.is_valid() else ""
    services.disable(webhook_id=pk, reason=f"{name}: {why}" if why else f"By {name}.")
    messages.success(request, "Disabled. Nothing more is sent there.")
    return redirect("routing:webhook", pk)


@require_POST
@role_required(Role.ADMIN)
def webhook_events(request: HttpRequest, pk: int) -> HttpResponse:
    line = _found(pk)
    form = EventsForm(request.POST)
    if not form.is_valid():
        return _page(request, line, events=form)
    form.save_for(pk, actor=person(request).name)
    messages.success(request, "Saved. It holds from the next message on.")
    return redirect("routing:webhook", pk)


@require_POST
@role_required(Role.ADMIN)
def webhook_test(request: HttpRequest, pk: int) -> HttpResponse:
    _found(pk)
    form = TestForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Nothing was sent: ask from the webhook's page.")
        return redirect("routing:webhook", pk)
    try:
        services.send_test(webhook_id=pk, key=form.cleaned_data["key"], actor=person(request).name)
    except services.WebhookError as error:
        messages.error(request, f"Nothing was sent. {error}")
    else:
        messages.success(request, "A test message is on its way. Load this page again to see what came of it.")
    return redirect("routing:webhook", pk)


@require_POST
@role_required(Role.ADMIN)
def webhook_replay(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything that was given up since a time."""
    line = _found(pk)
    form = ReplayFailedForm(request.POST)
    if not form.is_valid():
        return _page(request, line, replay=form)
    since = form.cleaned_data["since"]
    try:
        opened = services.replay_failed(webhook_id=pk, since=since, actor=person(request).name)
    except services.WebhookError as error:
        messages.error(request, f"Nothing was replayed. {error}")
    else:
        if opened:
            messages.success(request, f"Replayed: {opened}.")
        else:
            messages.info(request, f"Nothing replayed: {queries.none_given_up(pk, since)}")
    return redirect("routing:webhook", pk)


@require_POST
@role_required(Role.ADMIN)
def delivery_replay(request: HttpRequest, pk: int) -> HttpResponse:
    return _again(
        request,
        pk,
        services.replay,
        done="Replayed, with the id that it had.",
        late="Not replayed: it waits, or another attempt was made since this page was loaded.",
        refused="Not replayed.",
    )


@require_POST
@role_required(Role.ADMIN)
def delivery_send(request: HttpRequest, pk: int) -> HttpResponse:
    """What waits for its next attempt has it now."""
    return _again(
        request,
        pk,
        services.send_now,
        done="On its way. Load this page again to see what came of it.",
        late="Not sent again: it is being sent, or was since this page was loaded.",
        refused="Not sent.",
    )


def _again(
    request: HttpRequest, pk: int, act: Callable[..., bool], *, done: str, late: str, refused: str
) -> HttpResponse:
    """`act` on a delivery as the person was shown it, and in words what came of it."""
    owner = queries.owner(pk)
    if owner is None:
        raise Http404(f"There is no delivery {pk}.")
    form = ReplayForm(request.POST)
    try:
        acted = form.is_valid() and act(delivery_id=pk, seen=form.cleaned_data["seen"], actor=person(request).name)
    except services.WebhookError as error:
        messages.error(request, f"{refused} {error}")
    else:
        if acted:
            messages.success(request, done)
        else:
            messages.info(request, late)
    return redirect("routing:webhook", owner)


def _found(pk: int) -> WebhookLine:
    line = queries.webhook(pk)
    if line is None:
        raise Http404(f"There is no webhook {pk}.")
    return line


def _page(
    request: HttpRequest,
    line: WebhookLine,
    *,
    secret: str = "",
    replay: ReplayFailedForm | None = None,
    events: EventsForm | None = None,
) -> HttpResponse:
    page = page_of(
        request,
        partial(queries.deliveries, line.id),
        size=PAGE,
        key=lambda one: one.id,
        path=reverse("routing:webhook", args=[line.id]),
    )
    context: dict[str, Any] = {
        "webhook": line,
        "secret": secret,
        "secrets": queries.secrets(line.id),
        "page": page,
        "attempts": ATTEMPTS,
        "disable": DisableForm(),
        "replay": replay or ReplayFailedForm(),
        "events": events or EventsForm(initial={"events": line.events}),
        "key": uuid.uuid4(),
    }
    return render(request, "routing/webhooks/webhook.html", context)
