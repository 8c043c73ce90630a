"""The parts of a run's page: five figures, and a stacked bar for each contender.

Everything is computed from what the queries return; nothing here reads the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from arena.ui import charts, numbers
from arena.ui.wording import count, plural
from arena.ui.wording import listed as listed_words
from evals.collection.concurrency import Concurrency
from evals.collection.queries.estimates import Estimate
from evals.collection.queries.runs import ContenderRow, Progress, RunLine, RunView

__all__ = ["EstimateParts", "Figure", "ListedRun", "RunParts", "estimate_parts", "listed", "run_parts"]


@dataclass(frozen=True)
class Figure:
    """`at` is a time at the beginning of the note."""

    name: str
    value: str
    unit: str = ""
    note: str = ""
    bar: charts.Bar | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class BarRow:
    """A contender's line: its counts, and the bar that shows them."""

    row: ContenderRow
    bar: charts.Bar


@dataclass(frozen=True)
class RunParts:
    figures: tuple[Figure, ...]
    rows: tuple[BarRow, ...]
    digits: int
    # Of all contenders together; None if none of them has a known price.
    spent_usd: Decimal | None
    # At how many calls at once the latencies were measured.
    concurrency: Concurrency
    # Whose figures the costs are.
    cost_words: str


@dataclass(frozen=True)
class ListedRun:
    line: RunLine
    bar: charts.Bar


def run_parts(view: RunView) -> RunParts:
    return RunParts(
        figures=(_collected(view), _in_flight(view), _failed(view), _spent(view), _done_in(view)),
        rows=tuple(BarRow(row, _bar(row.progress)) for row in view.rows),
        digits=numbers.money_digits([*(row.spent_usd for row in view.rows), view.spent_usd]),
        spent_usd=None if _nothing_priced(view) else view.spent_usd,
        concurrency=Concurrency.of(row.in_flight for row in view.rows),
        cost_words=_cost_words(view),
    )


def _cost_words(view: RunView) -> str:
    """`Costs are by the price list (gpt-x, gpt-y), and as the provider told (z).`"""
    of: dict[str, list[str]] = {}
    for row in view.rows:
        for source in row.cost_sources:
            of.setdefault(source, []).append(row.slug)
    parts = [f"{source} ({', '.join(slugs)})" for source, slugs in sorted(of.items())]
    return f"Costs are {listed_words(parts)}." if parts else ""


@dataclass(frozen=True)
class EstimateParts:
    estimate: Estimate
    figures: tuple[Figure, ...]
    digits: int


def estimate_parts(estimate: Estimate) -> EstimateParts:
    return EstimateParts(
        estimate=estimate,
        figures=(_to_ask(estimate), _to_spend(estimate), _to_take(estimate)),
        digits=numbers.money_digits(row.usd for row in estimate.rows),
    )


def _to_ask(estimate: Estimate) -> Figure:
    notes = []
    if estimate.linked:
        notes.append(f"{numbers.whole(estimate.linked)} linked from earlier runs")
    if estimate.under_way:
        notes.append(f"{numbers.whole(estimate.under_way)} are being asked for by another run")
    if estimate.warm_up_calls:
        notes.append(f"{count(estimate.warm_up_calls, 'warm-up call')} more")
    answers = sum(row.generations for row in estimate.rows)
    if estimate.calls > answers:
        notes.append(f"{numbers.whole(estimate.calls)} calls, a conversation's turns each one")
    return Figure("Answers", numbers.whole(answers), note="; ".join(notes) or "retries come on top")


def _to_spend(estimate: Estimate) -> Figure:
    unknown = [row.slug for row in estimate.rows if row.usd is None]
    if unknown and len(unknown) == len(estimate.rows):
        return Figure("Cost", "not known", note="the reasons are below")
    note = f"without {', '.join(unknown)}" if unknown else "retries and warm-up calls come on top"
    value = numbers.money(estimate.usd)
    return Figure("Cost", value if value == "$0" or value.startswith("<") else f"about {value}", note=note)


def _to_take(estimate: Estimate) -> Figure:
    if not estimate.calls:
        rest = "another run asks for the rest" if estimate.under_way else "everything has been collected"
        return Figure("Time", "none", note=rest)
    if estimate.seconds is None:
        return Figure("Time", "not known", note="no contender here was timed yet")
    value = f"about {numbers.duration(estimate.seconds)}"
    if not estimate.seconds_known:
        return Figure("Time", value, note="or more: not all contenders were timed")
    return Figure("Time", value, note=f"{estimate.slowest} is last")


def listed(line: RunLine) -> ListedRun:
    label = f"{numbers.whole(line.done)} done, {numbers.whole(line.failed)} failed, of {numbers.whole(line.total)}"
    return ListedRun(line, charts.bar([("done", line.done), ("fail", line.failed)], line.total, label))


def _bar(progress: Progress) -> charts.Bar:
    parts = [
        ("done", progress.done),
        ("fly", progress.in_flight),
        ("retry", progress.retrying),
        ("fail", progress.failed),
    ]
    words = (
        f"{progress.done} done, {progress.in_flight} in flight, {progress.retrying} retrying, "
        f"{progress.failed} failed, {progress.waiting} waiting"
    )
    return charts.bar(parts, progress.total, words)


def _collected(view: RunView) -> Figure:
    progress = view.progress
    note = f"{100 * progress.share_done:.0f}%"
    if progress.linked:
        note += f", {numbers.whole(progress.linked)} linked from earlier runs"
    return Figure(
        "Collected", numbers.whole(progress.done), f"of {numbers.whole(progress.total)}", note, _bar(progress)
    )


def _in_flight(view: RunView) -> Figure:
    progress = view.progress
    if progress.retrying:
        note = f"{numbers.whole(progress.retrying)} {plural(progress.retrying, 'waits', 'wait')} to retry"
    elif progress.waiting:
        note = f"{numbers.whole(progress.waiting)} not asked yet"
    else:
        note = "nothing waits"
    return Figure("In flight", numbers.whole(progress.in_flight), note=note)


def _failed(view: RunView) -> Figure:
    share = view.progress.share_failed
    note = f"{numbers.rate(share)} of finished" if share is not None else "none finished yet"
    return Figure("Failed for good", numbers.whole(view.progress.failed), note=note)


def _nothing_priced(view: RunView) -> bool:
    return len(view.unpriced) == len(view.rows) > 0


def _spent(view: RunView) -> Figure:
    budget, spent, expected = view.budget_usd, view.spent_usd, view.expected_usd
    if _nothing_priced(view):
        return Figure("Spent", numbers.NO_PRICE, note="no contender here has a known price")
    notes = []
    if view.active and expected is not None:
        notes.append(f"about {numbers.money(expected)} at the end")
    elif budget is None:
        notes.append("no budget set")
    if view.unpriced:
        notes.append(f"without {', '.join(view.unpriced)}: no price")
    bar = None
    if budget:
        rest = max(Decimal(0), expected - spent) if view.active and expected is not None else Decimal(0)
        parts = [("done", float(spent)), ("plan", float(rest))]
        bar = charts.bar(parts, float(budget), f"{numbers.money(spent)} spent of {numbers.money(budget)}")
    unit = f"of {numbers.money(budget)}" if budget is not None else ""
    return Figure("Spent", numbers.money(spent), unit, "; ".join(notes), bar)


def _done_in(view: RunView) -> Figure:
    if view.finished_at is not None:
        took = (view.finished_at - view.created_at).total_seconds()
        return Figure("Took", numbers.duration(took))
    if not view.active:
        return Figure("Done in", numbers.NONE, note=view.reason or f"the run is {view.state}")
    if view.done_in is None:
        waits = "no answer yet" if view.progress.left else "finishing"
        return Figure("Done in", numbers.NONE, note=waits)
    last = f"{view.last_contender} is last" if len(view.rows) > 1 else ""
    return Figure("Done in", numbers.duration(view.done_in.total_seconds()), note=last, at=view.done_at)
