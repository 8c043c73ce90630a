"""What a run would ask, cost and take, before it starts: from what was measured of earlier answers, the contenders'
prices and their providers' limits. Writes nothing; what is not known stays unknown, and says so in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from django.db.models import Count, Exists, OuterRef

from arena.ui import numbers
from arena.ui.wording import listed
from evals.catalog.conversations import turns_asked
from evals.catalog.price_list import CHECKED_LONG_AGO, Price
from evals.catalog.queries.contenders import contender_card
from evals.catalog.queries.long_context import probes_of, takes
from evals.catalog.queries.task_sets import may_have_gaps
from evals.collection.queries.costs import Measured, cost_is_known, measured_of, typical_lengths
from evals.models import Contender, Generation, Provider, Task, TaskSetVersion

__all__ = ["Estimate", "EstimateRow", "estimate_run"]

_STATE = Generation.State
# Of one contender, and of several.
_NO_PRICE = (
    "No price is known for {}: its cost cannot be estimated.",
    "No price is known for {}: their costs cannot be estimated.",
)
_NO_LENGTH = (
    "Nothing was measured yet of how long answers are here: the cost of {} follows.",
    "Nothing was measured yet of how long answers are here: the costs of {} follow.",
)
_NOT_TIMED = ("{} was not timed yet.", "{} were not timed yet.")
# Conversations that are read to learn how many turns they have.
_CONVERSATIONS = 1000


@dataclass(frozen=True)
class EstimateRow:
    """One contender's part. `calls` will be made for `generations`, one for each turn of a conversation; retries aside.
    `linked` generations exist, `under_way` are being asked for at this moment. `usd` and `seconds` None: not
    known, and `unknown` says why."""

    slug: str
    provider: str
    generations: int
    calls: int
    linked: int
    under_way: int
    warm_up_calls: int
    usd: Decimal | None
    seconds: float | None
    price: Price | None
    cost_known: bool
    basis: str
    unknown: tuple[str, ...]
    gaps: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Estimate:
    """`usd` and `seconds` are sums over what is known; `usd_known` and `seconds_known` say whether that is all.
    Providers are asked at the same time: the slowest decides. `problem`: why the run would be refused; `warnings`:
    what would happen if not."""

    rows: tuple[EstimateRow, ...]
    tasks: int
    calls: int
    linked: int
    under_way: int
    warm_up_calls: int
    usd: Decimal
    usd_known: bool
    seconds: float | None
    seconds_known: bool
    slowest: str
    problem: str
    warnings: tuple[str, ...]


def estimate_run(
    *,
    version: TaskSetVersion,
    contenders: Sequence[Contender],
    warm_up_calls: Mapping[int, int],
    samples: int = 1,
    fresh: bool = False,
    budget_usd: Decimal | None = None,
    allow_unknown_costs: bool = False,
    problem: str = "",
) -> Estimate:
    """`contenders` come with their providers selected. `warm_up_calls`: of each contender, by its id. Some three
    queries a contender, each bounded, two over the answers to the version's tasks and two over its conversations."""
    tasks = version.items.exclude(task__messages=[]).values("task_id").distinct()
    categories = set(version.items.order_by().values_list("task__category_id", flat=True).distinct())
    n = tasks.count()
    turns = _turns_a_task(version, n)
    existing = _existing(version, contenders, samples)
    probes = probes_of(version)
    measured = {one.pk: measured_of(one, categories) for one in contenders}
    typical = typical_lengths(categories) if any(not one.n for one in measured.values()) else Measured()
    rows = []
    for contender in sorted(contenders, key=lambda one: one.slug):
        counts = {} if fresh else existing[contender.pk]
        # What waits in another run is this one's to ask for as well, and counts towards the spending of both.
        linked, under_way = counts.get(_STATE.DONE, 0), counts.get(_STATE.RUNNING, 0)
        asked = [probe.tokens for probe in probes.values() if takes(contender, probe)]
        missing = max((len(asked) if probes else n) * samples - linked - under_way, 0)
        warm = warm_up_calls.get(contender.pk, 0) if missing else 0
        calls = round(missing * turns)
        before = measured[contender.pk]
        if asked:
            # What was measured of short prompts says nothing of these: neither of their time nor of their price.
            before = replace(before if before.here else _lengths_alone(before), tokens_in=sum(asked) / len(asked))
        rows.append(_row(contender, missing, calls, linked, under_way, warm, before, typical))
    seconds, seconds_known, slowest = _time(rows, contenders)
    known = [row.usd for row in rows if row.usd is not None]
    usd_known = len(known) == len(rows)
    total = sum(known, Decimal(0))
    return Estimate(
        rows=tuple(rows),
        tasks=n,
        calls=sum(row.calls for row in rows),
        linked=sum(row.linked for row in rows),
        under_way=sum(row.under_way for row in rows),
        warm_up_calls=sum(row.warm_up_calls for row in rows),
        usd=total,
        usd_known=usd_known,
        seconds=seconds,
        seconds_known=seconds_known,
        slowest=slowest,
        problem=problem,
        warnings=tuple(_warnings(rows, total, budget_usd, allow_unknown_costs)),
    )


def _lengths_alone(measured: Measured) -> Measured:
    return Measured(n=measured.n, tokens_in=measured.tokens_in, tokens_out=measured.tokens_out)


def _turns_a_task(version: TaskSetVersion, tasks: int) -> float:
    """How many answers a task takes, on average. Only a conversation has messages of an assistant; of many, the first
    thousand are read."""
    talks = may_have_gaps(Task.objects.filter(pk__in=version.items.values("task")))
    found = talks.count() if tasks else 0
    if not found:
        return 1.0
    some = talks.order_by("pk").values_list("messages", flat=True)[:_CONVERSATIONS]
    read = [turns_asked(messages) for messages in some]
    return 1.0 + found * (sum(read) / len(read) - 1) / tasks


def _existing(version: TaskSetVersion, contenders: Sequence[Contender], samples: int) -> dict[int, dict[str, int]]:
    """By contender: newest takes by state. Those that failed for good are asked for again."""
    newer = Generation.objects.filter(
        task=OuterRef("task"), contender=OuterRef("contender"), sample=OuterRef("sample"), take__gt=OuterRef("take")
    )
    rows = (
        Generation.objects.filter(~Exists(newer), contender__in=contenders, sample__lte=samples)
        .filter(task__in=version.items.exclude(task__messages=[]).values("task_id"))
        .order_by()
        .values_list("contender_id", "state")
        .annotate(n=Count("pk"))
    )
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    for contender_id, state, n in rows:
        counts[contender_id][state] = n
    return counts


def _row(
    contender: Contender,
    missing: int,
    calls: int,
    linked: int,
    under_way: int,
    warm: int,
    measured: Measured,
    typical: Measured,
) -> EstimateRow:
    price = contender_card(contender).price
    lengths = measured if measured.told_usd is not None or measured.tokens_out is not None else typical
    each = lengths.usd(price)
    unknown = []
    if price is None and measured.told_usd is None:
        unknown.append(_NO_PRICE)
    elif each is None:
        unknown.append(_NO_LENGTH)
    if calls and measured.latency_ms is None:
        unknown.append(_NOT_TIMED)
    usd = Decimal(0) if not calls else None if each is None else each * calls
    return EstimateRow(
        slug=contender.slug,
        provider=contender.provider.slug,
        generations=missing,
        calls=calls,
        linked=linked,
        under_way=under_way,
        warm_up_calls=warm,
        usd=usd,
        seconds=_seconds(calls + warm, measured),
        price=price,
        cost_known=cost_is_known(contender),
        basis=_basis(measured, typical.n if lengths is typical else 0),
        unknown=tuple(one.format(contender.slug) for one, _ in unknown) if calls else (),
        gaps=tuple(unknown) if calls else (),
    )


def _basis(measured: Measured, others: int) -> str:
    if not measured.n:
        return "others' answers here" if others else ""
    where = "here" if measured.here else "elsewhere"
    return f"{numbers.whole(measured.n)} {'answer' if measured.n == 1 else 'answers'} {where}"


def _seconds(calls: int, measured: Measured) -> float | None:
    """Of its calls one by one, as they share the provider's places. None: not timed."""
    if not calls:
        return 0.0
    return None if measured.latency_ms is None else calls * measured.latency_ms / 1000


def _time(rows: Sequence[EstimateRow], contenders: Sequence[Contender]) -> tuple[float | None, bool, str]:
    """Seconds, whether all of it is known, and the provider that decides."""
    by_slug = {one.slug: one for one in contenders}
    by_provider: dict[int, list[EstimateRow]] = defaultdict(list)
    providers: dict[int, Provider] = {}
    for row in rows:
        if row.calls:
            provider = by_slug[row.slug].provider
            providers[provider.pk] = provider
            by_provider[provider.pk].append(row)
    longest, known, slowest = None, True, ""
    for pk, of_provider in by_provider.items():
        provider = providers[pk]
        timed = [row.seconds for row in of_provider if row.seconds is not None]
        known = known and len(timed) == len(of_provider)
        calls = sum(row.calls + row.warm_up_calls for row in of_provider)
        # No more at once than there are generations: a conversation's turns follow each other.
        at_once = sum(row.generations + row.warm_up_calls for row in of_provider)
        seconds = sum(timed) / min(provider.max_concurrency, at_once) if timed else None
        if provider.requests_per_minute:
            seconds = max(seconds or 0.0, 60 * calls / provider.requests_per_minute)
        if seconds is not None and (longest is None or seconds > longest):
            longest, slowest = seconds, provider.name
    return longest, known, slowest


def _warnings(rows: Sequence[EstimateRow], usd: Decimal, budget_usd: Decimal | None, allow: bool) -> list[str]:
    words = []
    for one, several in (_NO_PRICE, _NO_LENGTH, _NOT_TIMED):
        slugs = [row.slug for row in rows if (one, several) in row.gaps]
        if slugs:
            words.append((several if len(slugs) > 1 else one).format(listed(slugs)))
    unknown = [row.slug for row in rows if not row.cost_known and row.calls]
    if budget_usd is not None and allow and unknown:
        words.append(f"The budget does not count {', '.join(unknown)}.")
    if budget_usd is not None and usd > budget_usd:
        words.append(
            f"The budget of {numbers.money(budget_usd)} will be reached first: the run then pauses, and goes on once "
            "you raise it."
        )
    stale = [row.slug for row in rows if row.price is not None and row.price.is_stale and row.calls]
    if stale:
        words.append(f"Prices of {', '.join(stale)} were last checked {CHECKED_LONG_AGO}.")
    return words
