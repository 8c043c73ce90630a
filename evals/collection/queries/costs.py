"""What a contender's answers cost and take, from what was measured of its earlier ones. A conversation counts as its
answers: one for each turn."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Func, IntegerField

from evals.catalog.price_list import Price
from evals.catalog.queries.contenders import contender_card
from evals.models import Contender, Generation
from evals.models.generations import CostSource

__all__ = ["Measured", "cost_is_known", "measured_of", "typical_lengths"]

# Answers looked at, newest first; of those in the categories asked about, so many are enough.
_NEWEST = 300
_ENOUGH = 5


@dataclass(frozen=True)
class Measured:
    """Means of an answer, over `n` generations; None: not measured of any. `here`: of the categories asked about, else
    of all."""

    n: int = 0
    here: bool = False
    tokens_in: float | None = None
    tokens_out: float | None = None
    cached: float = 0
    written: float = 0
    thinking: float = 0
    latency_ms: float | None = None
    # What the provider itself said it charges, an answer.
    told_usd: Decimal | None = None

    def usd(self, price: Price | None) -> Decimal | None:
        """What an answer costs: as the provider tells, else at this price; None: not known."""
        if self.told_usd is not None:
            return self.told_usd
        if price is None:
            return None
        if price.free:
            return Decimal(0)
        if self.tokens_in is None or self.tokens_out is None:
            return None
        # Of a thousand answers, so that rounding to whole tokens does not matter.
        return (
            price.cost(
                tokens_in=round(1000 * self.tokens_in),
                tokens_out=round(1000 * self.tokens_out),
                cached=round(1000 * self.cached),
                written=round(1000 * self.written),
                thinking=round(1000 * self.thinking),
            )
            / 1000
        )


class _Length(Func):
    """Of a JSON list."""

    function = "json_array_length"
    output_field = IntegerField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="jsonb_array_length", **context)


_FIELDS = (
    "task__category_id",
    "tokens_in",
    "tokens_out",
    "tokens_in_cached",
    "tokens_in_cache_written",
    "tokens_thinking",
    "latency_ms",
    "cost_usd",
    "cost_source",
    # Counted by the database: the texts of conversations may be long.
    _Length("turns"),
)
_Row = tuple[int, int | None, int | None, int | None, int | None, int | None, float | None, Decimal | None, str, int]


def measured_of(contender: Contender, categories: Collection[int]) -> Measured:
    """Of its newest answers. One query, of an index and at most 300 rows."""
    done = Generation.objects.filter(contender=contender, state=Generation.State.DONE).order_by("-pk")
    rows: list[_Row] = list(done.values_list(*_FIELDS)[:_NEWEST])
    here = [row for row in rows if row[0] in categories]
    return _means(here, here=True) if len(here) >= _ENOUGH else _means(rows, here=False)


def typical_lengths(categories: Collection[int]) -> Measured:
    """Of the newest answers by any contender in these categories: tokens alone, for one that was never asked. A query
    of at most 300 rows."""
    done = Generation.objects.filter(task__category__in=categories, state=Generation.State.DONE).order_by("-pk")
    means = _means(list(done.values_list(*_FIELDS)[:_NEWEST]), here=True)
    return Measured(n=means.n, here=True, tokens_in=means.tokens_in, tokens_out=means.tokens_out)


def cost_is_known(contender: Contender) -> bool:
    """Whether the next answer's cost will be known: its provider told it last time, or it has a price (its own, or the
    list's) and its provider counts tokens as far as that is known. Needs the provider selected."""
    done = Generation.objects.filter(contender=contender, state=Generation.State.DONE).order_by("-pk")
    last = done.values_list("cost_source", "tokens_out", "latency_ms").first()
    if last is not None and last[0] == CostSource.PROVIDER:
        return True
    # An imported answer has no latency, and says nothing of the provider.
    counts_no_tokens = last is not None and last[1] is None and last[2] is not None
    price = contender_card(contender).price
    return price is not None and (price.free or not counts_no_tokens)


def _means(rows: Sequence[_Row], *, here: bool) -> Measured:
    counted = [row for row in rows if row[1] is not None and row[2] is not None]
    timed = [row for row in rows if row[6] is not None]
    told = [row[7] for row in rows if row[7] is not None and row[8] == CostSource.PROVIDER]
    n = _answers(counted)
    return Measured(
        n=len(rows),
        here=here,
        tokens_in=sum(row[1] or 0 for row in counted) / n if n else None,
        tokens_out=sum(row[2] or 0 for row in counted) / n if n else None,
        cached=sum(row[3] or 0 for row in counted) / n if n else 0,
        written=sum(row[4] or 0 for row in counted) / n if n else 0,
        thinking=sum(row[5] or 0 for row in counted) / n if n else 0,
        latency_ms=sum(row[6] or 0 for row in timed) / _answers(timed) if timed else None,
        # Only where it told them all: else the untold ones are not free.
        told_usd=sum(told, Decimal(0)) / _answers(rows) if told and len(told) == len(rows) else None,
    )


def _answers(rows: Sequence[_Row]) -> int:
    return sum(row[9] or 1 for row in rows)
