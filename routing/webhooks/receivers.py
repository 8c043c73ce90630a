"""What webhooks do on news from publishing. Connected in `routing.apps`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routing.models import RoutingTable
from routing.webhooks.services import announce


def announce_table(
    sender: Any, *, table: RoutingTable, document: Mapping[str, Any], before: Mapping[str, Any] | None, **_: Any
) -> None:
    """In the transaction that publishes: no message is forgotten, and none goes out for a table that was not stored."""
    announce(table=table, document=document, before=before)
