"""Webhooks that do not get through, for an admin's first page. Connected in `routing.apps`."""

from __future__ import annotations

from typing import Any

from django.db.models import OuterRef, Subquery
from django.urls import reverse

from arena.models import Role, User
from arena.ui.needs import Need, Urgency
from routing.models import Delivery, Webhook

__all__ = ["needs_of_webhooks"]

_MOST = 4


def needs_of_webhooks(sender: Any, *, user: User, **_: Any) -> list[Need]:
    """Those that Arena gave up on, by their newest delivery that has ended. One query."""
    if not user.may(Role.ADMIN):
        return []
    ended = Delivery.objects.filter(webhook=OuterRef("pk")).exclude(state=Delivery.State.WAITING).order_by("-pk")
    found = Webhook.objects.filter(disabled_at__isnull=True).annotate(last=Subquery(ended.values("state")[:1]))
    failing = found.filter(last=Delivery.State.FAILED).order_by("pk").values_list("pk", "url", "description")
    return [
        Need(
            title=f"Messages do not reach {description or url}",
            words="The newest was given up. The webhook's page shows what the receiver answered, and sends it again.",
            act="See why",
            url=reverse("routing:webhook", args=[pk]),
            urgency=Urgency.BROKEN,
            badge="failed",
        )
        for pk, url, description in failing[:_MOST]
    ]
