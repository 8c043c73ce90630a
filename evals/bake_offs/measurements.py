"""What was measured of one contender in one run, answer by answer. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from evals.collection.quantiles import Quantiles
from evals.ratings import wilson

__all__ = ["Cost", "Measured", "Measurements", "Row"]


@dataclass(frozen=True)
class Measured:
    """Of one contender, over `n` generations that ended. `basis` is `checks` where every task has some, else
    `completion`: then a success says, of the others, only that an answer came. `usd_per_success` counts every call,
    retries included; None without a success, or where a cost is not known. `success_ci95` is Wilson's interval."""

    n: int
    success: int
    success_ci95: tuple[float, float] | None
    basis: str
    latency_ms: Quantiles
    ttft_ms: Quantiles
    usd: float | None
    usd_per_success: float | None


@dataclass
class Measurements:
    """Of one contender in one run. `passed` by (task, sample); `failed` for good, by cause."""

    slug: str
    family: str
    rows: dict[tuple[int, int], Row] = field(default_factory=dict)
    failed: Counter[str] = field(default_factory=Counter)
    not_asked: int = 0

    def over(self, places: Collection[tuple[int, int]] | None = None) -> Measured | None:
        """Over these places that it has, or over all; None if it has none."""
        rows = [row for place, row in self.rows.items() if places is None or place in places]
        if not rows:
            return None
        success = sum(row.passed for row in rows)
        usd = _usd([row.cost for row in rows])
        return Measured(
            n=len(rows),
            success=success,
            success_ci95=wilson(success, len(rows)),
            basis="checks" if all(row.checked for row in rows) else "completion",
            latency_ms=Quantiles.of([row.latency_ms for row in rows if row.latency_ms is not None]),
            ttft_ms=Quantiles.of([row.ttft_ms for row in rows if row.ttft_ms is not None]),
            usd=usd,
            usd_per_success=usd / success if usd is not None and success else None,
        )

    @property
    def gone(self) -> bool:
        """Its provider knows its name no more: every call for it failed so."""
        return not any(row.done for row in self.rows.values()) and set(self.failed) == {"model_not_found"}


@dataclass(frozen=True)
class Row:
    passed: bool
    done: bool
    checked: bool
    latency_ms: float | None
    ttft_ms: float | None
    cost: Cost


@dataclass(frozen=True)
class Cost:
    """Of the calls for one generation. `unpriced` were answered at an unknown price; `broken` failed at one."""

    usd: Decimal = Decimal(0)
    usd_answered: Decimal = Decimal(0)
    answered: int = 0
    unpriced: int = 0
    broken: int = 0


def _usd(costs: Sequence[Cost]) -> float | None:
    """As evidence has it (`evals.leaderboards.evidence`): a call that broke off is taken to cost what an answered one
    does on average; None where that or an answered call's price is not known."""
    answered, broken = sum(one.answered for one in costs), sum(one.broken for one in costs)
    if any(one.unpriced for one in costs) or (broken and not answered):
        return None
    usd = float(sum((one.usd for one in costs), Decimal(0)))
    of_answered = float(sum((one.usd_answered for one in costs), Decimal(0)))
    return usd + (broken * of_answered / answered if broken else 0.0)
