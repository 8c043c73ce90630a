"""The routing table's document, `routing-table/v1`: built from a plan, digested, serialised once. Pure.

What is decided (`models`, routes, policy, `on_expired`) has a digest of its own, without the reasons and the evidence:
a version is made if and only if that digest moves, or as a refresh.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from routing.decisions.evidence import CategoryEvidence, DecisionEvidence, Measured
from routing.decisions.plan import Plan, PlannedCategory
from routing.policy.parse import canonical

__all__ = ["SCHEMA", "Body", "Draft", "build", "decision_digest", "draft", "serialise", "timestamp"]

SCHEMA = "routing-table/v1"


def decision_digest(plan: Plan) -> str:
    """`sha256:<hex>` over the canonical form of what the plan decides."""
    decided = {
        "models": {slug: dict(entry) for slug, entry in plan.models.items()},
        "categories": {one.slug: [route.decided() for route in one.routes] for one in plan.categories},
        "default": [route.decided() for route in plan.default],
        "policy": dict(plan.policy),
        "on_expired": plan.on_expired,
    }
    return f"sha256:{hashlib.sha256(canonical(decided)).hexdigest()}"


class Body(NamedTuple):
    data: bytes
    sha256: str


def serialise(document: Mapping[str, Any]) -> Body:
    """The bytes that are hashed, signed, stored and served. Called once for a version."""
    data = json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    return Body(data, hashlib.sha256(data).hexdigest())


def timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Draft:
    """A document without its number and its times: all that takes long to put together. `categories` holds every
    category's entry but its routes, which name the version."""

    plan: Plan
    digest: str
    categories: Mapping[str, Mapping[str, Any]]
    default: Sequence[Mapping[str, Any]]

    def stamped(
        self, *, version: int, previous: int | None, published_at: datetime, expires_at: datetime, cause: str
    ) -> dict[str, Any]:
        """The document of a version. Reads no evidence."""
        plan = self.plan
        routes = {one.slug: [route.as_dict(version) for route in one.routes] for one in plan.categories}
        return {
            "schema": SCHEMA,
            "version": version,
            "previous": previous,
            "published_at": timestamp(published_at),
            "expires_at": timestamp(expires_at),
            "on_expired": plan.on_expired,
            "cause": cause,
            "decision_digest": self.digest,
            "policy": dict(plan.policy),
            "prices": _prices(plan.models, published_at),
            "complexity": dict(plan.complexity),
            "models": {slug: dict(entry) for slug, entry in plan.models.items()},
            "categories": {slug: {**entry, "routes": routes[slug]} for slug, entry in self.categories.items()},
            "default": {
                "candidates": [dict(candidate) for candidate in self.default],
                "routes": [route.as_dict(version) for route in plan.default],
            },
        }


def draft(plan: Plan, evidence: DecisionEvidence) -> Draft:
    """As fresh as `evidence`. A model that it no longer rates or measures has no figures, which never count as zero."""
    return Draft(
        plan=plan,
        digest=decision_digest(plan),
        categories={one.slug: _category(one, plan, evidence) for one in plan.categories},
        default=[_candidate(slug, None, evidence.pooled.get(slug)) for slug in plan.models],
    )


def build(
    plan: Plan,
    evidence: DecisionEvidence,
    *,
    version: int,
    previous: int | None,
    published_at: datetime,
    expires_at: datetime,
    cause: str,
) -> dict[str, Any]:
    """The document of a version, drafted and stamped at once."""
    return draft(plan, evidence).stamped(
        version=version, previous=previous, published_at=published_at, expires_at=expires_at, cause=cause
    )


def _prices(models: Mapping[str, Mapping[str, Any]], as_of: datetime) -> dict[str, Any]:
    prices = {slug: entry["usd_per_mtok"] for slug, entry in models.items()}
    digest = hashlib.sha256(canonical(prices)).hexdigest()
    return {"source": "contenders", "as_of": timestamp(as_of), "sha256": digest}


def _category(planned: PlannedCategory, plan: Plan, evidence: DecisionEvidence) -> dict[str, Any]:
    known = evidence.category(planned.slug)
    board = known.board if known else None
    return {
        "basis": planned.basis,
        "leaderboard": board
        and {
            "digest": board.digest,
            "votes": board.votes,
            "reviewers": board.reviewers,
            "computed_at": timestamp(board.computed_at),
            "url": board.url,
        },
        "candidates": _candidates(planned, plan, known),
    }


def _candidates(planned: PlannedCategory, plan: Plan, known: CategoryEvidence | None) -> list[dict[str, Any]]:
    """The rated by rating, then those that are only routed; all of them stand in `models`."""
    rated = _ratings(known)
    routed = [slug for route in planned.routes for slug in route.models]
    slugs = [slug for slug in rated if slug in plan.models]
    slugs += [slug for slug in dict.fromkeys(routed) if slug not in rated]
    measured = known.measured if known else {}
    return [_candidate(slug, rated.get(slug), measured.get(slug)) for slug in slugs]


def _ratings(known: CategoryEvidence | None) -> dict[str, Mapping[str, Any]]:
    if known is None or known.board is None:
        return {}
    return {
        str(rating.contender): {
            "rating": round(rating.rating, 1),
            "ci95": [round(edge, 1) for edge in rating.ci95],
            "p_best": None if rating.p_best is None else round(rating.p_best, 3),
            "both_bad_rate": None if rating.both_bad_rate is None else round(rating.both_bad_rate, 4),
        }
        for rating in known.board.standings.ratings
    }


_UNRATED: Mapping[str, Any] = {"rating": None, "ci95": None, "p_best": None, "both_bad_rate": None}


def _candidate(slug: str, rating: Mapping[str, Any] | None, measured: Measured | None) -> dict[str, Any]:
    return {"model": slug, **(rating or _UNRATED), **(measured or Measured()).as_dict()}
