"""What a run's page is put together from: five figures, and a stacked bar for each contender.

Everything here is computed from what the selectors gave; nothing asks the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from arena.ui import charts, numbers
from evals.collection.queries.runs import ContenderRow, Progress, RunLine, RunView

__all__ = ["Figure", "ListedRun", "RunParts", "listed", "run_parts"]


@dataclass(frozen=True)
class Figure:
    """`at` is a time that the note begins with."""

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
    # Of all contenders together; None if no price of theirs is known.
    spent_usd: Decimal | None


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
    )


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
        note = f"{numbers.whole(progress.retrying)} {'waits' if progress.retrying == 1 else 'wait'} to retry"
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
