"""A leaderboard as rows for a file. Nothing here queries the database."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from evals.leaderboards.measurements import Evidence
from evals.leaderboards.queries import LeaderboardView
from evals.ratings import Audience

__all__ = ["CSV_COLUMNS", "csv_rows", "shown_document"]

CSV_COLUMNS = (
    "category", "contender", "group", "rank_best", "rank_worst", "rating", "ci95_low", "ci95_high", "speaks_for",
    "p_best", "wins", "losses", "ties", "both_bad", "both_bad_rate", "success_rate", "success_basis", "wrong_rate",
    "error_rate", "refusal_rate", "ttft_ms_p50", "ttft_ms_p95", "latency_ms_p50", "latency_ms_p95", "tokens_per_second",
    "usd_per_success", "computed_at", "seq", "digest",
)  # fmt: skip


def csv_rows(
    board: LeaderboardView,
    *,
    audience: Audience,
    evidence: Mapping[str, Evidence],
    shown: Collection[str] | None = None,
) -> Iterator[dict[str, Any]]:
    """Best first, one for each contender that is not retired. None, written as nothing, is not measured: never 0.
    `shown`: only these contenders."""
    figures = board.rank_figures(audience)
    for rating in board.ratings:
        if shown is not None and str(rating.contender) not in shown:
            continue
        measured = evidence.get(str(rating.contender), Evidence())
        low, high = rating.people if audience == "people" else rating.panel
        own = figures[rating.contender]
        best, worst = own.rank or (None, None)
        yield {
            "category": board.category,
            "contender": str(rating.contender),
            "group": rating.component + 1,
            "rank_best": best,
            "rank_worst": worst,
            "rating": round(rating.rating, 3),
            "ci95_low": round(low, 3),
            "ci95_high": round(high, 3),
            "speaks_for": audience,
            "p_best": own.p_best,
            "wins": rating.wins,
            "losses": rating.losses,
            "ties": rating.ties,
            "both_bad": rating.both_bad,
            "both_bad_rate": rating.both_bad_rate,
            "success_rate": measured.success_rate,
            "success_basis": measured.success_basis,
            "wrong_rate": measured.hallucination.rate,
            "error_rate": measured.error_rate,
            "refusal_rate": measured.refusal_rate,
            "ttft_ms_p50": measured.ttft_ms.p50,
            "ttft_ms_p95": measured.ttft_ms.p95,
            "latency_ms_p50": measured.latency_ms.p50,
            "latency_ms_p95": measured.latency_ms.p95,
            "tokens_per_second": measured.tokens_per_second,
            "usd_per_success": measured.usd_per_success,
            "computed_at": board.computed_at.isoformat(timespec="milliseconds"),
            "seq": board.seq,
            "digest": board.digest,
        }


_MEASURED = (
    "success_rate", "success_basis", "wrong_rate", "error_rate", "refusal_rate", "ttft_ms_p50", "ttft_ms_p95",
    "latency_ms_p50", "latency_ms_p95", "tokens_per_second", "usd_per_success",
)  # fmt: skip


def shown_document(
    document: Mapping[str, Any],
    board: LeaderboardView,
    *,
    audience: Audience,
    evidence: Mapping[str, Evidence],
    shown: Collection[str] | None = None,
) -> dict[str, Any]:
    """The board's public document as a page shows it: interval, rank and P(best) for `audience`, only the contenders
    `shown`, and what was `measured` of each."""
    rows = {row["contender"]: row for row in csv_rows(board, audience=audience, evidence=evidence, shown=shown)}
    ratings = []
    for rating in document["ratings"]:
        row = rows.get(str(rating["contender"]))
        if row is None:
            continue
        rank = None if row["rank_best"] is None else [row["rank_best"], row["rank_worst"]]
        own = {"ci95": rating[f"ci95_{audience}"], "rank": rank, "p_best": row["p_best"]}
        ratings.append(rating | own | {"measured": {name: row[name] for name in _MEASURED}})
    return {**document, "speaks_for": audience, "ratings": ratings}
