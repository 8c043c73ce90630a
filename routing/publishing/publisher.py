"""One publisher at a time makes versions without gaps, each of them bytes that never change.

    result = publish(actor="Mara", reason="Second provider signed")
    result.published, result.version, result.decisions

A version is made if and only if what is decided differs from the newest table, or as a refresh when its evidence grew
old. Bytes, signature and decisions are stored in one transaction; files for a CDN are written once it is committed.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from routing.audit import checked_reason, record
from routing.decisions.gate import RouteDecision
from routing.decisions.history import remember
from routing.decisions.plan import NO_APPROVALS, Approvals, Plan
from routing.decisions.planner import CategoryDecision, entry, taken_back
from routing.decisions.queries import Measurements, gather
from routing.models import AuditEntry, PolicyVersion, Publication, RoutingTable
from routing.policy.parse import parse
from routing.policy.services import checked_policy, current_policy, ensure_policy
from routing.publication import lock
from routing.publishing import files, signing
from routing.publishing.document import Draft, serialise
from routing.publishing.preview import (
    NewestTable,
    PublishPreview,
    PublishSnapshot,
    frozen_words,
    make_preview,
    newest_table,
    snapshot,
    summary,
)
from routing.signals import table_published

__all__ = [
    "AUTOMATIC",
    "ApprovalError",
    "PublishResult",
    "RollbackError",
    "preview_policy",
    "preview_unmeasured",
    "publish",
    "rollback",
]

# Nobody acts, whatever a person is called.
AUTOMATIC = None
_ITSELF = "automatic"
_NO_REASON = "No reason was given."
# How often it is looked again without the lock because something moved while looking.
ROUNDS = 3
_TURN = threading.Lock()
log = structlog.get_logger(__name__)


class ApprovalError(ValueError):
    """What was approved of does not wait for approval, or something else is proposed by now."""


class RollbackError(ValueError):
    """There is no such version, or it decides what the newest decides."""


@dataclass(frozen=True)
class PublishResult:
    """`version` is the newest afterwards, None before the first; `document` is that of the table made, or of the one
    that a dry run would make; `frozen` says who froze publishing and why, if that kept something back."""

    published: bool
    version: int | None
    decisions: tuple[CategoryDecision, ...]
    cause: str | None = None
    document: Mapping[str, Any] | None = None
    frozen: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As `publish --json` and the API tell it."""
        return {
            "published": self.published,
            "version": self.version,
            "cause": self.cause,
            "frozen": self.frozen,
            "decisions": [entry(one) for one in self.decisions],
            "waiting": [
                {"category": one.category, "route": route_id, "from": decision.before, "to": decision.proposes}
                for one in self.decisions
                for route_id, decision in one.routes.items()
                if decision.proposes
            ],
        }


@dataclass(frozen=True)
class _Prepared:
    """A look with all that storing it needs, so that nothing is read or measured under the lock. `drafted` None:
    there is nothing to publish."""

    preview: PublishPreview
    newest: NewestTable | None
    drafted: Draft | None
    reason: str
    rolled_back_to: int | None = None


def publish(
    *, actor: str | None, reason: str = "", dry_run: bool = False, approve: Mapping[str, str | None] | None = None
) -> PublishResult:
    """Looks at every category and publishes what changed. While frozen only a refresh of the same decisions is
    published, whoever asks; AUTOMATIC is nobody. A dry run stores nothing.

    `approve` names routes by id that the policy holds for a person, each with the contender it may go to, None for
    whoever is proposed; what is approved of needs a reason. Raises ApprovalError, and publishes nothing, if one of them
    would not go there now; raises ReasonMissingError.
    """
    approvals = Approvals(approve, by=actor or _ITSELF, reason=checked_reason(reason)) if approve else NO_APPROVALS
    measurements = Measurements()
    if dry_run:
        stored, terms = current_policy(dry_run=True)
        newest = newest_table()
        preview = make_preview(stored, terms, newest, _frozen_now(), measurements=measurements, approvals=approvals)
        _check_approved(preview, approvals)
        return _dry_run(preview, newest)
    ensure_policy()
    # Cleared before anything is read: news from now on enqueues another preview.
    Publication.objects.exclude(publish_enqueued_at=None).update(publish_enqueued_at=None)

    def make(seen: PublishSnapshot) -> _Prepared:
        stored, terms = current_policy()
        newest = newest_table()
        preview = make_preview(stored, terms, newest, seen.frozen, measurements=measurements, approvals=approvals)
        _check_approved(preview, approvals)
        if preview.cause is None:
            return _Prepared(preview, newest, None, "")
        return _Prepared(preview, newest, preview.drafted(), reason.strip() or summary(preview, newest))

    def store(publication: Publication, made: _Prepared) -> PublishResult:
        preview = made.preview
        if made.drafted is None:
            remember(preview.decisions, preview.evidence, policy=preview.policy.version)
            version = made.newest.table.version if made.newest else None
            return PublishResult(False, version, preview.decisions, frozen=preview.frozen)
        result = _store(publication, made, made.drafted, actor=actor)
        if actor is not AUTOMATIC:
            went = {route_id: _route_decisions(preview)[route_id].to for route_id in approvals.routes}
            kind = AuditEntry.Kind.APPROVE if went else AuditEntry.Kind.PUBLISH
            record(kind, actor=actor, reason=reason.strip()[:500] or _NO_REASON, version=result.version, routes=went)
        return result

    return _settled(make, store)


def preview_unmeasured() -> PublishPreview:
    """What a look would decide, without measuring: a category whose policy asks for figures has an `Unread`
    that was asked, and its decision misses them. Writes nothing."""
    stored, terms = current_policy(dry_run=True)
    return make_preview(stored, terms, newest_table(), _frozen_now(), measurements=None)


def preview_policy(*, document: Any) -> PublishResult:
    """What would be published now under another policy, if it were saved. Writes nothing; raises PolicyError."""
    terms = checked_policy(document)
    newest = newest_table()
    latest = PolicyVersion.objects.order_by("-version").values_list("version", flat=True).first() or 0
    proposed = PolicyVersion(version=latest + 1, document=terms.document, sha256=terms.sha256)
    return _dry_run(make_preview(proposed, terms, newest, _frozen_now(), measurements=Measurements()), newest)


def rollback(*, to: int, actor: str, reason: str = "", dry_run: bool = False) -> PublishResult:
    """Publishes version `to`'s decisions as a new version, with today's evidence, and freezes publishing. A dry run
    stores nothing and needs no reason.

    Raises RollbackError, or ReasonMissingError.
    """
    measurements = Measurements()
    if dry_run:
        return _dry_run(*_preview_rollback(to, reason.strip(), actor, measurements))
    said = checked_reason(reason)

    def make(_: PublishSnapshot) -> _Prepared:
        preview, newest = _preview_rollback(to, said, actor, measurements)
        return _Prepared(preview, newest, preview.drafted(), said, rolled_back_to=to)

    def store(publication: Publication, made: _Prepared) -> PublishResult:
        assert made.drafted is not None
        result = _store(publication, made, made.drafted, actor=actor)
        publication.frozen_at, publication.frozen_by = timezone.now(), actor
        publication.frozen_reason = f"Rolled back to version {to}: {said}"[:500]
        publication.save(update_fields=["frozen_at", "frozen_by", "frozen_reason"])
        record(AuditEntry.Kind.ROLLBACK, actor=actor, reason=said, version=result.version, to=to)
        return result

    return _settled(make, store)


def _settled(
    make: Callable[[PublishSnapshot], _Prepared], store: Callable[[Publication, _Prepared], PublishResult]
) -> PublishResult:
    """Makes without the lock, since measuring takes seconds and on SQLite whoever votes would wait for them; stores
    under it, if everything still stands as it was looked at. What moves on and on is made under the lock in the end."""
    for _ in range(ROUNDS):
        seen = snapshot(Publication.objects.first())
        made = make(seen)
        with _turn(), transaction.atomic():
            publication = lock()
            if snapshot(publication) == seen:
                return store(publication, made)
    with _turn(), transaction.atomic():
        publication = lock()
        return store(publication, make(snapshot(publication)))


def _turn() -> AbstractContextManager[object]:
    """This process's threads queue here, in the order they come: SQLite hands its lock to whoever happens to ask when
    it is free. Not in a transaction, which may hold what the next in the queue waits for."""
    return nullcontext() if transaction.get_connection().in_atomic_block else _TURN


def _check_approved(preview: PublishPreview, approvals: Approvals) -> None:
    if approvals.routes and preview.frozen:
        raise ApprovalError(f"{preview.frozen} Lift the freeze first; nothing was published.")
    for route_id, to in approvals.routes.items():
        decision = _route_decisions(preview).get(route_id)
        if decision is None:
            raise ApprovalError(f"There is no route {route_id}. Nothing was published.")
        if decision.outcome not in ("first", "switched") or (to is not None and decision.to != to):
            says = f"Now {decision.proposes} is proposed" if decision.proposes else "Nothing is proposed"
            wanted = f"go to {to}" if to else "change"
            raise ApprovalError(
                f"Route {route_id} would not {wanted}. {says}: {decision.reason} Nothing was published."
            )


def _route_decisions(preview: PublishPreview) -> dict[str, RouteDecision]:
    """By the routes' ids."""
    return {route_id: one for category in preview.decisions for route_id, one in category.routes.items()}


def _frozen_now() -> str:
    return frozen_words(Publication.objects.first())


def _preview_rollback(
    to: int, reason: str, actor: str, measurements: Measurements
) -> tuple[PublishPreview, NewestTable]:
    newest = newest_table()
    target = RoutingTable.objects.filter(version=to).select_related("policy").first()
    if newest is None or target is None:
        raise RollbackError(f"There is no version {to}. The newest is {newest.table.version if newest else 'none'}.")
    if target.decision_digest == newest.table.decision_digest:
        raise RollbackError(f"Version {to} decides the same as version {newest.table.version}; nothing would change.")
    back = Plan.of(json.loads(bytes(target.body)))
    why = f"Rolled back to version {to} by {actor}{f': {reason}' if reason else '.'}"
    preview = PublishPreview(
        plan=back.since(newest.plan),
        evidence=gather(measurements=measurements),
        decisions=tuple(taken_back(newest.plan, back, why)),
        cause=RoutingTable.Cause.ROLLBACK,
        policy=target.policy,
        terms=parse(target.policy.document),
        frozen="",
    )
    return preview, newest


def _dry_run(preview: PublishPreview, newest: NewestTable | None) -> PublishResult:
    """A dry run: nothing is stored."""
    now = timezone.now()
    version = newest.table.version if newest else None
    document = preview.drafted().stamped(
        version=(version or 0) + 1,
        previous=version,
        published_at=now,
        expires_at=now + timedelta(hours=preview.terms.expires_after_hours),
        cause=preview.cause or "",
    )
    return PublishResult(False, version, preview.decisions, preview.cause, document, preview.frozen)


def _store(publication: Publication, made: _Prepared, drafted: Draft, *, actor: str | None) -> PublishResult:
    """Under the lock: numbers, stamps, signs and stores. The body is serialised here and nowhere else."""
    preview = made.preview
    assert preview.cause is not None
    now = timezone.now().replace(microsecond=0)
    expires_at = now + timedelta(hours=preview.terms.expires_after_hours)
    version = publication.newest + 1
    document = drafted.stamped(
        version=version,
        previous=made.newest.table.version if made.newest else None,
        published_at=now,
        expires_at=expires_at,
        cause=preview.cause,
    )
    body = serialise(document)
    table = RoutingTable.objects.create(
        version=version,
        body=body.data,
        sha256=body.sha256,
        decision_digest=drafted.digest,
        signature=signing.sign(body.data),
        cause=preview.cause,
        reason=made.reason[:500],
        actor=actor or _ITSELF,
        policy=preview.policy,
        rolled_back_to=made.rolled_back_to,
        published_at=now,
        expires_at=expires_at,
    )
    publication.newest = version
    publication.save(update_fields=["newest"])
    remember(preview.decisions, preview.evidence, policy=preview.policy.version, table=table)
    before = made.newest.document if made.newest else None
    table_published.send(sender=RoutingTable, table=table, document=document, before=before)
    transaction.on_commit(files.write_newest, robust=True)
    log.info("table_published", version=version, cause=str(preview.cause), actor=actor, sha256=body.sha256)
    return PublishResult(True, version, preview.decisions, preview.cause, document, preview.frozen)
