"""What was measured of one contender, as a value. Pure, so that routing's rules can hold it without loading Django."""

from __future__ import annotations

from dataclasses import dataclass

from evals.collection.quantiles import Quantiles

__all__ = ["Evidence", "Hallucination", "Quantiles"]

_NOT_MEASURED = Quantiles(None, None, 0)


@dataclass(frozen=True)
class Hallucination:
    """Of answers to tasks with a `reference` check: `rate` is the share of wrong ones among the `n` that were answered.
    A refusal is neither right nor wrong: `refusal_rate` is the share of the done that were refused.

    `ci95` is Wilson's interval over tasks: samples of one task that agree count as little more than one
    (`evals.ratings.shares`). None without answers, never 0.
    """

    rate: float | None = None
    ci95: tuple[float, float] | None = None
    n: int = 0
    refusal_rate: float | None = None


@dataclass(frozen=True)
class Evidence:
    """Of one contender, in one category or pooled over all. `n` generations came to an end, done or failed for good;
    the rates are shares of them, except `refusal_rate`, of the done, and `schema_ok_rate`, of the schema checks that
    applied. None is not measured, never 0: `Evidence()` is a contender of which nothing was measured.

    Success: done, and all checks of the task pass. `success_basis` is `checks` where every task had some, else
    `completion`: then part of the rate says only that an answer came. `usd_per_success` counts every call,
    retries included; None without a success, or with an unknown price. `tokens_per_second` is over the `timed` answers
    whose time and tokens are known, each as a whole. `gap_ms` is the time between an answer's chunks: the median of the
    answers' medians, and what 19 of 20 answers keep with 19 of 20 of their gaps. `in_flight` is the median of calls to
    its provider at once: latencies compare at similar numbers only (`evals.collection.concurrency`).
    """

    n: int = 0
    success_rate: float | None = None
    success_basis: str | None = None
    schema_ok_rate: float | None = None
    error_rate: float | None = None
    refusal_rate: float | None = None
    hallucination: Hallucination = Hallucination()
    ttft_ms: Quantiles = _NOT_MEASURED
    latency_ms: Quantiles = _NOT_MEASURED
    gap_ms: Quantiles = _NOT_MEASURED
    usd_per_success: float | None = None
    tokens_per_second: float | None = None
    timed: int = 0
    in_flight: int | None = None
