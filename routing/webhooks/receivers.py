"""What webhooks do on news from publishing and from bake-offs. Connected in `routing.apps`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from evals.bake_offs.report import summary
from routing.models import RoutingTable
from routing.webhooks.services import announce, announce_bake_off


def announce_table(
    sender: Any, *, table: RoutingTable, document: Mapping[str, Any], before: Mapping[str, Any] | None, **_: Any
) -> None:
    """In the transaction that publishes: no message is forgotten, and none goes out for a table that was not stored."""
    announce(table=table, document=document, before=before)


def announce_report(sender: Any, *, report_id: int, made_at: datetime, document: Mapping[str, Any], **_: Any) -> None:
    """In the transaction that stores the report, for the same reasons."""
    announce_bake_off(report_id=report_id, made_at=made_at, document=document, summary=summary(document))
