"""What a person approves of, where the policy holds changes for one. Pure.

approvals = Approvals({"code": "gpt-x", "code-fast": None}, by="Mara", reason="Checked with support.")
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["NONE", "Approvals", "read"]


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


NONE = Approvals()


def read(words: Iterable[str]) -> dict[str, str | None]:
    """`code=gpt-x`, or `code` for whoever is proposed there."""
    made: dict[str, str | None] = {}
    for word in words:
        route_id, _, to = word.partition("=")
        made[route_id.strip()] = to.strip() or None
    return made
