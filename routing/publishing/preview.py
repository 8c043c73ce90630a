"""What publishing would do now, and why: worked out without the publisher's lock, because that takes its time.

A preview holds as long as the snapshot it was taken on does; under the lock that is one cheap comparison.
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
from routing.decisions.queries import EvidenceSnapshot, Measurements, Unread, evidence_snapshot, gather
from routing.models import PolicyVersion, Publication, RoutingTable
from routing.policy.parse import Policy, parse
from routing.publishing.document import Draft, decision_digest, draft

__all__ = [
    "NewestTable",
    "PublishPreview",
    "PublishSnapshot",
    "frozen_words",
    "make_preview",
    "newest_table",
    "snapshot",
    "summary",
]


@dataclass(frozen=True)
class PublishSnapshot:
    """What a look rests on, but for the evidence. While it stays, looking again would decide the same."""

    table: int | None
    policy: int | None
    frozen: str
    evidence: EvidenceSnapshot


def snapshot(publication: Publication | None) -> PublishSnapshot:
    """As it is now. Five small queries, fit for the publisher's lock. Taken before a preview, so that whatever moves
    while looking is seen afterwards."""
    return PublishSnapshot(
        table=RoutingTable.objects.order_by("-version").values_list("version", flat=True).first(),
        policy=PolicyVersion.objects.order_by("-version").values_list("version", flat=True).first(),
        frozen=frozen_words(publication),
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
    """What publishing would do now. `cause` None: nothing."""

    plan: Plan
    evidence: DecisionEvidence
    decisions: tuple[CategoryDecision, ...]
    cause: str | None
    policy: PolicyVersion
    terms: Policy
    frozen: str

    @property
    def unmeasured(self) -> list[str]:
        """Categories whose decision misses figures that the policy asks for, of a look that did not measure."""
        return [one.slug for one in self.evidence.categories if isinstance(one.measured, Unread) and one.measured.asked]

    def drafted(self) -> Draft:
        """The document's parts, with all the evidence they show: this is what takes long."""
        return draft(self.plan, self.evidence)


def newest_table() -> NewestTable | None:
    table = RoutingTable.objects.select_related("policy").order_by("-version").first()
    if table is None:
        return None
    document = json.loads(bytes(table.body))
    return NewestTable(table, document, Plan.of(document))


def frozen_words(publication: Publication | None) -> str:
    if publication is None or publication.frozen_at is None:
        return ""
    return f"Publishing is frozen by {publication.frozen_by}: {publication.frozen_reason}"


def make_preview(
    stored: PolicyVersion,
    terms: Policy,
    newest: NewestTable | None,
    frozen: str,
    *,
    measurements: Measurements | None,
    approvals: Approvals = NO_APPROVALS,
) -> PublishPreview:
    """`approvals`: what a person approves of. `frozen`: the words of a freeze, which keeps everything new back. Without
    `measurements` no evidence is read, not even where the policy asks for it: the evidence tell for whom it does."""
    evidence, now = gather(measurements=measurements), timezone.now()
    planned = make_plan(
        terms,
        evidence,
        policy_version=stored.version,
        previous=newest.plan if newest else None,
        published=_published(newest),
        now=now,
        approvals=approvals,
    )
    seen = PublishPreview(planned.plan, evidence, planned.decisions, _cause(planned.plan, newest), stored, terms, "")
    if frozen and seen.cause is not None:
        held = tuple(_kept_back(decision, frozen) for decision in seen.decisions)
        if newest is None:
            return replace(seen, decisions=held, cause=None, frozen=frozen)
        kept = parse(newest.table.policy.document)
        seen = replace(
            seen, plan=newest.plan, decisions=held, cause=None, policy=newest.table.policy, terms=kept, frozen=frozen
        )
    if seen.cause is None and newest is not None and _refresh_due(newest.table, seen.terms, now):
        return replace(seen, cause=RoutingTable.Cause.REFRESH)
    return seen


def _published(newest: NewestTable | None) -> dict[int, datetime]:
    """When the versions that routes count from were published."""
    if newest is None:
        return {}
    routes = [route for some in newest.plan.routes().values() for route in some]
    since = {route.since_version for route in routes if route.since_version}
    return dict(RoutingTable.objects.filter(version__in=since).values_list("version", "published_at"))


def _cause(planned: Plan, newest: NewestTable | None) -> str | None:
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


def _kept_back(decision: CategoryDecision, frozen: str) -> CategoryDecision:
    one = decision.decision
    if one.outcome not in ("switched", "first") and one.to == one.before:
        return decision
    held = replace(one, outcome="held", to=one.before, reason=f"{frozen} Kept back: {one.reason}")
    return replace(decision, decision=held)


def summary(preview: PublishPreview, newest: NewestTable | None) -> str:
    """`newest` is the table before, None for the first."""
    if preview.cause == RoutingTable.Cause.REFRESH:
        return "Same decisions, newer evidence."
    if preview.cause == RoutingTable.Cause.POLICY:
        return f"Policy {preview.policy.version}: {preview.policy.reason}"
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
    said = "; ".join(f"{label}{listed(slugs)}" for label, slugs in parts if slugs)
    return f"Contenders {said}." if said else "Fallbacks changed; no route's first choice did."
