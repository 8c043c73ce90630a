"""What publishing knows at one moment, as plain values: contenders, leaderboards, measured evidence. Pure.

`routing.decisions.queries` fills it from the database; the gate, the plan and the document read nothing else, so a
decision can be replayed from these values alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from evals.ratings import Standings

__all__ = ["MIN_MEASUREMENTS", "Board", "CategoryEvidence", "DecisionEvidence", "Measured", "Model", "Spread"]


@dataclass(frozen=True)
class Model:
    """A contender as a routing table names it. Prices per million tokens; None is unknown, never 0."""

    slug: str
    provider: str
    model_name: str
    base_url: str
    settings: Mapping[str, Any]
    locality: str
    tier: int
    capabilities: tuple[str, ...]
    context_tokens: int | None
    usd_input: float | None
    usd_output: float | None
    retired: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Its entry in `models`."""
        return {
            "provider": self.provider,
            "model_name": self.model_name,
            "base_url": self.base_url,
            "settings": dict(self.settings),
            "locality": self.locality,
            "tier": self.tier,
            "capabilities": list(self.capabilities),
            "context_tokens": self.context_tokens,
            "usd_per_mtok": {"input": self.usd_input, "output": self.usd_output},
        }


@dataclass(frozen=True)
class Spread:
    p50: float | None = None
    p95: float | None = None
    n: int = 0

    def as_dict(self) -> dict[str, Any]:
        return {"p50": _rounded(self.p50, 1), "p95": _rounded(self.p95, 1), "n": self.n}


@dataclass(frozen=True)
class Measured:
    """What runs measured of a contender, in one category or pooled; `n` is the number of generations behind the
    rates. None is not measured."""

    n: int = 0
    success_rate: float | None = None
    success_basis: str | None = None
    schema_ok_rate: float | None = None
    error_rate: float | None = None
    refusal_rate: float | None = None
    ttft_ms: Spread = Spread()
    latency_ms: Spread = Spread()
    usd_per_success: float | None = None
    tokens_per_second: float | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "success_rate": _rounded(self.success_rate, 4),
            "success_basis": self.success_basis,
            "schema_ok_rate": _rounded(self.schema_ok_rate, 4),
            "error_rate": _rounded(self.error_rate, 4),
            "refusal_rate": _rounded(self.refusal_rate, 4),
            "ttft_ms": self.ttft_ms.as_dict(),
            "latency_ms": self.latency_ms.as_dict(),
            "usd_per_success": _rounded(self.usd_per_success, 10),
            "tokens_per_second": _rounded(self.tokens_per_second, 2),
        }


@dataclass(frozen=True)
class Board:
    """A category's newest leaderboard, by its votes (`seq`) and how they count (`revision`)."""

    standings: Standings
    digest: str
    seq: int
    votes: int
    reviewers: int
    computed_at: datetime
    url: str
    revision: int = 0


@dataclass(frozen=True)
class CategoryEvidence:
    slug: str
    name: str
    speaks_for: str = "panel"
    single_reviewer: bool = False
    board: Board | None = None
    measured: Mapping[str, Measured] = field(default_factory=dict)


@dataclass(frozen=True)
class DecisionEvidence:
    """`models` holds every contender, also retired ones; `categories` only those in use."""

    models: Mapping[str, Model]
    categories: tuple[CategoryEvidence, ...]
    pooled: Mapping[str, Measured] = field(default_factory=dict)

    def category(self, slug: str) -> CategoryEvidence | None:
        return next((one for one in self.categories if one.slug == slug), None)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(float(value), digits)


MIN_MEASUREMENTS = 20
