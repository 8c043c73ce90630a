"""Evidence for the pure tests: leaderboards computed from votes written as counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any

from evals.catalog.cards import ContenderCard
from evals.leaderboards.measurements import Evidence, Quantiles
from evals.ratings import Params, Tallies, compute
from routing.decisions.evidence import Board, CategoryEvidence, DecisionEvidence

NOW = datetime(2026, 11, 22, 9, 12, tzinfo=UTC)

# (one, other): (wins of one, wins of other, ties), shared out evenly among the reviewers
Wins = Mapping[tuple[str, str], tuple[int, int, int]]


def votes(wins: Wins, reviewers: int) -> list[tuple[str, str, str, str, str]]:
    made, n = [], count()
    for (lo, hi), counts in wins.items():
        for outcome, times in zip(("lo", "hi", "tie"), counts, strict=True):
            for _ in range(times):
                at = next(n)
                made.append((f"reviewer-{at % reviewers}", f"task-{at}", lo, hi, outcome))
    return made


def board(wins: Wins, *, reviewers: int = 4, speaks_for: Any = "panel", retired: tuple[str, ...] = ()) -> Board:
    tallies = Tallies.from_votes(votes(wins, reviewers))
    standings = compute(tallies, Params(speaks_for=speaks_for), retired=retired)
    return Board(
        standings=standings,
        digest=standings.digest,
        seq=standings.votes,
        votes=standings.votes,
        reviewers=standings.reviewers,
        computed_at=NOW,
        url="/leaderboards/code/",
    )


def model(
    slug: str, *, provider: str = "one", locality: str = "hosted", retired: bool = False, **more: Any
) -> ContenderCard:
    fields: dict[str, Any] = {
        "id": 1,
        "family": slug,
        "revision": 1,
        "provider_name": provider.title(),
        "kind": "openai",
        "model_name": slug,
        "base_url": "https://models.example/v1",
        "settings": {},
        "tier": 1,
        "capabilities": (),
        "context_tokens": None,
        "usd_per_mtok_input": None,
        "usd_per_mtok_output": None,
        "used_at": None,
        "retired_at": NOW if retired else None,
    }
    return ContenderCard(slug=slug, provider=provider, locality=locality, **(fields | more))


def measured(*, usd: float | None = None, p95: float | None = None, n: int = 100, **more: Any) -> Evidence:
    latency = Quantiles(None if p95 is None else p95 / 2, p95, n)
    return Evidence(n=n, usd_per_success=usd, latency_ms=latency, ttft_ms=latency, **more)


def evidence_of(
    wins: Wins | None,
    *,
    slug: str = "code",
    models: list[ContenderCard] | None = None,
    seen: Mapping[str, Evidence] | None = None,
    single_reviewer: bool = False,
    **of_board: Any,
) -> DecisionEvidence:
    made = board(wins, **of_board) if wins else None
    known = models or [model(str(key)) for key in (made.standings.contenders if made else ())]
    category = CategoryEvidence(
        slug=slug, name=slug.title(), board=made, measured=seen or {}, single_reviewer=single_reviewer
    )
    return DecisionEvidence(contenders={one.slug: one for one in known}, categories=(category,))
