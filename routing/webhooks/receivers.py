"""What webhooks do on news from publishing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.dispatch import receiver

from routing.models import RoutingTable
from routing.signals import table_published
from routing.webhooks.services import announce


@receiver(table_published, dispatch_uid="webhooks.announce")
def announce_table(
    sender: Any, *, table: RoutingTable, document: Mapping[str, Any], before: Mapping[str, Any] | None, **_: Any
) -> None:
    """In the transaction that publishes: no message is forgotten, and none goes out for a table that was not stored."""
    announce(table=table, document=document, before=before)
