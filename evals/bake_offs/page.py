"""The parts of a report's page, from its document alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from arena.ui import numbers
from arena.ui.wording import count
from evals.bake_offs.report import price_words, summary
from evals.models.generations import ErrorCategory

__all__ = ["Compared", "Figures", "ReportParts", "report_parts"]


@dataclass(frozen=True)
class Figures:
    """Of one contender in one run, as written."""

    success: str
    interval: str
    of: str
    p50: str
    p95: str
    cost: str


@dataclass(frozen=True)
class Compared:
    """`now` and `before` are over the tasks that both runs asked; without such tasks `now` is over all, and `before`
    None."""

    model: str
    was: str
    new: bool
    joined: bool
    now: Figures | None
    before: Figures | None
    lost: int
    gained: int
    failed: tuple[tuple[str, int], ...]
    not_asked: int
    gone: bool
    votes: tuple[Mapping[str, Any], ...]
    price: str

    @property
    def moved(self) -> bool:
        return bool(self.lost or self.gained)


@dataclass(frozen=True)
class ReportParts:
    summary: tuple[str, ...]
    rows: tuple[Compared, ...]
    newcomers: tuple[Compared, ...]
    failing: tuple[Compared, ...]
    prices: tuple[str, ...]
    digits: int


def report_parts(document: Mapping[str, Any]) -> ReportParts:
    rows = document["contenders"]
    measured = [one for row in rows for one in (row["now"] or row["all"], row["before"]) if one]
    digits = numbers.money_digits(one["usd_per_success"] for one in measured)
    lines = tuple(_compared(row, digits) for row in rows)
    return ReportParts(
        summary=tuple(summary(document)),
        rows=lines,
        newcomers=tuple(line for line in lines if line.new or line.joined),
        failing=tuple(line for line in lines if line.failed or line.not_asked),
        prices=tuple(price_words(one) for one in document["prices"]),
        digits=digits,
    )


def _compared(row: Mapping[str, Any], digits: int) -> Compared:
    return Compared(
        model=row["model"],
        was=row["was"] or "",
        new=row["new"],
        joined=row["joined_by_rule"],
        now=_figures(row["now"] or row["all"], digits),
        before=_figures(row["before"], digits),
        lost=row["lost"],
        gained=row["gained"],
        failed=tuple(_causes(row["failed"].items())),
        not_asked=row["not_asked"],
        gone=row["gone"],
        votes=tuple(row["votes"]),
        price=_price(row["price"]),
    )


def _causes(failed: Iterable[tuple[str, int]]) -> Iterable[tuple[str, int]]:
    for error, n in failed:
        yield (str(ErrorCategory(error).label) if error in ErrorCategory.values else error or "unknown"), n


def _figures(one: Mapping[str, Any] | None, digits: int) -> Figures | None:
    if one is None:
        return None
    low, high = one["success_ci95"]
    cost = one["usd_per_success"]
    return Figures(
        success=numbers.rate(one["success_rate"]),
        interval=f"{numbers.rate(low)} to {numbers.rate(high)}",
        of=f"{one['success']:,} of {count(one['n'], 'answer')}",
        p50=numbers.span(one["latency_ms"]["p50"]),
        p95=numbers.span(one["latency_ms"]["p95"]),
        cost=numbers.money(cost, digits if cost else None) if one["success"] else numbers.NONE,
    )


def _price(price: Mapping[str, Any] | None) -> str:
    if price is None:
        return numbers.NO_PRICE
    sides = (numbers.money(price["input"]), numbers.money(price["output"]))
    return f"{sides[0]} in, {sides[1]} out a million tokens" + (f", as of {price['as_of']}" if price["as_of"] else "")
