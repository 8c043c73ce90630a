"""What was measured of each contender: how often it succeeds, how fast, at what cost. Beside the votes, never in them.

Counted is the newest take of each (task, contender, sample) that came to an end. Missing evidence is None, never 0;
an unknown price makes the cost unknown, never cheaper.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from django.core.cache import cache
from django.db.models import (
    BooleanField,
    Case,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Sum,
    When,
)

from evals.collection.quantiles import Quantiles
from evals.leaderboards.measurements import Evidence
from evals.models import Attempt, Generation

__all__ = ["Evidence", "evidence", "recent_evidence"]

_STATE = Generation.State
_ENDED = (_STATE.DONE, _STATE.FAILED)
_CHUNK = 5000
_RECENT_S = 10


def evidence(category_slug: str | None) -> dict[str, Evidence]:
    """By contender, of a category; None: pooled over all. Two queries, over every generation counted.

    What the checks of a task are is not read, only whether it has some; verdicts only where there are any.
    """
    counted = _counted(category_slug).annotate(
        asked=ExpressionWrapper(~Q(task__checks=[]), output_field=BooleanField()),
        verdicts=Case(When(~Q(checks=[]), then=F("checks")), default=None),
    )
    counts: dict[str, _Counts] = defaultdict(_Counts)
    rows = counted.values_list(
        "contender__slug", "state", "verdicts", "asked", "refused", "ttft_ms", "latency_ms", "tokens_out"
    )
    for slug, *row in rows.iterator(_CHUNK):
        counts[slug].add(*row)
    costs = _costs(counted)
    return {slug: counts[slug].evidence(costs.get(slug)) for slug in sorted(counts)}


def recent_evidence(category_slug: str) -> dict[str, Evidence]:
    """As `evidence`, for pages: read once for several views of this process. One query while nothing new came in.

    A generation that ends, begins again or is added shows at once, any other change within 10 seconds. What decides,
    as publishing does, calls `evidence`.
    """
    ended = Generation.objects.filter(state__in=_ENDED, task__category__slug=category_slug)
    n, finished, made = ended.aggregate(n=Count("pk"), finished=Max("finished_at"), made=Max("created_at")).values()
    key = f"evidence:{category_slug}:{n}:{finished and finished.timestamp()}:{made and made.timestamp()}"
    # Somebody else may read it meanwhile: the same figures, so the later one to store them does no harm.
    kept: dict[str, Evidence] | None = cache.get(key)
    if kept is None:
        kept = evidence(category_slug)
        cache.set(key, kept, _RECENT_S)
    return kept


def _counted(category_slug: str | None) -> QuerySet[Generation]:
    newer = Generation.objects.filter(
        task=OuterRef("task"), contender=OuterRef("contender"), sample=OuterRef("sample"), take__gt=OuterRef("take"),
        state__in=_ENDED,
    )  # fmt: skip
    ended = Generation.objects.filter(~Exists(newer), state__in=_ENDED)
    return ended if category_slug is None else ended.filter(task__category__slug=category_slug)


def _costs(counted: QuerySet[Generation]) -> dict[str, float | None]:
    """What all calls for them cost; None where one that was answered has no known price.

    A call that broke in the middle was charged, but nobody counted its tokens: it is taken to cost what an answered
    one costs on average. A call that the provider refused has a known cost of 0.
    """
    answered, unknown = Q(error=""), Q(cost_usd__isnull=True)
    rows = (
        Attempt.objects.filter(generation__in=counted)
        .values(slug=F("generation__contender__slug"))
        .annotate(
            usd=Sum("cost_usd"),
            usd_answered=Sum("cost_usd", filter=answered),
            answered=Count("pk", filter=answered),
            unpriced=Count("pk", filter=answered & unknown),
            broken=Count("pk", filter=~answered & unknown),
        )
        .order_by()
    )
    costs: dict[str, float | None] = {}
    for row in rows:
        cost = float(row["usd"] or 0)
        if row["unpriced"] or (row["broken"] and not row["answered"]):
            costs[row["slug"]] = None
        elif row["broken"]:
            costs[row["slug"]] = cost + row["broken"] * float(row["usd_answered"] or 0) / row["answered"]
        else:
            costs[row["slug"]] = cost
    return costs


@dataclass
class _Counts:
    """One contender's sums while the rows pass by."""

    n: int = 0
    done: int = 0
    successes: int = 0
    unchecked: int = 0
    refused: int = 0
    schemas: int = 0
    schemas_ok: int = 0
    tokens: int = 0
    tokens_ms: float = 0.0
    ttft: list[float] = field(default_factory=list)
    latency: list[float] = field(default_factory=list)

    def add(
        self,
        state: str,
        verdicts: list[dict[str, Any]] | None,
        asked: bool,
        refused: bool,
        ttft_ms: float | None,
        latency_ms: float | None,
        tokens_out: int | None,
    ) -> None:
        self.n += 1
        self.unchecked += not asked
        verdicts = verdicts or []
        schemas = [check["ok"] for check in verdicts if check["type"] == "json_schema"]
        self.schemas += len(schemas)
        self.schemas_ok += sum(schemas)
        if state != _STATE.DONE:
            return
        self.done += 1
        self.successes += all(check["ok"] for check in verdicts)
        self.refused += refused
        if ttft_ms is not None:
            self.ttft.append(ttft_ms)
        if latency_ms is not None:
            self.latency.append(latency_ms)
            if tokens_out is not None:
                self.tokens += tokens_out
                self.tokens_ms += latency_ms

    def evidence(self, cost: float | None) -> Evidence:
        return Evidence(
            n=self.n,
            success_rate=_share(self.successes, self.n),
            success_basis="completion" if self.unchecked else "checks",
            schema_ok_rate=_share(self.schemas_ok, self.schemas),
            error_rate=_share(self.n - self.done, self.n),
            refusal_rate=_share(self.refused, self.done),
            ttft_ms=Quantiles.of(self.ttft),
            latency_ms=Quantiles.of(self.latency),
            usd_per_success=cost / self.successes if cost is not None and self.successes else None,
            tokens_per_second=1000 * self.tokens / self.tokens_ms if self.tokens_ms else None,
        )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
