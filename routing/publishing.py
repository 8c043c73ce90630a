"""One publisher at a time makes versions without gaps, each of them bytes that never change.

    result = publish(actor="Mara", reason="Second provider signed")
    result.published, result.version, result.decisions

A version is made if and only if what is decided differs from the newest table, or as a refresh when its evidence grew
old. Bytes, signature and decisions are stored in one transaction; files for a CDN are written once it is committed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from routing import publish_dir, signing
from routing.decisions import remember
from routing.document import Plan, build, decision_digest, serialise
from routing.facts import Facts
from routing.gate import Verdict
from routing.gathering import gather
from routing.models import PolicyVersion, Publication, RoutingTable
from routing.planning import CategoryVerdict, entry, plan
from routing.policies import Policy, parse
from routing.services import current_policy, lock, worded
from routing.wording import listed

__all__ = ["AUTOMATIC", "PublishResult", "RollbackError", "preview", "publish", "rollback"]

AUTOMATIC = "automatic"
log = structlog.get_logger(__name__)


class RollbackError(ValueError):
    """There is no such version, or it decides what the newest decides."""


@dataclass(frozen=True)
class PublishResult:
    """`version` is the newest afterwards, None before the first; `document` is that of the table made, or of the one
    that a dry run would make; `frozen` says who froze publishing and why, if that kept something back."""

    published: bool
    version: int | None
    decisions: tuple[CategoryVerdict, ...]
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
        }


@dataclass(frozen=True)
class _Newest:
    """The newest table, read once."""

    table: RoutingTable
    document: Mapping[str, Any]
    plan: Plan


@dataclass(frozen=True)
class _Look:
    """What publishing would do now. `cause` None: nothing."""

    plan: Plan
    facts: Facts
    verdicts: tuple[CategoryVerdict, ...]
    cause: str | None
    policy: PolicyVersion
    terms: Policy
    frozen: str


def publish(*, actor: str, reason: str = "", dry_run: bool = False, automatic: bool = False) -> PublishResult:
    """Looks at every category and publishes what changed. `automatic`: no person asked, so what the policy holds for
    one waits. While frozen only a refresh of the same decisions is published, whoever asks. A dry run stores nothing.
    """
    if not dry_run:
        return _publish(actor=actor, reason=reason, automatic=automatic)
    stored, terms = current_policy(dry_run=True)
    newest = _newest()
    return _told(_look(stored, terms, newest, _frozen(Publication.objects.first()), automatic=automatic), newest)


@transaction.atomic
def _publish(*, actor: str, reason: str, automatic: bool) -> PublishResult:
    publication = lock()
    # Cleared before anything is read: news from now on enqueues another look.
    publication.publish_enqueued_at = None
    publication.save(update_fields=["publish_enqueued_at"])
    stored, terms = current_policy()
    newest = _newest()
    look = _look(stored, terms, newest, _frozen(publication), automatic=automatic)
    if look.cause is None:
        remember(look.verdicts, look.facts, policy=look.policy.version)
        version = newest.table.version if newest else None
        return PublishResult(False, version, look.verdicts, frozen=look.frozen)
    said = reason.strip()[:500] or _summary(look, newest)
    table, document = _store(publication, look, newest, actor=actor, reason=said)
    remember(look.verdicts, look.facts, policy=look.policy.version, table=table)
    return PublishResult(True, table.version, look.verdicts, look.cause, document, look.frozen)


def preview(*, document: Any) -> PublishResult:
    """What would be published now under another policy. Writes nothing; raises PolicyError."""
    terms = parse(document)
    newest = _newest()
    latest = PolicyVersion.objects.order_by("-version").values_list("version", flat=True).first() or 0
    proposed = PolicyVersion(version=latest + 1, document=terms.document, sha256=terms.sha256)
    return _told(_look(proposed, terms, newest, _frozen(Publication.objects.first()), automatic=False), newest)


@transaction.atomic
def rollback(*, to: int, reason: str, actor: str) -> PublishResult:
    """Publishes version `to`'s decisions as a new version, with today's evidence, and freezes publishing.

    Raises RollbackError, or ReasonMissingError.
    """
    said = worded(reason)
    publication = lock()
    newest = _newest()
    target = RoutingTable.objects.filter(version=to).select_related("policy").first()
    if newest is None or target is None:
        raise RollbackError(f"There is no version {to}. The newest is {newest.table.version if newest else 'none'}.")
    if target.decision_digest == newest.table.decision_digest:
        raise RollbackError(f"Version {to} decides the same as version {newest.table.version}; nothing would change.")
    back = Plan.of(json.loads(bytes(target.body)))
    look = _Look(
        plan=back.since(newest.plan),
        facts=gather(),
        verdicts=tuple(_taken_back(newest.plan, back, f"Rolled back to version {to} by {actor}: {said}")),
        cause=RoutingTable.Cause.ROLLBACK,
        policy=target.policy,
        terms=parse(target.policy.document),
        frozen="",
    )
    table, document = _store(publication, look, newest, actor=actor, reason=said, rolled_back_to=to)
    publication.frozen_at, publication.frozen_by = timezone.now(), actor
    publication.frozen_reason = f"Rolled back to version {to}: {said}"[:500]
    publication.save(update_fields=["frozen_at", "frozen_by", "frozen_reason"])
    remember(look.verdicts, look.facts, policy=look.policy.version, table=table)
    return PublishResult(True, table.version, look.verdicts, look.cause, document)


def _taken_back(now: Plan, back: Plan, reason: str) -> Iterator[CategoryVerdict]:
    """Each category whose first choice a rollback changes."""
    before = {one.slug: one.routes[-1].primary for one in now.categories}
    after = {one.slug: one.routes[-1].primary for one in back.categories}
    for slug in sorted(before.keys() | after.keys()):
        if before.get(slug) != after.get(slug):
            to = after.get(slug)
            verdict = Verdict("switched" if to else "held", to, before.get(slug), reason)
            yield CategoryVerdict(slug, verdict, {})


def _newest() -> _Newest | None:
    table = RoutingTable.objects.select_related("policy").order_by("-version").first()
    if table is None:
        return None
    document = json.loads(bytes(table.body))
    return _Newest(table, document, Plan.of(document))


def _frozen(publication: Publication | None) -> str:
    if publication is None or publication.frozen_at is None:
        return ""
    return f"Publishing is frozen by {publication.frozen_by}: {publication.frozen_reason}"


def _look(stored: PolicyVersion, terms: Policy, newest: _Newest | None, frozen: str, *, automatic: bool) -> _Look:
    facts, now = gather(), timezone.now()
    planned = plan(
        terms,
        facts,
        policy_version=stored.version,
        previous=newest.plan if newest else None,
        published=_published(newest),
        now=now,
        may_switch=not automatic,
    )
    look = _Look(planned.plan, facts, planned.verdicts, _cause(planned.plan, newest), stored, terms, "")
    if frozen and look.cause is not None:
        held = tuple(_kept_back(verdict, frozen) for verdict in look.verdicts)
        if newest is None:
            return replace(look, verdicts=held, cause=None, frozen=frozen)
        kept = parse(newest.table.policy.document)
        look = replace(
            look, plan=newest.plan, verdicts=held, cause=None, policy=newest.table.policy, terms=kept, frozen=frozen
        )
    if look.cause is None and newest is not None and _refresh_due(newest.table, look.terms, now):
        return replace(look, cause=RoutingTable.Cause.REFRESH)
    return look


def _published(newest: _Newest | None) -> dict[int, datetime]:
    """When the versions that routes count from were published."""
    if newest is None:
        return {}
    routes = [route for some in newest.plan.routes().values() for route in some]
    since = {route.since_version for route in routes if route.since_version}
    return dict(RoutingTable.objects.filter(version__in=since).values_list("version", "published_at"))


def _cause(planned: Plan, newest: _Newest | None) -> str | None:
    """Why a version is due; None if it would decide the same, or nothing at all."""
    if newest is None:
        return RoutingTable.Cause.FIRST if planned.categories or planned.default else None
    if decision_digest(planned) == newest.table.decision_digest:
        return None
    if dict(planned.policy) != dict(newest.plan.policy):
        return RoutingTable.Cause.POLICY
    before = {route.id: route.primary for routes in newest.plan.routes().values() for route in routes}
    after = {route.id: route.primary for routes in planned.routes().values() for route in routes}
    if any(before[route_id] != after[route_id] for route_id in before.keys() & after.keys()):
        return RoutingTable.Cause.SWITCHED
    return RoutingTable.Cause.FIRST if after.keys() - before.keys() else RoutingTable.Cause.MODELS


def _refresh_due(table: RoutingTable, terms: Policy, now: datetime) -> bool:
    age, life = now - table.published_at, table.expires_at - table.published_at
    return age >= min(timedelta(hours=terms.refresh_every_hours), life / 2)


def _kept_back(verdict: CategoryVerdict, frozen: str) -> CategoryVerdict:
    one = verdict.verdict
    if one.outcome not in ("switched", "first") and one.to == one.before:
        return verdict
    held = replace(one, outcome="held", to=one.before, reason=f"{frozen} Kept back: {one.reason}")
    return replace(verdict, verdict=held)


def _told(look: _Look, newest: _Newest | None) -> PublishResult:
    """A dry run: nothing is stored."""
    now = timezone.now()
    version = newest.table.version if newest else None
    document = build(
        look.plan,
        look.facts,
        version=(version or 0) + 1,
        previous=version,
        published_at=now,
        expires_at=now + timedelta(hours=look.terms.expires_after_hours),
        cause=look.cause or "",
    )
    return PublishResult(False, version, look.verdicts, look.cause, document, look.frozen)


def _store(
    publication: Publication,
    look: _Look,
    newest: _Newest | None,
    *,
    actor: str,
    reason: str,
    rolled_back_to: int | None = None,
) -> tuple[RoutingTable, Mapping[str, Any]]:
    """Under the lock. The body is serialised here and nowhere else."""
    assert look.cause is not None
    now = timezone.now().replace(microsecond=0)
    expires_at = now + timedelta(hours=look.terms.expires_after_hours)
    version = publication.newest + 1
    document = build(
        look.plan,
        look.facts,
        version=version,
        previous=newest.table.version if newest else None,
        published_at=now,
        expires_at=expires_at,
        cause=look.cause,
    )
    body = serialise(document)
    table = RoutingTable.objects.create(
        version=version,
        body=body.data,
        sha256=body.sha256,
        decision_digest=document["decision_digest"],
        signature=signing.sign(body.data),
        cause=look.cause,
        reason=reason[:500],
        actor=actor,
        policy=look.policy,
        rolled_back_to=rolled_back_to,
        published_at=now,
        expires_at=expires_at,
    )
    publication.newest = version
    publication.save(update_fields=["newest"])
    transaction.on_commit(publish_dir.write_newest, robust=True)
    log.info("table_published", version=version, cause=str(look.cause), actor=actor, sha256=body.sha256)
    return table, document


def _summary(look: _Look, newest: _Newest | None) -> str:
    """What a version's line in the history says when nobody gave a reason."""
    if look.cause == RoutingTable.Cause.REFRESH:
        return "Same decisions, newer evidence."
    if look.cause == RoutingTable.Cause.POLICY:
        return f"Policy {look.policy.version}: {look.policy.reason}"
    moved = [one for one in look.verdicts if one.verdict.to is not None and one.verdict.to != one.verdict.before]
    if len(moved) == 1:
        return f"{_name(look, moved[0])} goes to {moved[0].verdict.to}. {moved[0].verdict.reason}"
    if moved:
        return f"{listed([f'{_name(look, one)} goes to {one.verdict.to}' for one in moved])}."
    document: Mapping[str, Any] = {} if newest is None else newest.document
    return _changed_models(look.plan, document)


def _name(look: _Look, verdict: CategoryVerdict) -> str:
    category = look.facts.category(verdict.category)
    return category.name if category else verdict.category


def _changed_models(planned: Plan, document: Mapping[str, Any]) -> str:
    before = document.get("models", {})
    added = [slug for slug in planned.models if slug not in before]
    gone = [slug for slug in before if slug not in planned.models]
    edited = [slug for slug in planned.models if slug in before and before[slug] != planned.models[slug]]
    parts: Sequence[tuple[str, list[str]]] = (("new: ", added), ("gone: ", gone), ("changed: ", edited))
    said = "; ".join(f"{label}{listed(slugs)}" for label, slugs in parts if slugs)
    return f"Contenders {said}." if said else "Fallbacks changed; no route's first choice did."
