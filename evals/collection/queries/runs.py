"""Reads for the run pages: a run's progress, cost and errors. A few grouped queries each, whatever the run's size."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, Sum, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from evals.collection.concurrency import median_of_counts
from evals.collection.quantiles import nearest_rank
from evals.collection.queries.failures import Cause, causes_of, paused_providers
from evals.models import Attempt, Contender, Generation, Run, RunCount, RunItem, RunWarmUp
from evals.models.generations import CostSource

__all__ = ["ContenderRow", "Progress", "RunLine", "RunView", "run_list", "run_progress", "run_view"]

# The pace is that of the last minutes; of a younger run, that of its whole age.
PACE_WINDOW = timedelta(minutes=5)
# Answers that a contender's latency is measured over: enough for a 95th percentile, and bounded as a run grows.
LATENCIES = 1000

_STATE = Generation.State


@dataclass(frozen=True)
class Progress:
    """Generations by state. `done` includes `linked` (collected before the run); the other counts, with `done`, add up
    to `total`."""

    total: int = 0
    done: int = 0
    linked: int = 0
    in_flight: int = 0
    retrying: int = 0
    failed: int = 0
    waiting: int = 0

    @property
    def left(self) -> int:
        return self.total - self.done - self.failed

    @property
    def share_done(self) -> float:
        return self.done / self.total if self.total else 1.0

    @property
    def share_failed(self) -> float | None:
        """Of the finished ones; None while there are none."""
        ended = self.done + self.failed
        return self.failed / ended if ended else None

    def __add__(self, other: Progress) -> Progress:
        return Progress(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class ContenderRow:
    """`spent_usd` None: some call has no known price. `pace_per_minute` and `latency_p95_ms` None: nothing measured.
    The latency is over its newest 1,000 answers at most, `in_flight` the median of calls at once during them.
    `cost_sources` says whose figures `spent_usd` adds up, `warm_up` how far its warm-up is. `slowed` is the error its
    provider is paused for, in words; empty if it is not paused."""

    slug: str
    provider: str
    progress: Progress
    pace_per_minute: float | None
    latency_p95_ms: float | None
    spent_usd: Decimal | None
    slowed: str
    in_flight: int | None = None
    cost_sources: tuple[str, ...] = ()
    warm_up: str = ""

    @property
    def finished(self) -> bool:
        return self.progress.left == 0


@dataclass(frozen=True)
class RunView:
    """Everything on a run's page. `unpriced` names contenders whose calls have no known price: `spent_usd`,
    `expected_usd` and the budget do not cover them. `expected_usd` and `done_in` are None while they are unknown.
    """

    id: int
    state: str
    reason: str
    task_set: str
    version: int
    tasks: int
    samples: int
    fresh: bool
    created_at: datetime
    finished_at: datetime | None
    started_by: str
    progress: Progress
    pace_per_minute: float | None
    spent_usd: Decimal
    budget_usd: Decimal | None
    allow_unknown_costs: bool
    warm_up_calls: int | None
    expected_usd: Decimal | None
    unpriced: tuple[str, ...]
    done_in: timedelta | None
    done_at: datetime | None
    last_contender: str
    rows: tuple[ContenderRow, ...]
    causes: tuple[Cause, ...]

    @property
    def active(self) -> bool:
        return self.state == Run.State.COLLECTING


@dataclass(frozen=True)
class RunLine:
    """A run in the list of runs."""

    id: int
    state: str
    reason: str
    task_set: str
    version: int
    contenders: int
    done: int
    failed: int
    total: int
    spent_usd: Decimal
    budget_usd: Decimal | None
    created_at: datetime
    finished_at: datetime | None
    started_by: str


def run_view(run: Run, *, now: datetime | None = None) -> RunView:
    """Nine queries. `run` should come with `version__task_set` and `started_by` selected."""
    now = now or timezone.now()
    by_contender = _progress(run)
    costs = _costs(run)
    warm_ups = {one.contender_id: one for one in RunWarmUp.objects.filter(run=run)}
    pace = _pace(run, now)
    latencies = _latencies(run)
    contenders: list[Contender] = list(run.contenders.select_related("provider").order_by("slug"))
    paused = paused_providers(contenders, now)
    causes = causes_of(run, paused=paused)
    rows = tuple(
        ContenderRow(
            slug=contender.slug,
            provider=contender.provider.slug,
            progress=by_contender.get(contender.pk, Progress()),
            pace_per_minute=pace.get(contender.pk),
            latency_p95_ms=latencies.get(contender.pk, _NOT_TIMED).p95_ms,
            in_flight=latencies.get(contender.pk, _NOT_TIMED).in_flight,
            spent_usd=_spent(costs.get(contender.pk, _NOTHING), warm_ups.get(contender.pk)),
            cost_sources=costs.get(contender.pk, _NOTHING).sources,
            warm_up=_warm_up_words(warm_ups.get(contender.pk)),
            slowed=_slowed(contender, causes) if contender.provider_id in paused else "",
        )
        for contender in contenders
    )
    total = sum((row.progress for row in rows), Progress())
    active = run.state == Run.State.COLLECTING
    done_in, last = _done_in(rows) if active else (None, "")
    paces = [row.pace_per_minute for row in rows if row.pace_per_minute]
    return RunView(
        id=run.pk,
        state=run.state,
        reason=run.reason,
        task_set=run.version.task_set.slug,
        version=run.version.n,
        tasks=run.version.items.values("task_id").distinct().count(),
        samples=run.samples,
        fresh=run.fresh,
        created_at=run.created_at,
        finished_at=run.finished_at,
        started_by=run.started_by.name if run.started_by else "",
        progress=total,
        pace_per_minute=sum(paces) if paces else None,
        spent_usd=run.spent_usd,
        budget_usd=run.budget_usd,
        allow_unknown_costs=run.allow_unknown_costs,
        warm_up_calls=run.warm_up_calls,
        expected_usd=_expected(rows, run.spent_usd),
        unpriced=tuple(row.slug for row in rows if row.spent_usd is None),
        done_in=done_in,
        done_at=now + done_in if done_in is not None else None,
        last_contender=last,
        rows=rows,
        causes=causes,
    )


def run_progress(run: Run) -> Progress:
    """The run as a whole. One query."""
    return sum(_progress(run).values(), Progress())


def run_list(*, limit: int = 50) -> list[RunLine]:
    """The newest runs. Two queries."""
    runs = list(
        Run.objects.select_related("version__task_set", "started_by")
        .annotate(contender_count=Count("contenders"))
        .order_by("-pk")[:limit]
    )
    counts = {
        row["run_id"]: row
        for row in RunCount.objects.filter(run__in=runs)
        .values("run_id")
        .annotate(total=Sum("total"), done=Sum("done"), failed=Sum("failed"))
    }
    nothing = {"total": 0, "done": 0, "failed": 0}
    return [
        RunLine(
            id=run.pk,
            state=run.state,
            reason=run.reason,
            task_set=run.version.task_set.slug,
            version=run.version.n,
            contenders=run.contender_count,
            done=counts.get(run.pk, nothing)["done"],
            failed=counts.get(run.pk, nothing)["failed"],
            total=counts.get(run.pk, nothing)["total"],
            spent_usd=run.spent_usd,
            budget_usd=run.budget_usd,
            created_at=run.created_at,
            finished_at=run.finished_at,
            started_by=run.started_by.name if run.started_by else "",
        )
        for run in runs
    ]


def _progress(run: Run) -> dict[int, Progress]:
    rows = (
        RunItem.objects.filter(run=run)
        .values("generation__contender_id", "generation__state", "linked")
        .annotate(n=Count("pk"), tried=Count("pk", filter=Q(generation__attempts_made__gt=0)))
    )
    counts: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        of, state, n = counts[row["generation__contender_id"]], row["generation__state"], row["n"]
        of["total"] += n
        if state == _STATE.DONE:
            of["done"] += n
            of["linked"] += n if row["linked"] else 0
        elif state == _STATE.RUNNING:
            of["in_flight"] += n
        elif state == _STATE.FAILED:
            of["failed"] += n
        else:
            of["retrying"] += row["tried"]
            of["waiting"] += n - row["tried"]
    return {contender: Progress(**of) for contender, of in counts.items()}


def _attempts(run: Run) -> Any:
    """Calls made since the run started, which include all those made for it."""
    return Attempt.objects.filter(generation__run_items__run=run, started_at__gte=run.created_at)


@dataclass(frozen=True)
class _Costs:
    """Of one contender's calls. `unpriced`: at least one answer has no known price."""

    usd: Decimal = Decimal(0)
    unpriced: bool = False
    sources: tuple[str, ...] = ()


_NOTHING = _Costs()


def _costs(run: Run) -> dict[int, _Costs]:
    rows = (
        _attempts(run)
        .values("generation__contender_id", "cost_source")
        .annotate(usd=Sum("cost_usd"), unpriced=Count("pk", filter=Q(cost_usd__isnull=True, error="")))
        .order_by("cost_source")
    )
    costs: dict[int, _Costs] = {}
    for row in rows:
        before = costs.get(row["generation__contender_id"], _NOTHING)
        # Of a call that was refused, the provider's 0 says nothing of where prices come from.
        source = CostSource(row["cost_source"]).label if row["cost_source"] and row["usd"] else ""
        costs[row["generation__contender_id"]] = _Costs(
            usd=before.usd + (row["usd"] or 0),
            unpriced=before.unpriced or bool(row["unpriced"]),
            sources=(*before.sources, str(source)) if source else before.sources,
        )
    return costs


def _spent(costs: _Costs, warm_up: RunWarmUp | None) -> Decimal | None:
    if costs.unpriced or (warm_up is not None and warm_up.unpriced_calls and not warm_up.error):
        return None
    return costs.usd + (warm_up.spent_usd if warm_up is not None else 0)


def _warm_up_words(warm_up: RunWarmUp | None) -> str:
    if warm_up is None or warm_up.state == RunWarmUp.State.DONE:
        return ""
    if warm_up.state == RunWarmUp.State.FAILED:
        return "not warmed up"
    return "warming up" if warm_up.state == RunWarmUp.State.RUNNING else "warms up first"


def _pace(run: Run, now: datetime) -> dict[int, float]:
    window = min(PACE_WINDOW, max(now - run.created_at, timedelta(seconds=10)))
    rows = (
        RunItem.objects.filter(run=run, linked=False, generation__finished_at__gte=now - window)
        .values("generation__contender_id")
        .annotate(n=Count("pk"))
    )
    minutes = window.total_seconds() / 60
    return {row["generation__contender_id"]: row["n"] / minutes for row in rows}


@dataclass(frozen=True)
class _Latencies:
    p95_ms: float | None
    in_flight: int | None


_NOT_TIMED = _Latencies(None, None)


def _latencies(run: Run) -> dict[int, _Latencies]:
    """Over each contender's newest LATENCIES answers in the run: the page polls every few seconds."""
    latencies: dict[int, list[float]] = defaultdict(list)
    at_once: dict[int, Counter[int]] = defaultdict(Counter)
    age = Window(RowNumber(), partition_by="generation__contender_id", order_by="-pk")
    answered = _attempts(run).filter(error="", latency_ms__isnull=False).annotate(age=age).filter(age__lte=LATENCIES)
    rows = answered.order_by().values_list("generation__contender_id", "latency_ms", "in_flight")
    for contender, latency, in_flight in rows:
        latencies[contender].append(latency)
        if in_flight is not None:
            at_once[contender][in_flight] += 1
    return {
        contender: _Latencies(nearest_rank(sorted(values), 0.95), median_of_counts(at_once[contender]))
        for contender, values in latencies.items()
    }


def _slowed(contender: Contender, causes: tuple[Cause, ...]) -> str:
    """Why its provider is paused: the error that its waiting calls had, if any."""
    own = (cause.label for cause in causes if cause.state == "retrying" and contender.slug in cause.contenders)
    return next(own, "paused")


def _expected(rows: tuple[ContenderRow, ...], spent: Decimal) -> Decimal | None:
    """Spent so far plus, for each priced contender, the remaining answers at its mean cost so far."""
    expected = spent
    for row in rows:
        if row.spent_usd is None or row.progress.left == 0:
            continue
        finished = row.progress.done - row.progress.linked + row.progress.failed
        if finished == 0:
            return None
        expected += row.spent_usd / finished * row.progress.left
    return expected


def _done_in(rows: tuple[ContenderRow, ...]) -> tuple[timedelta | None, str]:
    """When the slowest contender will finish at its present pace, and which one it is."""
    longest, last = timedelta(0), ""
    for row in rows:
        if row.progress.left == 0:
            continue
        if not row.pace_per_minute:
            return None, ""
        needed = timedelta(minutes=row.progress.left / row.pace_per_minute)
        if needed >= longest:
            longest, last = needed, row.slug
    return (longest, last) if last else (None, "")
