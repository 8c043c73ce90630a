"""What a table decides: its routes by category, its default, its models; and what a person approves of. Pure.

approvals = Approvals({"code": "gpt-x", "code-fast": None}, by="Mara", reason="Checked with support.")
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

__all__ = [
    "DEFAULT",
    "NO_APPROVALS",
    "Approvals",
    "PendingApproval",
    "Plan",
    "PlannedCategory",
    "Route",
    "read_approvals",
]


@dataclass(frozen=True)
class Approvals:
    """Routes by id, each with the contender that was approved of; None for the proposed one."""

    routes: Mapping[str, str | None] = field(default_factory=dict)
    by: str = ""
    reason: str = ""

    def __contains__(self, route_id: object) -> bool:
        return route_id in self.routes

    def cover(self, route_id: str, to: str | None) -> bool:
        """Whether this route may go to `to` as far as approvals are concerned: it was approved of, or no approval names
        the route."""
        return self.routes.get(route_id) in (None, to)

    @property
    def reason_suffix(self) -> str:
        return f"Approved by {self.by}: “{self.reason}”"


NO_APPROVALS = Approvals()


def read_approvals(typed: Iterable[str]) -> dict[str, str | None]:
    """Each `code=gpt-x`, or `code` for the contender that is proposed there."""
    approvals: dict[str, str | None] = {}
    for one in typed:
        route_id, _, to = one.partition("=")
        approvals[route_id.strip()] = to.strip() or None
    return approvals


class PendingApproval(NamedTuple):
    """A route whose change from `before` to `to` waits for a person's approval."""

    category: str
    route_id: str
    before: str | None
    to: str
    reason: str

    @property
    def value(self) -> str:
        """What approving of it is typed as."""
        return f"{self.route_id}={self.to}"


# The id of the default's unnamed route, and its key where routes are listed by category.
DEFAULT = "default"


@dataclass(frozen=True)
class Route:
    """`since_version` is the version that first sent these requests to this primary; None: the one being made."""

    id: str
    when: Mapping[str, Any]
    primary: str
    fallbacks: tuple[str, ...] = ()
    escalate_to: str | None = None
    reason: str = ""
    since_version: int | None = None

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Route:
        return cls(
            id=entry["id"],
            when=entry["when"],
            primary=entry["primary"],
            fallbacks=tuple(entry.get("fallbacks", ())),
            escalate_to=entry.get("escalate_to"),
            reason=entry.get("reason", ""),
            since_version=entry.get("since_version"),
        )

    @property
    def models(self) -> tuple[str, ...]:
        return (self.primary, *self.fallbacks, *((self.escalate_to,) if self.escalate_to else ()))

    def decided(self) -> dict[str, Any]:
        """What the digest is taken over."""
        decided: dict[str, Any] = {
            "id": self.id,
            "when": dict(self.when),
            "primary": self.primary,
            "fallbacks": list(self.fallbacks),
        }
        if self.escalate_to:
            decided["escalate_to"] = self.escalate_to
        return decided

    def as_dict(self, version: int) -> dict[str, Any]:
        return self.decided() | {"reason": self.reason, "since_version": self.since_version or version}


@dataclass(frozen=True)
class PlannedCategory:
    """`basis`: what its unconditional route rests on: votes, default or pin."""

    slug: str
    basis: str
    routes: tuple[Route, ...]


@dataclass(frozen=True)
class Plan:
    """Everything a table decides. `models` maps slugs to entries as the document has them."""

    models: Mapping[str, Mapping[str, Any]]
    categories: tuple[PlannedCategory, ...]
    default: tuple[Route, ...]
    policy: Mapping[str, Any]
    on_expired: str
    complexity: Mapping[str, Any]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Plan:
        """The plan a published document came from: what a rollback, or a refresh while frozen, publishes again."""
        return cls(
            models=document["models"],
            categories=tuple(
                PlannedCategory(slug, entry["basis"], tuple(map(Route.of, entry["routes"])))
                for slug, entry in document["categories"].items()
            ),
            default=tuple(map(Route.of, document["default"]["routes"])),
            policy=document["policy"],
            on_expired=document["on_expired"],
            complexity=document["complexity"],
        )

    def routes(self) -> dict[str, tuple[Route, ...]]:
        """By category; the default's under DEFAULT after a space, which no slug has."""
        return {one.slug: one.routes for one in self.categories} | {f" {DEFAULT}": self.default}

    def routes_by_id(self) -> dict[str, Route]:
        return {route.id: route for routes in self.routes().values() for route in routes}

    def since(self, previous: Plan | None) -> Plan:
        """With each route's `since_version` taken over from `previous` where the same id has the same primary."""
        known = previous.routes_by_id() if previous else {}

        def carried(route: Route) -> Route:
            before = known.get(route.id)
            same = before is not None and before.primary == route.primary
            return replace(route, since_version=before.since_version if before and same else None)

        return replace(
            self,
            categories=tuple(replace(one, routes=tuple(map(carried, one.routes))) for one in self.categories),
            default=tuple(map(carried, self.default)),
        )
