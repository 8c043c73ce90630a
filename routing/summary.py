"""What a version's line in the history says when nobody gave a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from routing.deciding.planning import CategoryVerdict
from routing.looking import Look, Newest
from routing.models import RoutingTable
from routing.tables.document import Plan
from routing.wording import listed

__all__ = ["summary"]


def summary(look: Look, newest: Newest | None) -> str:
    """`newest` is the table before, None for the first."""
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


def _name(look: Look, verdict: CategoryVerdict) -> str:
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
