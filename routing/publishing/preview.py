"""What publishing would do now, and why: worked out without the publisher's lock, because measuring takes seconds.

A preview is valid as long as the snapshot it was taken on is; under the lock that is one cheap comparison.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from arena.ui.wording import listed
from routing.decisions.evidence import DecisionEvidence
from routing.decisions.plan import NO_APPROVALS, Approvals, Plan
from routing.decisions.planner import CategoryDecision, make_plan
from routing.decisions.queries import (
    EvidenceCache,
    EvidenceSnapshot,
    UnmeasuredEvidence,
    decision_evidence,
    evidence_snapshot,
)
from routing.models import PolicyVersion, Publication, RoutingTable
from routing.policy.parse import Policy, parse
from routing.publishing.document import Draft, decision_digest, draft

__all__ = [
    "NewestTable",
    "PublishPreview",
    "PublishSnapshot",
    "freeze_notice",
    "make_preview",
    "newest_table",
    "snapshot",
    "summary",
]


@dataclass(frozen=True)
class PublishSnapshot:
    """What a preview rests on, except for what was measured. While it stays the same, so do the decisions."""

    table: int | None
    policy: int | None
    frozen: str
    evidence: EvidenceSnapshot


def snapshot(publication: Publication | None) -> PublishSnapshot:
    """As it is now. Five small queries, cheap enough for the publisher's lock. Taken before a preview, so that a change
    during it shows afterwards."""
    return PublishSnapshot(
        table=RoutingTable.objects.order_by("-version").values_list("version", flat=True).first(),
        policy=PolicyVersion.objects.order_by("-version").values_list("version", flat=True).first(),
        frozen=freeze_notice(publication),
        evidence=evidence_snapshot(),
    )


@dataclass(frozen=True)
class NewestTable:
    """The newest table, read once."""

    table: RoutingTable
    document: Mapping[str, Any]
    plan: Plan


@dataclass(frozen=True)
class PublishPreview:
    """What publishing would do now; with `cause` None nothing. `policy` is `policy_version`'s document, read."""

    plan: Plan
    evidence: DecisionEvidence
    decisions: tuple[CategoryDecision, ...]
    cause: str | None
    policy_version: PolicyVersion
    policy: Policy
    frozen: str = ""

    @property
    def unmeasured(self) -> list[str]:
        """Categories whose decision lacks figures that the policy asks for, because nothing was measured."""
        return [
            one.slug
            for one in self.evidence.categories
            if isinstance(one.measured, UnmeasuredEvidence) and one.measured.was_read
        ]

    def draft(self) -> Draft:
        """The document's parts, with all the evidence they show: this is what takes long."""
        return draft(self.plan, self.evidence)


def newest_table() -> NewestTable | None:
    table = RoutingTable.objects.select_related("policy").order_by("-version").first()
    if table is None:
        return None
    document = json.loads(bytes(table.body))
    return NewestTable(table, document, Plan.of(document))


def freeze_notice(publication: Publication | None) -> str:
    if publication is None or publication.frozen_at is None:
        return ""
    return f"Publishing is frozen by {publication.frozen_by}: {publication.frozen_reason}"


def make_preview(
    policy_version: PolicyVersion,
    policy: Policy,
    newest: NewestTable | None,
    frozen: str,
    *,
    measured: EvidenceCache | None,
    approvals: Approvals = NO_APPROVALS,
) -> PublishPreview:
    """`approvals`: what a person approves of. `frozen`: the notice of a freeze, which keeps everything new back. With
    `measured` None nothing is measured, even where the policy asks for figures; `PublishPreview.unmeasured` tells
    where."""
    evidence, now = decision_evidence(measured), timezone.now()
    planned = make_plan(
        policy,
        evidence,
        policy_version=policy_version.version,
        previous=newest.plan if newest else None,
        published=_published(newest),
        now=now,
        approvals=approvals,
    )
    cause = _cause(planned.plan, newest)
    preview = PublishPreview(planned.plan, evidence, planned.decisions, cause, policy_version, policy)
    if frozen and cause is not None:
        preview = _frozen_preview(preview, newest, frozen)
    if preview.cause is None and newest is not None and _refresh_due(newest.table, preview.policy, now):
        return replace(preview, cause=RoutingTable.Cause.REFRESH)
    return preview


def _published(newest: NewestTable | None) -> dict[int, datetime]:
    """When the versions that routes count from were published."""
    if newest is None:
        return {}
    since = {route.since_version for route in newest.plan.routes_by_id().values() if route.since_version}
    return dict(RoutingTable.objects.filter(version__in=since).values_list("version", "published_at"))


def _cause(planned: Plan, newest: NewestTable | None) -> str | None:
    """Why a version is due; None if it would decide the same, or nothing at all."""
    if newest is None:
        return RoutingTable.Cause.FIRST if planned.categories or planned.default else None
    if decision_digest(planned) == newest.table.decision_digest:
        return None
    if dict(planned.policy) != dict(newest.plan.policy):
        return RoutingTable.Cause.POLICY
    before, after = newest.plan.routes_by_id(), planned.routes_by_id()
    if any(before[route_id].primary != after[route_id].primary for route_id in before.keys() & after.keys()):
        return RoutingTable.Cause.SWITCHED
    return RoutingTable.Cause.FIRST if after.keys() - before.keys() else RoutingTable.Cause.MODELS


def _frozen_preview(preview: PublishPreview, newest: NewestTable | None, frozen: str) -> PublishPreview:
    """The newest table stays, under the policy it was made under; each new decision is held with the reason."""
    decisions = tuple(_kept_back(decision, frozen) for decision in preview.decisions)
    preview = replace(preview, decisions=decisions, cause=None, frozen=frozen)
    if newest is None:
        return preview
    policy_version = newest.table.policy
    return replace(preview, plan=newest.plan, policy_version=policy_version, policy=parse(policy_version.document))


def _kept_back(category: CategoryDecision, frozen: str) -> CategoryDecision:
    decision = category.decision
    if decision.outcome not in ("switched", "first") and decision.to == decision.before:
        return category
    reason = f"{frozen} Kept back: {decision.reason}"
    return replace(category, decision=replace(decision, outcome="held", to=decision.before, reason=reason))


def _refresh_due(table: RoutingTable, policy: Policy, now: datetime) -> bool:
    age, life = now - table.published_at, table.expires_at - table.published_at
    return age >= min(timedelta(hours=policy.refresh_every_hours), life / 2)


def summary(preview: PublishPreview, newest: NewestTable | None) -> str:
    """The reason stored with a version if nobody gave one. `newest` is the table before, None for the first."""
    if preview.cause == RoutingTable.Cause.REFRESH:
        return "Same decisions, newer evidence."
    if preview.cause == RoutingTable.Cause.POLICY:
        return f"Policy {preview.policy_version.version}: {preview.policy_version.reason}"
    moved = [one for one in preview.decisions if one.decision.to is not None and one.decision.to != one.decision.before]
    if len(moved) == 1:
        return f"{_category_name(preview, moved[0])} goes to {moved[0].decision.to}. {moved[0].decision.reason}"
    if moved:
        return f"{listed([f'{_category_name(preview, one)} goes to {one.decision.to}' for one in moved])}."
    document: Mapping[str, Any] = {} if newest is None else newest.document
    return _changed_models(preview.plan, document)


def _category_name(preview: PublishPreview, decision: CategoryDecision) -> str:
    category = preview.evidence.category(decision.category)
    return category.name if category else decision.category


def _changed_models(planned: Plan, document: Mapping[str, Any]) -> str:
    before = document.get("models", {})
    added = [slug for slug in planned.models if slug not in before]
    gone = [slug for slug in before if slug not in planned.models]
    edited = [slug for slug in planned.models if slug in before and before[slug] != planned.models[slug]]
    parts: Sequence[tuple[str, list[str]]] = (("new: ", added), ("gone: ", gone), ("changed: ", edited))
    changes = "; ".join(f"{label}{listed(slugs)}" for label, slugs in parts if slugs)
    return f"Contenders {changes}." if changes else "Fallbacks changed; no route's first choice did."
