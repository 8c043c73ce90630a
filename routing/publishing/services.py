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
    """Somebody froze or lifted since the person looked."""


@transaction.atomic
def freeze(*, reason: str, actor: str, seen: str | None = None) -> Publication:
    """No new decisions are published until `unfreeze`; refreshes of the same ones go on. Again: the newer reason.

    `seen` is what the person was shown of it, as `frozen_since` has it. Raises ReasonMissingError, and
    FreezeConflictError if that changed meanwhile.
    """
    said = checked_reason(reason)
    publication = _as_seen(lock(), seen)
    publication.frozen_at, publication.frozen_by, publication.frozen_reason = timezone.now(), actor[:150], said
    publication.save(update_fields=["frozen_at", "frozen_by", "frozen_reason"])
    record(AuditEntry.Kind.FREEZE, actor=actor, reason=said)
    log.info("publishing_frozen", actor=actor, reason=said)
    return publication


@transaction.atomic
def unfreeze(*, reason: str, actor: str, seen: str | None = None) -> bool:
    """Lifts the freeze, and has publishing look at what it kept back. False, and nothing is done, if there is none.
    `seen` and errors as with `freeze`."""
    said = checked_reason(reason)
    publication = _as_seen(lock(), seen)
    if publication.frozen_at is None:
        return False
    publication.frozen_at, publication.frozen_by, publication.frozen_reason = None, "", ""
    publication.save(update_fields=["frozen_at", "frozen_by", "frozen_reason"])
    record(AuditEntry.Kind.UNFREEZE, actor=actor, reason=said)
    enqueue_publish()
    log.info("publishing_unfrozen", actor=actor, reason=said)
    return True


def _as_seen(publication: Publication, seen: str | None) -> Publication:
    if seen is None or seen == publication.frozen_since:
        return publication
    if publication.frozen_at is None:
        raise FreezeConflictError("Somebody lifted the freeze meanwhile. Nothing was changed.")
    raise FreezeConflictError(
        f"{publication.frozen_by} froze publishing meanwhile: “{publication.frozen_reason}” Nothing was changed."
    )
