"""Leases on rows of work: one process holds a row for a while, and only that process may write its result.

A row is leased by its `lease_token` until its `lease_until`; both are null while it is free. Any model with these two
columns can be leased, and a check constraint of its own ties them to the states in which work is in progress.

    leases = Leases(Delivery, length=timedelta(seconds=90))
    token = leases.claim(Delivery.objects.filter(pk=7, state="waiting"), now=now)     # None: another process was first
    leases.finish(7, token, state="delivered")                                        # False: the lease was taken over

Every step is one UPDATE that names what it expects to find, and its row count is checked. That is safe at any isolation
level and on both databases: of two processes that saw the same free row, the second UPDATE matches nothing. A process
that was believed dead and comes back names a token that the row no longer carries, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from django.db.models import Model, Q, QuerySet
from django.utils import timezone

__all__ = ["FREED", "Leases", "expired", "free", "live"]

Row = TypeVar("Row", bound=Model)

# What an UPDATE sets so that a row is free again.
FREED: dict[str, Any] = {"lease_token": None, "lease_until": None}


def live(now: datetime) -> Q:
    """Leased by a process that may still be at work."""
    return Q(lease_until__gte=now)


def expired(now: datetime) -> Q:
    """Leased by a process that neither finished nor renewed in time: believed dead."""
    return Q(lease_until__lt=now)


def free(now: datetime) -> Q:
    """Not leased, or leased by a process believed dead."""
    return Q(lease_until=None) | expired(now)


@dataclass(frozen=True)
class Leases(Generic[Row]):
    model: type[Row]
    length: timedelta

    def claim(self, rows: QuerySet[Row], *, now: datetime, **changes: Any) -> UUID | None:
        """The lease's token; None if another process was first.

        `rows` names one row by its key and by the state in which it was seen. `changes` are written with the lease, and
        should make that state untrue unless the lease alone does.
        """
        token = uuid4()
        taken = rows.update(lease_token=token, lease_until=now + self.length, **changes)
        return token if taken else None

    def leased(self, pk: int, token: UUID) -> QuerySet[Row]:
        """The row, if this lease still holds it. An expired lease holds until another process takes it over."""
        return self.model._default_manager.filter(Q(pk=pk, lease_token=token))

    def finish(self, pk: int, token: UUID, *, only_if: Q | None = None, **changes: Any) -> bool:
        """Write the result and free the row. False, and nothing written, if this lease no longer holds it."""
        rows = self.leased(pk, token) if only_if is None else self.leased(pk, token).filter(only_if)
        return bool(rows.update(**FREED, **changes))

    def renew(self, tokens: Collection[UUID]) -> int:
        """How many leases were extended, all in one UPDATE. A row taken over meanwhile carries another token and is
        left alone."""
        rows = self.model._default_manager.filter(Q(lease_token__in=tokens))
        return rows.update(lease_until=timezone.now() + self.length)
