"""What publishing would do now, and why: looked at without the publisher's lock, because looking takes its time.

A look holds as long as the basis it was taken on does; under the lock that is one cheap comparison.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from routing.deciding.approvals import NONE, Approvals
from routing.deciding.planning import CategoryVerdict, plan
from routing.facts import Facts
from routing.gathering import Ground, Measurements, Unread, gather, ground
from routing.models import PolicyVersion, Publication, RoutingTable
from routing.policies import Policy, parse
from routing.tables.document import Draft, Plan, decision_digest, draft

__all__ = ["Basis", "Look", "Newest", "basis", "frozen_words", "look", "newest_table"]


@dataclass(frozen=True)
class Basis:
    """What a look rests on, but for the evidence. While it stays, looking again would decide the same."""

    table: int | None
    policy: int | None
    frozen: str
    ground: Ground


def basis(publication: Publication | None) -> Basis:
    """As it is now. Five small queries, fit for the publisher's lock. Taken before a look, so that whatever moves
    while looking is seen afterwards."""
    return Basis(
        table=RoutingTable.objects.order_by("-version").values_list("version", flat=True).first(),
        policy=PolicyVersion.objects.order_by("-version").values_list("version", flat=True).first(),
        frozen=frozen_words(publication),
        ground=ground(),
    )


@dataclass(frozen=True)
class Newest:
    """The newest table, read once."""

    table: RoutingTable
    document: Mapping[str, Any]
    plan: Plan


@dataclass(frozen=True)
class Look:
    """What publishing would do now. `cause` None: nothing."""

    plan: Plan
    facts: Facts
    verdicts: tuple[CategoryVerdict, ...]
    cause: str | None
    policy: PolicyVersion
    terms: Policy
    frozen: str

    @property
    def unmeasured(self) -> list[str]:
        """Categories whose verdict misses figures that the policy asks for, of a look that did not measure."""
        return [one.slug for one in self.facts.categories if isinstance(one.measured, Unread) and one.measured.asked]

    def drafted(self) -> Draft:
        """The document's parts, with all the evidence they show: this is what takes long."""
        return draft(self.plan, self.facts)


def newest_table() -> Newest | None:
    table = RoutingTable.objects.select_related("policy").order_by("-version").first()
    if table is None:
        return None
    document = json.loads(bytes(table.body))
    return Newest(table, document, Plan.of(document))


def frozen_words(publication: Publication | None) -> str:
    if publication is None or publication.frozen_at is None:
        return ""
    return f"Publishing is frozen by {publication.frozen_by}: {publication.frozen_reason}"


def look(
    stored: PolicyVersion,
    terms: Policy,
    newest: Newest | None,
    frozen: str,
    *,
    measurements: Measurements | None,
    approvals: Approvals = NONE,
) -> Look:
    """`approvals`: what a person approves of. `frozen`: the words of a freeze, which keeps everything new back. Without
    `measurements` no evidence is read, not even where the policy asks for it: the facts tell for whom it does."""
    facts, now = gather(measurements=measurements), timezone.now()
    planned = plan(
        terms,
        facts,
        policy_version=stored.version,
        previous=newest.plan if newest else None,
        published=_published(newest),
        now=now,
        approvals=approvals,
    )
    seen = Look(planned.plan, facts, planned.verdicts, _cause(planned.plan, newest), stored, terms, "")
    if frozen and seen.cause is not None:
        held = tuple(_kept_back(verdict, frozen) for verdict in seen.verdicts)
        if newest is None:
            return replace(seen, verdicts=held, cause=None, frozen=frozen)
        kept = parse(newest.table.policy.document)
        seen = replace(
            seen, plan=newest.plan, verdicts=held, cause=None, policy=newest.table.policy, terms=kept, frozen=frozen
        )
    if seen.cause is None and newest is not None and _refresh_due(newest.table, seen.terms, now):
        return replace(seen, cause=RoutingTable.Cause.REFRESH)
    return seen


def _published(newest: Newest | None) -> dict[int, datetime]:
    """When the versions that routes count from were published."""
    if newest is None:
        return {}
    routes = [route for some in newest.plan.routes().values() for route in some]
    since = {route.since_version for route in routes if route.since_version}
    return dict(RoutingTable.objects.filter(version__in=since).values_list("version", "published_at"))


def _cause(planned: Plan, newest: Newest | None) -> str | None:
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
