"""One publisher at a time makes versions without gaps, each of them bytes that never change.

    result = publish(actor="Mara", reason="Second provider signed")
    result.published, result.version, result.decisions

A version is made if and only if what is decided differs from the newest table, or as a refresh when its evidence grew
old. Bytes, signature and decisions are stored in one transaction; files for a CDN are written once it is committed.
Freezing, and lifting a freeze, is in `freezing.py`.
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
from routing.decisions.history import store_decisions
from routing.decisions.plan import NO_APPROVALS, Approvals, PendingApproval, Plan
from routing.decisions.planner import CategoryDecision, rollback_decisions
from routing.decisions.queries import EvidenceCache, decision_evidence
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
    freeze_notice,
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

# No person acts. None, because a person may be called anything.
AUTOMATIC = None
_AUTOMATIC_ACTOR = "automatic"
_NO_REASON = "No reason was given."
# How often a preview is made without the lock before one is made under it, because something moved meanwhile.
ROUNDS = 3
_ONE_PUBLISHER = threading.Lock()
log = structlog.get_logger(__name__)


class ApprovalError(ValueError):
    """What was approved of does not wait for approval, or another contender is proposed by now."""


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

    @property
    def waiting(self) -> list[PendingApproval]:
        return [pending for decision in self.decisions for pending in decision.waiting]

    def as_dict(self) -> dict[str, Any]:
        """As `publish --json` and the API have it."""
        return {
            "published": self.published,
            "version": self.version,
            "cause": self.cause,
            "frozen": self.frozen,
            "decisions": [decision.as_dict() for decision in self.decisions],
            "waiting": [
                {"category": one.category, "route": one.route_id, "from": one.before, "to": one.to}
                for one in self.waiting
            ],
        }


@dataclass(frozen=True)
class _Prepared:
    """A preview with all that storing it needs, so that nothing is read or measured under the lock. `draft` None: there
    is nothing to publish."""

    preview: PublishPreview
    newest: NewestTable | None
    draft: Draft | None
    reason: str
    rolled_back_to: int | None = None


def publish(
    *, actor: str | None, reason: str = "", dry_run: bool = False, approve: Mapping[str, str | None] | None = None
) -> PublishResult:
    """Decides on every category and publishes what changed. While frozen only a refresh of the same decisions is
    published, for any actor; AUTOMATIC is no person. A dry run stores nothing.

    `approve` names routes whose change waits for approval, by id, each with the contender it may go to, None for the
    proposed one; an approval needs a reason. Raises ApprovalError, and publishes nothing, if one of them would not go
    there now; raises ReasonMissingError.
    """
    approvals = NO_APPROVALS
    if approve:
        approvals = Approvals(approve, by=actor or _AUTOMATIC_ACTOR, reason=checked_reason(reason))
    measured = EvidenceCache()
    if dry_run:
        policy_version, policy = current_policy(dry_run=True)
        newest = newest_table()
        preview = make_preview(policy_version, policy, newest, _freeze_notice(), measured=measured, approvals=approvals)
        _check_approved(preview, approvals)
        return _dry_run(preview, newest)
    ensure_policy()
    # Cleared before anything is read: news from now on enqueues another publication.
    Publication.objects.exclude(publish_enqueued_at=None).update(publish_enqueued_at=None)

    def prepare(before: PublishSnapshot) -> _Prepared:
        policy_version, policy = current_policy()
        newest = newest_table()
        preview = make_preview(policy_version, policy, newest, before.frozen, measured=measured, approvals=approvals)
        _check_approved(preview, approvals)
        if preview.cause is None:
            return _Prepared(preview, newest, None, "")
        return _Prepared(preview, newest, preview.draft(), reason.strip() or summary(preview, newest))

    def store(publication: Publication, prepared: _Prepared) -> PublishResult:
        preview = prepared.preview
        if prepared.draft is None:
            store_decisions(preview.decisions, preview.evidence, policy=preview.policy_version.version)
            version = prepared.newest.table.version if prepared.newest else None
            return PublishResult(False, version, preview.decisions, frozen=preview.frozen)
        result = _store_table(publication, prepared, prepared.draft, actor=actor)
        if actor is not AUTOMATIC:
            decisions = _route_decisions(preview)
            approved = {route_id: decisions[route_id].to for route_id in approvals.routes}
            kind = AuditEntry.Kind.APPROVE if approved else AuditEntry.Kind.PUBLISH
            reason_given = reason.strip()[:500] or _NO_REASON
            record(kind, actor=actor, reason=reason_given, version=result.version, routes=approved)
        return result

    return _prepare_and_store(prepare, store)


def preview_unmeasured() -> PublishPreview:
    """What publishing would decide, without measuring: `PublishPreview.unmeasured` lists the categories whose decision
    lacks figures for that. Writes nothing."""
    policy_version, policy = current_policy(dry_run=True)
    return make_preview(policy_version, policy, newest_table(), _freeze_notice(), measured=None)


def preview_policy(*, document: Any) -> PublishResult:
    """What would be published now under another policy, if it were saved. Writes nothing; raises PolicyError."""
    policy = checked_policy(document)
    newest = newest_table()
    latest = PolicyVersion.objects.order_by("-version").values_list("version", flat=True).first() or 0
    proposed = PolicyVersion(version=latest + 1, document=policy.document, sha256=policy.sha256)
    return _dry_run(make_preview(proposed, policy, newest, _freeze_notice(), measured=EvidenceCache()), newest)


def rollback(*, to: int, actor: str, reason: str = "", dry_run: bool = False) -> PublishResult:
    """Publishes version `to`'s decisions as a new version, with today's evidence, and freezes publishing. A dry run
    stores nothing and needs no reason.

    Raises RollbackError, or ReasonMissingError.
    """
    measured = EvidenceCache()
    if dry_run:
        return _dry_run(*_preview_rollback(to, reason.strip(), actor, measured))
    reason = checked_reason(reason)

    def prepare(_: PublishSnapshot) -> _Prepared:
        preview, newest = _preview_rollback(to, reason, actor, measured)
        return _Prepared(preview, newest, preview.draft(), reason, rolled_back_to=to)

    def store(publication: Publication, prepared: _Prepared) -> PublishResult:
        assert prepared.draft is not None
        result = _store_table(publication, prepared, prepared.draft, actor=actor)
        publication.frozen_at, publication.frozen_by = timezone.now(), actor
        publication.frozen_reason = f"Rolled back to version {to}: {reason}"[:500]
        publication.save(update_fields=["frozen_at", "frozen_by", "frozen_reason"])
        record(AuditEntry.Kind.ROLLBACK, actor=actor, reason=reason, version=result.version, to=to)
        return result

    return _prepare_and_store(prepare, store)


def _prepare_and_store(
    prepare: Callable[[PublishSnapshot], _Prepared], store: Callable[[Publication, _Prepared], PublishResult]
) -> PublishResult:
    """Prepares without the lock, since measuring takes seconds and on SQLite every vote would wait for it; stores under
    the lock if nothing moved since. If something moves every time, the last round prepares under the lock too."""
    for _ in range(ROUNDS):
        before = snapshot(Publication.objects.first())
        prepared = prepare(before)
        with _one_publisher(), transaction.atomic():
            publication = lock()
            if snapshot(publication) == before:
                return store(publication, prepared)
    with _one_publisher(), transaction.atomic():
        publication = lock()
        return store(publication, prepare(snapshot(publication)))


def _one_publisher() -> AbstractContextManager[object]:
    """This process's threads queue here, in the order they come: SQLite gives its lock to any thread that happens to
    ask when it is free. Not in a transaction, which may hold what the next in the queue waits for."""
    return nullcontext() if transaction.get_connection().in_atomic_block else _ONE_PUBLISHER


def _check_approved(preview: PublishPreview, approvals: Approvals) -> None:
    if approvals.routes and preview.frozen:
        raise ApprovalError(f"{preview.frozen} Lift the freeze first; nothing was published.")
    decisions = _route_decisions(preview)
    for route_id, to in approvals.routes.items():
        decision = decisions.get(route_id)
        if decision is None:
            raise ApprovalError(f"There is no route {route_id}. Nothing was published.")
        if decision.outcome not in ("first", "switched") or (to is not None and decision.to != to):
            proposal = f"Now {decision.proposes} is proposed" if decision.proposes else "Nothing is proposed"
            wanted = f"go to {to}" if to else "change"
            raise ApprovalError(
                f"Route {route_id} would not {wanted}. {proposal}: {decision.reason} Nothing was published."
            )


def _route_decisions(preview: PublishPreview) -> dict[str, RouteDecision]:
    """By the routes' ids."""
    return {route_id: one for category in preview.decisions for route_id, one in category.routes.items()}


def _freeze_notice() -> str:
    return freeze_notice(Publication.objects.first())


def _preview_rollback(to: int, reason: str, actor: str, measured: EvidenceCache) -> tuple[PublishPreview, NewestTable]:
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
        evidence=decision_evidence(measured),
        decisions=tuple(rollback_decisions(newest.plan, back, why)),
        cause=RoutingTable.Cause.ROLLBACK,
        policy_version=target.policy,
        policy=parse(target.policy.document),
    )
    return preview, newest


def _dry_run(preview: PublishPreview, newest: NewestTable | None) -> PublishResult:
    """What would be published. Stores nothing."""
    now = timezone.now()
    version = newest.table.version if newest else None
    document = preview.draft().stamped(
        version=(version or 0) + 1,
        previous=version,
        published_at=now,
        expires_at=now + timedelta(hours=preview.policy.expires_after_hours),
        cause=preview.cause or "",
    )
    return PublishResult(False, version, preview.decisions, preview.cause, document, preview.frozen)


def _store_table(publication: Publication, prepared: _Prepared, draft: Draft, *, actor: str | None) -> PublishResult:
    """Under the lock: numbers, stamps, signs and stores. The body is serialised here and nowhere else."""
    preview = prepared.preview
    assert preview.cause is not None
    now = timezone.now().replace(microsecond=0)
    expires_at = now + timedelta(hours=preview.policy.expires_after_hours)
    version = publication.newest + 1
    document = draft.stamped(
        version=version,
        previous=prepared.newest.table.version if prepared.newest else None,
        published_at=now,
        expires_at=expires_at,
        cause=preview.cause,
    )
    body = serialise(document)
    table = RoutingTable.objects.create(
        version=version,
        body=body.data,
        sha256=body.sha256,
        decision_digest=draft.digest,
        signature=signing.sign(body.data),
        cause=preview.cause,
        reason=prepared.reason[:500],
        actor=actor or _AUTOMATIC_ACTOR,
        policy=preview.policy_version,
        rolled_back_to=prepared.rolled_back_to,
        published_at=now,
        expires_at=expires_at,
    )
    publication.newest = version
    publication.save(update_fields=["newest"])
    store_decisions(preview.decisions, preview.evidence, policy=preview.policy_version.version, table=table)
    before = prepared.newest.document if prepared.newest else None
    table_published.send(sender=RoutingTable, table=table, document=document, before=before)
    transaction.on_commit(files.write_newest, robust=True)
    log.info("table_published", version=version, cause=str(preview.cause), actor=actor, sha256=body.sha256)
    return PublishResult(True, version, preview.decisions, preview.cause, document, preview.frozen)
