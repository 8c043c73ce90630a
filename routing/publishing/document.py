"""The routing table's document, `routing-table/v1`: drafted from a plan, digested, stamped, serialised once. Pure.

    draft(plan, evidence).stamped(version=8, previous=7, published_at=…, expires_at=…, cause="switched")

What is decided (`models`, routes, policy, `on_expired`) has a digest of its own, without the reasons and the evidence:
a version is made if and only if that digest moves, or as a refresh.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from evals.catalog.price_list import Price
from evals.leaderboards.measurements import Evidence, Hallucination, Quantiles
from evals.ratings import Rating
from routing.decisions.evidence import CategoryEvidence, DecisionEvidence
from routing.decisions.plan import Plan, PlannedCategory
from routing.policy.parse import canonical

__all__ = ["SCHEMA", "Body", "Draft", "decision_digest", "draft", "serialise", "timestamp"]

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
    prices: Mapping[str, Price | None] = field(default_factory=dict)

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
            "prices": _prices(plan.models, self.prices, published_at),
            "complexity": dict(plan.complexity),
            "models": {slug: dict(entry) for slug, entry in plan.models.items()},
            "categories": {slug: {**entry, "routes": routes[slug]} for slug, entry in self.categories.items()},
            "default": {
                "candidates": [dict(candidate) for candidate in self.default],
                "routes": [route.as_dict(version) for route in plan.default],
            },
        }


def draft(plan: Plan, evidence: DecisionEvidence) -> Draft:
    """With the figures of `evidence`. A contender that is not rated or measured there has None, never zero."""
    return Draft(
        plan=plan,
        digest=decision_digest(plan),
        categories={one.slug: _category(one, plan, evidence) for one in plan.categories},
        default=[_candidate(slug, None, evidence.pooled.get(slug)) for slug in plan.models],
        prices={slug: card.price for slug in plan.models if (card := evidence.contenders.get(slug))},
    )


def _prices(
    models: Mapping[str, Mapping[str, Any]], in_force: Mapping[str, Price | None], at: datetime
) -> dict[str, Any]:
    """`contenders` says what `models` does not: prices by the public list, and how old each is. It is here, outside
    what is decided, because a price that grows old is no reason for a version."""
    prices = {slug: entry["usd_per_mtok"] for slug, entry in models.items()}
    digest = hashlib.sha256(canonical(prices)).hexdigest()
    return {
        "source": "contenders",
        "as_of": timestamp(at),
        "sha256": digest,
        "contenders": {slug: _price(in_force.get(slug), at) for slug in models},
    }


def _price(price: Price | None, at: datetime) -> dict[str, Any] | None:
    if price is None:
        return None
    return {
        "input": float(price.input),
        "output": float(price.output),
        "cached_input": None if price.cached_input is None else float(price.cached_input),
        "cache_write": None if price.cache_write is None else float(price.cache_write),
        "reasoning": None if price.reasoning is None else float(price.reasoning),
        "source": price.source,
        "where": price.where,
        "as_of": price.as_of and price.as_of.isoformat(),
        "stale": price.stale(at.astimezone(UTC).date()),
    }


def _category(planned: PlannedCategory, plan: Plan, evidence: DecisionEvidence) -> dict[str, Any]:
    known = evidence.category(planned.slug)
    board = known.board if known else None
    return {
        "basis": planned.basis,
        "leaderboard": board
        and {
            "digest": board.digest,
            "votes": board.votes,
            "votes_compared": board.compared,
            "reviewers": board.reviewers,
            "computed_at": timestamp(board.computed_at),
            "url": board.url,
        },
        "candidates": _candidates(planned, plan, known),
    }


def _candidates(planned: PlannedCategory, plan: Plan, known: CategoryEvidence | None) -> list[dict[str, Any]]:
    """The rated by rating, then those that are only routed; all of them stand in `models`."""
    ratings = {str(one.contender): one for one in known.board.standings.ratings} if known and known.board else {}
    measured = known.measured if known else {}
    routed = [slug for route in planned.routes for slug in route.models]
    slugs = [slug for slug in ratings if slug in plan.models]
    slugs += [slug for slug in dict.fromkeys(routed) if slug not in ratings]
    return [_candidate(slug, ratings.get(slug), measured.get(slug)) for slug in slugs]


def _candidate(slug: str, rating: Rating | None, measured: Evidence | None) -> dict[str, Any]:
    measured = measured or Evidence()
    return {
        "model": slug,
        "rating": _rounded(rating.rating, 1) if rating else None,
        "ci95": [_rounded(edge, 1) for edge in rating.ci95] if rating else None,
        "p_best": _rounded(rating.p_best, 3) if rating else None,
        "both_bad_rate": _rounded(rating.both_bad_rate, 4) if rating else None,
        "n": measured.n,
        "success_rate": _rounded(measured.success_rate, 4),
        "success_basis": measured.success_basis,
        "schema_ok_rate": _rounded(measured.schema_ok_rate, 4),
        "error_rate": _rounded(measured.error_rate, 4),
        "refusal_rate": _rounded(measured.refusal_rate, 4),
        "hallucination": _hallucination(measured.hallucination),
        "ttft_ms": _quantiles(measured.ttft_ms),
        "latency_ms": _quantiles(measured.latency_ms),
        "gap_ms": _quantiles(measured.gap_ms),
        "usd_per_success": _rounded(measured.usd_per_success, 10),
        "tokens_per_second": _rounded(measured.tokens_per_second, 2),
        "in_flight": {"p50": measured.in_flight},
    }


def _hallucination(measured: Hallucination) -> dict[str, Any]:
    return {
        "rate": _rounded(measured.rate, 4),
        "ci95": None if measured.ci95 is None else [_rounded(edge, 4) for edge in measured.ci95],
        "n": measured.n,
        "refusal_rate": _rounded(measured.refusal_rate, 4),
    }


def _quantiles(measured: Quantiles) -> dict[str, Any]:
    return {"p50": _rounded(measured.p50, 1), "p95": _rounded(measured.p95, 1), "n": measured.n}


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(float(value), digits)
