"""Measurements of each contender: success rate, speed and cost. They never enter the ratings.

Counts the newest finished take of each (task, contender, sample). Missing evidence is None, never 0; an unknown price
makes the cost unknown, never cheaper.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.core.cache import cache
from django.db.models import (
    BooleanField,
    Case,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Sum,
    When,
)

from evals import kept_figures
from evals.collection.concurrency import median_of_counts
from evals.collection.quantiles import Quantiles
from evals.leaderboards.measurements import Evidence, Hallucination
from evals.models import AnswerCount, Attempt, Category, Generation
from evals.ratings import clustered_share

__all__ = ["Evidence", "evidence", "recent_evidence", "refresh"]

_STATE = Generation.State
_ENDED = (_STATE.DONE, _STATE.FAILED)
_CHUNK = 5000
_RECENT_S = 10
# Of a category with more answers, pages show what `refresh` measured last, no more often than `_AFTER`.
MANY = 5000
_AFTER = timedelta(minutes=1)


def evidence(category_slug: str | None) -> dict[str, Evidence]:
    """By contender, of a category; None: pooled over all. Two queries, over every generation counted.

    Reads whether a task has checks, not what they are, and results of checks only if there are any.
    """
    counted = _counted(category_slug).annotate(
        # An answer may have been scored again, by checks that its own task did not have.
        has_checks=ExpressionWrapper(~Q(task__checks=[]) | ~Q(checks=[]), output_field=BooleanField()),
        check_results=Case(When(~Q(checks=[]), then=F("checks")), default=None),
    )
    counts: dict[str, _Counts] = defaultdict(_Counts)
    rows = counted.values_list(
        "contender__slug",
        "task_id",
        "state",
        "check_results",
        "has_checks",
        "refused",
        "ttft_ms",
        "latency_ms",
        "gap_ms_p50",
        "gap_ms_p95",
        "tokens_out",
    )
    for slug, *row in rows.iterator(_CHUNK):
        counts[slug].add(*row)
    calls = _calls(counted)
    return {slug: counts[slug].evidence(calls[slug]) for slug in sorted(counts)}


def recent_evidence(category_slug: str) -> dict[str, Evidence]:
    """As `evidence`, for pages. Two queries while there is nothing new, and in this process one.

    A generation that ends, begins again, is added or scored anew shows at once; of a category with more than `MANY` of
    them, once `refresh` has been there. What decides, as publishing does, calls `evidence`.
    """
    moved, ended, made = _moved(Category.with_dimensions.filter(slug=category_slug)).get(category_slug, (0, 0, ""))
    # The time of creation distinguishes the categories of two databases.
    key = f"evidence:{category_slug}:{made}:{moved}"
    # Another thread may read it meanwhile: the figures are the same, so storing them twice does no harm.
    found: dict[str, Evidence] | None = cache.get(key)
    if found is None and ended > MANY:
        figures = kept_figures.kept([_name(category_slug)]).get(_name(category_slug))
        found = figures and {slug: _from_json(one) for slug, one in figures.items()}
    if found is None:
        found = evidence(category_slug)
    # Of a kept one it is asked again soon whether there is a newer one.
    cache.set(key, found, _RECENT_S)
    return found


def refresh() -> int:
    """Measure large categories again, for pages, where something moved; how many. One at a time: it reads every answer,
    and a chore comes back every minute."""
    large = {
        slug: str(moved) for slug, (moved, ended, _) in _moved(Category.with_dimensions.all()).items() if ended > MANY
    }
    versions = {_name(slug): version for slug, version in large.items()}
    due = kept_figures.due(versions, after=_AFTER)[:1]
    for name in due:
        slug = name.partition(":")[2]
        kept_figures.keep(name, versions[name], {who: asdict(one) for who, one in evidence(slug).items()})
    return len(due)


def _name(category_slug: str) -> str:
    return f"evidence:{category_slug}"


def _moved(categories: QuerySet[Any]) -> dict[str, tuple[int, int, str]]:
    """By slug: how often an answer moved, how many ended, and when the category was made. One query, of a row a
    contender and category."""
    rows = (
        AnswerCount.objects.filter(category__in=categories)
        .order_by()
        .values_list("category__slug", "category__created_at")
        .annotate(n=Sum("moved"), ended=Sum("done") + Sum("failed"))
    )
    return {slug: (n, ended, str(made.timestamp())) for slug, made, n, ended in rows}


def _from_json(one: dict[str, Any]) -> Evidence:
    wrong = one["hallucination"]
    return Evidence(
        **{
            **one,
            **{name: Quantiles(**one[name]) for name in ("ttft_ms", "latency_ms", "gap_ms")},
            "hallucination": Hallucination(**{**wrong, "ci95": wrong["ci95"] and tuple(wrong["ci95"])}),
        }
    )


def _counted(category_slug: str | None) -> QuerySet[Generation]:
    newer = Generation.objects.filter(
        task=OuterRef("task"), contender=OuterRef("contender"), sample=OuterRef("sample"), take__gt=OuterRef("take"),
        state__in=_ENDED,
    )  # fmt: skip
    ended = Generation.objects.filter(~Exists(newer), state__in=_ENDED)
    if category_slug is None:
        # Long prompts say how a contender bears length; pooled with the rest they would make everybody slow.
        return ended.filter(task__category__long_context_of__isnull=True)
    return ended.filter(task__category__slug=category_slug)


def _calls(counted: QuerySet[Generation]) -> defaultdict[str, _Calls]:
    """All calls made for them, by contender."""
    answered, unknown = Q(error=""), Q(cost_usd__isnull=True)
    rows = (
        Attempt.objects.filter(generation__in=counted)
        .values(slug=F("generation__contender__slug"), at_once=F("in_flight"))
        .annotate(
            usd=Sum("cost_usd"),
            usd_answered=Sum("cost_usd", filter=answered),
            answered=Count("pk", filter=answered),
            unpriced=Count("pk", filter=answered & unknown),
            broken=Count("pk", filter=~answered & unknown),
        )
        .order_by()
    )
    calls: defaultdict[str, _Calls] = defaultdict(_Calls)
    for row in rows:
        calls[row["slug"]].add(row)
    return calls


@dataclass
class _Calls:
    """One contender's calls, added up from groups of them. `at_once`: answered calls by how many were under way."""

    n: int = 0
    usd: Decimal = Decimal(0)
    usd_answered: Decimal = Decimal(0)
    answered: int = 0
    unpriced: int = 0
    broken: int = 0
    at_once: Counter[int] = field(default_factory=Counter)

    def add(self, row: Mapping[str, Any]) -> None:
        self.n += 1
        self.usd += row["usd"] or 0
        self.usd_answered += row["usd_answered"] or 0
        self.answered += row["answered"]
        self.unpriced += row["unpriced"]
        self.broken += row["broken"]
        if row["at_once"] is not None and row["answered"]:
            self.at_once[row["at_once"]] += row["answered"]

    @property
    def cost(self) -> float | None:
        """What they cost; None where one that was answered has no known price, or none was made.

        A call that broke in the middle was charged, but its tokens were not counted: it is assumed to cost what an
        answered one costs on average. A call that the provider refused has a known cost of 0.
        """
        if not self.n or self.unpriced or (self.broken and not self.answered):
            return None
        of_broken = self.broken * float(self.usd_answered) / self.answered if self.broken else 0.0
        return float(self.usd) + of_broken


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
    timed: int = 0
    # Answers that have a reference: those refused, and by task the wrong ones and all that were not refused.
    verified_refused: int = 0
    verified: dict[int, tuple[int, int]] = field(default_factory=dict)
    ttft: list[float] = field(default_factory=list)
    latency: list[float] = field(default_factory=list)
    gap_p50: list[float] = field(default_factory=list)
    gap_p95: list[float] = field(default_factory=list)

    def add(
        self,
        task_id: int,
        state: str,
        check_results: list[dict[str, Any]] | None,
        has_checks: bool,
        refused: bool,
        ttft_ms: float | None,
        latency_ms: float | None,
        gap_ms_p50: float | None,
        gap_ms_p95: float | None,
        tokens_out: int | None,
    ) -> None:
        self.n += 1
        self.unchecked += not has_checks
        check_results = check_results or []
        schemas = [check["ok"] for check in check_results if check["type"] == "json_schema"]
        self.schemas += len(schemas)
        self.schemas_ok += sum(schemas)
        if state != _STATE.DONE:
            return
        self.done += 1
        self.successes += all(check["ok"] for check in check_results)
        self.refused += refused
        references = [check["ok"] for check in check_results if check["type"] == "reference"]
        if references and refused:
            self.verified_refused += 1
        elif references:
            wrong, answered = self.verified.get(task_id, (0, 0))
            self.verified[task_id] = (wrong + (not all(references)), answered + 1)
        if ttft_ms is not None:
            self.ttft.append(ttft_ms)
        if latency_ms is not None:
            self.latency.append(latency_ms)
            if tokens_out is not None:
                self.tokens += tokens_out
                self.tokens_ms += latency_ms
                self.timed += 1
        if gap_ms_p50 is not None and gap_ms_p95 is not None:
            self.gap_p50.append(gap_ms_p50)
            self.gap_p95.append(gap_ms_p95)

    def evidence(self, calls: _Calls) -> Evidence:
        cost = calls.cost
        return Evidence(
            n=self.n,
            success_rate=_share(self.successes, self.n),
            success_basis="completion" if self.unchecked else "checks",
            schema_ok_rate=_share(self.schemas_ok, self.schemas),
            error_rate=_share(self.n - self.done, self.n),
            refusal_rate=_share(self.refused, self.done),
            hallucination=self._hallucination(),
            ttft_ms=Quantiles.of(self.ttft),
            latency_ms=Quantiles.of(self.latency),
            gap_ms=Quantiles(Quantiles.of(self.gap_p50).p50, Quantiles.of(self.gap_p95).p95, len(self.gap_p50)),
            usd_per_success=cost / self.successes if cost is not None and self.successes else None,
            tokens_per_second=1000 * self.tokens / self.tokens_ms if self.tokens_ms else None,
            timed=self.timed,
            in_flight=median_of_counts(calls.at_once),
        )

    def _hallucination(self) -> Hallucination:
        share = clustered_share(self.verified.values())
        return Hallucination(
            rate=share.rate,
            ci95=share.ci95,
            n=share.n,
            refusal_rate=_share(self.verified_refused, share.n + self.verified_refused),
        )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
