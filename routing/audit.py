"""The audit log: manual changes to routing, newest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from arena.ui.wording import listed
from routing.models import AuditEntry

__all__ = ["AuditLine", "ReasonMissingError", "audit_entries", "checked_reason", "record"]


class ReasonMissingError(ValueError):
    """What a person does to routing is read by others later: it needs a reason."""


def checked_reason(reason: str) -> str:
    reason = " ".join(reason.split())
    if not reason:
        raise ReasonMissingError("Write a reason: others will read why this was done.")
    if len(reason) > 500:
        raise ReasonMissingError(f"A reason has at most 500 characters; this one has {len(reason)}.")
    return reason


def record(
    kind: AuditEntry.Kind,
    *,
    actor: str,
    reason: str,
    version: int | None = None,
    policy: int | None = None,
    **about: Any,
) -> None:
    """Remembers what a person did, with the table's version or the policy that it led to. In the transaction that does
    it. `about` as `AuditEntry.about` has it."""
    AuditEntry.objects.create(
        kind=kind, actor=actor[:150], reason=reason, about=about, table_id=version, policy_id=policy
    )


@dataclass(frozen=True)
class AuditLine:
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
            AuditEntry.Kind.PUBLISH: lambda: "Published",
            AuditEntry.Kind.APPROVE: lambda: (
                f"Approved {listed([f'{key} → {to}' for key, to in about['routes'].items()])}"
            ),
            AuditEntry.Kind.ROLLBACK: lambda: f"Rolled back to {about['to']}, and froze",
            AuditEntry.Kind.FREEZE: lambda: "Froze publishing",
            AuditEntry.Kind.UNFREEZE: lambda: "Lifted the freeze",
            AuditEntry.Kind.PIN: lambda: f"Pinned {self._place} to {about['contender']}",
            AuditEntry.Kind.UNPIN: lambda: f"Lifted the pin of {self._place} to {about['contender']}",
            AuditEntry.Kind.POLICY: lambda: "Saved a policy",
        }
        return written[self.kind]()

    @property
    def _place(self) -> str:
        route = self.about["route"]
        return f"{self.category}, route {route}," if route else self.category


def audit_entries(*, limit: int, before: int | None = None) -> list[AuditLine]:
    """The newest `limit`; `before` one's id. One query."""
    found = AuditEntry.objects.order_by("-id")
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = found.values_list("id", "kind", "actor", "reason", "about", "table_id", "policy_id", "at")
    return [AuditLine(*row) for row in rows[:limit]]
