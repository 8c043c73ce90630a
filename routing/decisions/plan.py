"""What a table decides: its routes by category, its default, its models; and what a person approves of. Pure.

approvals = Approvals({"code": "gpt-x", "code-fast": None}, by="Mara", reason="Checked with support.")
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

__all__ = ["DEFAULT", "NO_APPROVALS", "Approvals", "Plan", "PlannedCategory", "Route", "read_approvals"]


@dataclass(frozen=True)
class Approvals:
    """Routes by id, each with the contender that was approved of; None: whoever is proposed."""

    routes: Mapping[str, str | None] = field(default_factory=dict)
    by: str = ""
    reason: str = ""

    def __contains__(self, route_id: object) -> bool:
        return route_id in self.routes

    def cover(self, route_id: str, to: str | None) -> bool:
        """Whether sending this route to `to` is no more than was approved of."""
        return self.routes.get(route_id) in (None, to)

    @property
    def words(self) -> str:
        return f"Approved by {self.by}: “{self.reason}”"


NO_APPROVALS = Approvals()


def read_approvals(words: Iterable[str]) -> dict[str, str | None]:
    """`code=gpt-x`, or `code` for whoever is proposed there."""
    made: dict[str, str | None] = {}
    for word in words:
        route_id, _, to = word.partition("=")
        made[route_id.strip()] = to.strip() or None
    return made


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
        made: dict[str, Any] = {
            "id": self.id,
            "when": dict(self.when),
            "primary": self.primary,
            "fallbacks": list(self.fallbacks),
        }
        if self.escalate_to:
            made["escalate_to"] = self.escalate_to
        return made

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
        """By category, the default's under DEFAULT with a space no slug has."""
        return {one.slug: one.routes for one in self.categories} | {f" {DEFAULT}": self.default}

    def since(self, previous: Plan | None) -> Plan:
        """With each route's `since_version` taken over from `previous` where the same id has the same primary."""
        known = {route.id: route for routes in (previous.routes() if previous else {}).values() for route in routes}

        def kept(routes: Iterable[Route]) -> tuple[Route, ...]:
            made = []
            for route in routes:
                before = known.get(route.id)
                same = before is not None and before.primary == route.primary
                made.append(replace(route, since_version=before.since_version if before and same else None))
            return tuple(made)

        return replace(
            self,
            categories=tuple(replace(one, routes=kept(one.routes)) for one in self.categories),
            default=kept(self.default),
        )
