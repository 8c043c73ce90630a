"""What people did to what is routed, as pages and the API read it: newest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from routing.models import Act
from routing.selectors import frozen
from routing.wording import listed

__all__ = ["ActView", "acts", "freeze_state"]


@dataclass(frozen=True)
class ActView:
    """`version` and `policy` are what it led to; `about` as the model has it."""

    id: int
    kind: str
    actor: str
    reason: str
    about: Mapping[str, Any]
    version: int | None
    policy: int | None
    at: datetime

    @property
    def category(self) -> str:
        """Of a pin; empty for everything else."""
        return str(self.about.get("category", ""))

    @property
    def words(self) -> str:
        """What was done, in the past tense; the version and the policy stand beside it."""
        about = self.about
        written: dict[str, Callable[[], str]] = {
            Act.Kind.PUBLISH: lambda: "Published",
            Act.Kind.APPROVE: lambda: f"Approved {listed([f'{key} → {to}' for key, to in about['routes'].items()])}",
            Act.Kind.ROLLBACK: lambda: f"Rolled back to {about['to']}, and froze",
            Act.Kind.FREEZE: lambda: "Froze publishing",
            Act.Kind.UNFREEZE: lambda: "Lifted the freeze",
            Act.Kind.PIN: lambda: f"Pinned {self._place} to {about['contender']}",
            Act.Kind.UNPIN: lambda: f"Lifted the pin of {self._place} to {about['contender']}",
            Act.Kind.POLICY: lambda: "Saved a policy",
        }
        return written[self.kind]()

    @property
    def _place(self) -> str:
        route = self.about["route"]
        return f"{self.category}, route {route}," if route else self.category


def acts(*, limit: int, before: int | None = None) -> list[ActView]:
    """The newest `limit`; `before` one's id. One query."""
    found = Act.objects.order_by("-id")
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = found.values_list("id", "kind", "actor", "reason", "about", "table_id", "policy_id", "at")
    return [ActView(*row) for row in rows[:limit]]


def freeze_state() -> dict[str, Any]:
    """As the API and the commands tell it. One query."""
    now = frozen()
    return {
        "frozen": now is not None,
        "by": now.by if now else "",
        "reason": now.reason if now else "",
        "at": now.at if now else None,
    }
