"""The parts of a comparison's page, and its rows for a CSV file: figures in words. Nothing here reads the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from arena.ui import numbers
from arena.ui.wording import count, listed, plural
from evals.collection.comparison.comparison import Cell, Compared, Comparison, Contest, Found, Measure, Side
from evals.collection.comparison.consistency import Consistency
from evals.collection.concurrency import Concurrency
from evals.collection.quantiles import Quantiles
from evals.ratings.consistency import Agreeing
from evals.ratings.paired import Estimate

__all__ = [
    "CSV_COLUMNS",
    "CellPart",
    "ComparisonParts",
    "ConsistencyRow",
    "ContestPart",
    "Line",
    "Shown",
    "comparison_parts",
    "consistency_lines",
    "consistency_rows",
    "csv_rows",
    "written",
]

# Contenders' categories that one page shows; the file has all.
MOST_CELLS = 60
# Sure differences that the beginning of the page lists.
MOST_FOUND = 12
_KINDS = {"better": "good", "worse": "bad", "more": "data", "fewer": "data"}


@dataclass(frozen=True)
class Shown:
    """A value and its interval, written; `range` is empty where there is none."""

    value: str
    range: str = ""


@dataclass(frozen=True)
class Line:
    """One measure: `badge` and `kind` where the difference is sure, else `unsure` says that it is not, or why it is
    unknown. `notes` stand below."""

    name: str
    before: Shown
    after: Shown
    change: Shown
    badge: str = ""
    kind: str = ""
    unsure: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class CellPart:
    """`told` says which tasks and answers were not compared."""

    category: str
    name: str
    tasks: int
    told: tuple[str, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class ContestPart:
    before: str
    after: str
    cells: tuple[CellPart, ...]

    @property
    def same(self) -> bool:
        return self.before == self.after


@dataclass(frozen=True)
class News:
    """A sure difference in one line."""

    contender: str
    category: str
    measure: str
    words: str
    badge: str
    kind: str


@dataclass(frozen=True)
class ComparisonParts:
    """`hidden` cells are beyond what one page shows."""

    headline: str
    news: tuple[News, ...]
    more_news: int
    warnings: tuple[str, ...]
    contests: tuple[ContestPart, ...]
    hidden: int


def comparison_parts(
    comparison: Comparison,
    *,
    contender: str = "",
    category: str = "",
    consistent: tuple[Mapping[str, Consistency], Mapping[str, Consistency]] = ({}, {}),
) -> ComparisonParts:
    """Of the contender (its slug in either run) and the category named; what is sure was decided before, for all."""
    room, hidden = MOST_CELLS, 0
    contests = []
    for contest in comparison.contests:
        if contender and contender not in (contest.match.before_slug, contest.match.after_slug):
            continue
        cells = [cell for cell in contest.cells if not category or cell.category == category]
        hidden += max(0, len(cells) - room)
        cells, room = cells[:room], max(0, room - len(cells))
        if cells:
            contests.append(_contest(contest, cells, comparison, () if category else consistent))
    found = comparison.found
    return ComparisonParts(
        headline=_headline(comparison),
        news=tuple(map(_news, found[:MOST_FOUND])),
        more_news=max(0, len(found) - MOST_FOUND),
        warnings=tuple(_warnings(comparison)),
        contests=tuple(contests),
        hidden=hidden,
    )


def _headline(comparison: Comparison) -> str:
    found = comparison.found
    if comparison.closed and not comparison.tests:
        return "Nothing is shown of the categories in which you vote."
    if not comparison.tests:
        return "Nothing to compare: no task was answered in both runs."
    of = f"{numbers.whole(comparison.tests)} {'difference' if comparison.tests == 1 else 'differences'}"
    if not found:
        return f"No difference is sure, of {of} that were tested."
    worse = sum(one.compared.verdict == "worse" for one in found)
    words = f"{len(found)} of {of} {'is' if len(found) == 1 else 'are'} sure"
    return f"{words}, {worse} for the worse." if worse else f"{words}, none for the worse."


def _news(found: Found) -> News:
    one = found.compared
    change = written(one.measure, one.paired.change, change=True)
    verdict = one.verdict
    before, after = written(one.measure, one.paired.before), written(one.measure, one.paired.after)
    return News(
        contender=found.match.words,
        category=found.cell.name or "all categories",
        measure=one.measure.name,
        words=f"{before.value} to {after.value}: {change.value}{f' ({change.range})' if change.range else ''}",
        badge=verdict,
        kind=_KINDS.get(verdict, ""),
    )


def _warnings(comparison: Comparison) -> Iterator[str]:
    matching, before, after = comparison.matching, comparison.before, comparison.after
    if comparison.closed:
        yield (
            f"You vote in {listed([*comparison.closed[:8], *_others(comparison.closed)])}: these figures, and those "
            "over all categories, are not shown to you, because they would tell contenders' answers apart."
        )
    for run in (before, after):
        if run.state in ("collecting", "paused"):
            yield f"Run {run.id} is still {run.state}: figures move as its answers come in."
    if matching.single:
        yield "The runs have one contender each, which are compared though they are not of one family."
    for one, slugs in ((before, matching.only_before), (after, matching.only_after)):
        if slugs:
            some = listed([*slugs[:8], *([count(len(slugs) - 8, "other")] if len(slugs) > 8 else [])])
            yield f"Not compared, because only run {one.id} has them: {some}."
    shared = sum(map(_shared, comparison.contests))
    if shared:
        yield (
            f"{count(shared, 'answer')} of run {after.id} {'is' if shared == 1 else 'are'} the same stored "
            f"{'answer' if shared == 1 else 'answers'} as in run {before.id}, linked and not asked for again. They say "
            "nothing of a change and are left out. To compare, collect with everything asked for afresh."
        )
    at_once = Concurrency.of((before.in_flight, after.in_flight))
    if at_once.differs:
        yield (
            f"Times were measured at {before.in_flight} calls at once before and {after.in_flight} after (medians): "
            "more than a factor of 2 apart, so a difference in time may come from that."
        )
    if comparison.left_out_categories:
        yield (
            f"Categories ({comparison.left_out_categories:,}) times contenders are too many to compare each: "
            "all categories are taken together."
        )


def _shared(contest: Contest) -> int:
    """The first cell is all categories together, if it is there."""
    cells = contest.cells
    return cells[0].shared if cells and not cells[0].category else sum(cell.shared for cell in cells)


def _others(names: tuple[str, ...]) -> list[str]:
    return [f"{len(names) - 8:,} more"] if len(names) > 8 else []


def _contest(
    contest: Contest,
    cells: list[Cell],
    comparison: Comparison,
    consistent: tuple[Mapping[str, Consistency], ...],
) -> ContestPart:
    match = contest.match
    parts = [_cell(cell, comparison) for cell in cells]
    if consistent and parts:
        before, after = consistent[0].get(match.before_slug), consistent[1].get(match.after_slug)
        first = parts[0]
        lines = (*first.lines, *consistency_lines(before, after))
        parts[0] = CellPart(first.category, first.name, first.tasks, first.told, lines)
    return ContestPart(match.before_slug, match.after_slug, tuple(parts))


def _cell(cell: Cell, comparison: Comparison) -> CellPart:
    told = []
    for run, side in ((comparison.before, cell.before), (comparison.after, cell.after)):
        words = _told(side)
        if words:
            told.append(f"Run {run.id}: {words}.")
    if cell.shared:
        told.append(f"{count(cell.shared, 'answer')} of both runs left out.")
    return CellPart(
        cell.category, cell.name or "All categories", cell.tasks, tuple(told), tuple(map(_line, cell.measures))
    )


def _told(side: Side) -> str:
    words = []
    if side.only:
        words.append(f"{count(side.only, 'task')} answered in this run alone")
    if side.failed:
        counts = plural(side.failed, "counts", "count")
        words.append(f"{count(side.failed, 'answer')} failed for good and {counts} as no success")
    if side.open:
        words.append(f"{count(side.open, 'answer')} not collected yet")
    return ", ".join(words)


def _line(one: Compared) -> Line:
    paired = one.paired
    verdict = one.verdict
    sure = verdict in _KINDS
    notes = []
    if one.quantiles:
        notes.append(_quantiles(one.measure, *one.quantiles))
    if one.why and paired.change is not None:
        notes.append(f"{one.why[0].upper()}{one.why[1:]}.")
    if paired.n and not paired.moved:
        notes.append(f"The same in {'the one task' if paired.n == 1 else f'all {paired.n:,} tasks'}.")
    unsure = "" if sure else one.why or "not measured" if verdict == "unknown" else "not sure"
    return Line(
        name=one.measure.name,
        before=written(one.measure, paired.before),
        after=written(one.measure, paired.after),
        change=written(one.measure, paired.change, change=True),
        badge=verdict if sure else "",
        kind=_KINDS.get(verdict, ""),
        unsure=unsure,
        notes=tuple(notes),
    )


def _quantiles(measure: Measure, before: Quantiles, after: Quantiles) -> str:
    fine = measure.key == "ttft_ms"

    def pair(one: float | None, other: float | None) -> str:
        return f"{numbers.span(one, fine=fine)} to {numbers.span(other, fine=fine)}"

    return f"Median {pair(before.p50, after.p50)}, p95 {pair(before.p95, after.p95)}"


def consistency_lines(before: Consistency | None, after: Consistency | None = None) -> Iterator[Line]:
    """Two, if either was asked for several samples. Described and not tested."""
    if before is None and after is None:
        return
    for name, key in (("Same check results", "checks"), ("Same answers", "answers")):
        one, other = (_agreeing(getattr(side, key) if side else None) for side in (before, after))
        if one.value == other.value == numbers.NONE:
            continue
        yield Line(name, one, other, Shown(numbers.NONE), unsure="not tested")


@dataclass(frozen=True)
class ConsistencyRow:
    slug: str
    tasks: int
    checks: Shown
    answers: Shown


def consistency_rows(consistent: Mapping[str, Consistency]) -> list[ConsistencyRow]:
    """By contender's name, of those that were asked for several samples."""
    return [
        ConsistencyRow(slug, one.answers.tasks, _agreeing(one.checks), _agreeing(one.answers))
        for slug, one in sorted(consistent.items())
    ]


def _agreeing(found: Agreeing | None) -> Shown:
    if found is None or found.share is None or found.ci95 is None:
        return Shown(numbers.NONE)
    return Shown(numbers.rate(found.share), f"{numbers.rate(found.ci95[0])} to {numbers.rate(found.ci95[1])}")


def written(measure: Measure, estimate: Estimate | None, *, change: bool = False) -> Shown:
    """As pages write it: a rate or its difference in points, a typical value or a ratio."""
    if estimate is None:
        return Shown(numbers.NO_PRICE if measure.key == "cost_usd" and not change else numbers.NONE)
    value, ci95 = estimate.value, estimate.ci95
    if change and measure.level is None:
        assert ci95 is not None
        return Shown(f"{_points(value)} points", f"{_points(ci95[0])} to {_points(ci95[1])}")
    if change:
        return Shown(f"×{_ratio(value)}", f"{_ratio(ci95[0])} to {_ratio(ci95[1])}" if ci95 else "")
    write = _WRITTEN[measure.key]
    return Shown(write(value), f"{write(ci95[0])} to {write(ci95[1])}" if ci95 else "")


_WRITTEN: Mapping[str, Callable[[float], str]] = {
    "success": numbers.rate,
    "latency_ms": numbers.span,
    "ttft_ms": partial(numbers.span, fine=True),
    "tokens_out": numbers.whole,
    "cost_usd": numbers.money,
}


def _points(share: float) -> str:
    points = f"{abs(100 * share):.1f}"
    return points if points == "0.0" else f"{numbers.MINUS if share < 0 else '+'}{points}"


def _ratio(value: float) -> str:
    if value >= 10:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


CSV_COLUMNS = (
    "before_run",
    "after_run",
    "before",
    "after",
    "category",
    "measure",
    "tasks",
    "before_value",
    "before_low",
    "before_high",
    "after_value",
    "after_low",
    "after_high",
    "change",
    "change_low",
    "change_high",
    "change_is",
    "p",
    "p_corrected",
    "verdict",
    "why",
    "before_p50",
    "before_p95",
    "after_p50",
    "after_p95",
    "only_before",
    "only_after",
    "failed_before",
    "failed_after",
    "open_before",
    "open_after",
    "shared",
)


def csv_rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """One a measure; an empty category is all of them. Nothing is rounded."""
    for contest in comparison.contests:
        for cell in contest.cells:
            for one in cell.measures:
                quantiles = one.quantiles or (Quantiles.of(()), Quantiles.of(()))
                yield {
                    "before_run": comparison.before.id,
                    "after_run": comparison.after.id,
                    "before": contest.match.before_slug,
                    "after": contest.match.after_slug,
                    "category": cell.category,
                    "measure": one.measure.key,
                    "tasks": one.paired.n,
                    **_columns("before", one.paired.before),
                    **_columns("after", one.paired.after),
                    **_columns("change", one.paired.change),
                    "change_is": "difference" if one.measure.level is None else "ratio",
                    "p": one.paired.p,
                    "p_corrected": one.corrected,
                    "verdict": one.verdict,
                    "why": one.why,
                    "before_p50": quantiles[0].p50,
                    "before_p95": quantiles[0].p95,
                    "after_p50": quantiles[1].p50,
                    "after_p95": quantiles[1].p95,
                    "only_before": cell.before.only,
                    "only_after": cell.after.only,
                    "failed_before": cell.before.failed,
                    "failed_after": cell.after.failed,
                    "open_before": cell.before.open,
                    "open_after": cell.after.open,
                    "shared": cell.shared,
                }


def _columns(name: str, estimate: Estimate | None) -> dict[str, float | None]:
    low, high = (estimate.ci95 or (None, None)) if estimate else (None, None)
    value = estimate.value if estimate else None
    return {name if name == "change" else f"{name}_value": value, f"{name}_low": low, f"{name}_high": high}
