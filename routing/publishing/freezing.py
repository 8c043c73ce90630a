"""Freezing publication, and lifting the freeze."""

from __future__ import annotations

import structlog
from django.db import transaction
from django.utils import timezone

from routing.audit import checked_reason, record
from routing.models import AuditEntry, Publication
from routing.publication import enqueue_publish, lock

__all__ = ["FreezeConflictError", "freeze", "unfreeze"]

log = structlog.get_logger(__name__)


class FreezeConflictError(ValueError):
    """Another person froze publishing, or lifted the freeze, since the page was shown."""


@transaction.atomic
def freeze(*, reason: str, actor: str, seen: str | None = None) -> Publication:
    """No new decisions are published until `unfreeze`; refreshes of the same ones go on. While frozen, the newer reason
    replaces the older.

    `seen` is the state that the person was shown, as `Publication.frozen_since` has it. Raises ReasonMissingError, and
    FreezeConflictError if that changed meanwhile.
    """
    reason = checked_reason(reason)
    publication = _unless_changed(lock(), seen)
    publication.frozen_at, publication.frozen_by, publication.frozen_reason = timezone.now(), actor[:150], reason
    publication.save(update_fields=["frozen_at", "frozen_by", "frozen_reason"])
    record(AuditEntry.Kind.FREEZE, actor=actor, reason=reason)
    log.info("publishing_frozen", actor=actor, reason=reason)
    return publication


@transaction.atomic
def unfreeze(*, reason: str, actor: str, seen: str | None = None) -> bool:
    """Lifts the freeze, and enqueues publishing what it kept back. False, and nothing is done, if there is none. `seen`
    and errors as with `freeze`."""
    reason = checked_reason(reason)
    publication = _unless_changed(lock(), seen)
    if publication.frozen_at is None:
        return False
    publication.frozen_at, publication.frozen_by, publication.frozen_reason = None, "", ""
    publication.save(update_fields=["frozen_at", "frozen_by", "frozen_reason"])
    record(AuditEntry.Kind.UNFREEZE, actor=actor, reason=reason)
    enqueue_publish()
    log.info("publishing_unfrozen", actor=actor, reason=reason)
    return True


def _unless_changed(publication: Publication, seen: str | None) -> Publication:
    if seen is None or seen == publication.frozen_since:
        return publication
    if publication.frozen_at is None:
        raise FreezeConflictError("Another person lifted the freeze meanwhile. Nothing was changed.")
    raise FreezeConflictError(
        f"{publication.frozen_by} froze publishing meanwhile: “{publication.frozen_reason}” Nothing was changed."
    )
