"""What routing does on news from evals."""

from __future__ import annotations

import json
from typing import Any

from django.dispatch import receiver

from evals.signals import leaderboard_computed, retirement_asked
from routing.document import Plan
from routing.models import RoutingTable
from routing.services import enqueue_publish


@receiver(leaderboard_computed, dispatch_uid="routing.look")
def look_again(sender: Any, **_: Any) -> None:
    """In the transaction that stores the leaderboard: the look commits with it."""
    enqueue_publish()


@receiver(retirement_asked, dispatch_uid="routing.named")
def where_routed(sender: Any, *, contender: Any, **_: Any) -> list[str]:
    """The live table's routes that name a contender, in words for the confirmation of its retirement."""
    body = RoutingTable.objects.order_by("-version").values_list("body", flat=True).first()
    if body is None:
        return []
    named = []
    for routes in Plan.of(json.loads(bytes(body))).routes().values():
        for route in routes:
            if route.primary == contender.slug:
                named.append(f"route {route.id}, as primary")
            elif contender.slug in route.fallbacks:
                named.append(f"route {route.id}, as a fallback")
            elif contender.slug == route.escalate_to:
                named.append(f"route {route.id}, to escalate to")
    return named
