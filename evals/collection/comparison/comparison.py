"""Two runs side by side: for each contender and category what was measured before and after, the difference over the
same tasks with its interval, and which differences are sure.

A difference is sure if its test, corrected for all tests of the two runs by Holm's method, has p <= .05. Holm bounds
the chance of one false alarm anywhere on the page, where Benjamini and Hochberg's method would bound their share among
the alarms: each alarm sends somebody looking for a cause. The correction is for the whole comparison, whatever part of
it is shown, so filtering finds nothing new. Intervals are for one difference each.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import numpy as np
import numpy.typing as npt
from django.db.models import Count, Max, Q

from evals.collection.comparison.answers import LEVELS, Answers, read_answers
from evals.collection.comparison.matching import By, Match, Matching, match
from evals.collection.concurrency import median_of_counts
from evals.collection.quantiles import Quantiles
from evals.models import Attempt, Category, Contender, Generation, Run, RunItem
from evals.ratings.paired import Paired, compare_levels, compare_rates, holm

__all__ = [
    "ALPHA",
    "MEASURES",
    "Cell",
    "Compared",
    "Comparison",
    "Contest",
    "Found",
    "Measure",
    "RunFacts",
    "Side",
    "Verdict",
    "compare_runs",
    "compared_answers",
]

# The chance of a false alarm anywhere in one comparison is at most this.
ALPHA = 0.05
# Contenders times categories: with more, categories are left out and contenders compared as a whole.
MOST_CELLS = 4000
_RECENT_S = 10
# By key: when it was made, and what. Not in Django's cache, which keeps what is over until it has 300 entries: one of
# these may have 50 MB.
_RECENT: dict[str, tuple[float, tuple[Comparison, Answers]]] = {}
_MOST_KEPT = 2
_LOCK = threading.Lock()

Verdict = Literal["better", "worse", "more", "fewer", "not sure", "unknown"]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Measure:
    """`good` is the direction that is better: 1 up, -1 down, 0 neither. `level`: the column of `Answers.levels` that is
    compared as a ratio; None: success, compared as a difference."""

    key: str
    name: str
    good: int
    level: int | None = None


MEASURES = (
    Measure("success", "Success", 1),
    Measure("latency_ms", "Latency", -1, LEVELS.index("latency_ms")),
    Measure("ttft_ms", "First token", -1, LEVELS.index("ttft_ms")),
    Measure("tokens_out", "Tokens out", 0, LEVELS.index("tokens_out")),
    Measure("cost_usd", "Cost", -1, LEVELS.index("cost_usd")),
)
_TIMED = ("latency_ms", "ttft_ms")


@dataclass(frozen=True)
class Compared:
    """One measure of one contender in one category. `corrected` is Holm's p. `why` says why it is unknown, or what was
    left out. `quantiles` (before, after) are over all answers to the tasks compared, of times alone: they are described
    and not tested."""

    measure: Measure
    paired: Paired
    why: str = ""
    quantiles: tuple[Quantiles, Quantiles] | None = None
    corrected: float | None = None

    @property
    def sure(self) -> bool:
        return self.corrected is not None and self.corrected <= ALPHA

    @property
    def verdict(self) -> Verdict:
        change = self.paired.change
        if change is None:
            return "unknown"
        if not self.sure:
            return "not sure"
        up = change.value > (0 if self.measure.level is None else 1)
        if self.measure.good:
            return "better" if up == (self.measure.good > 0) else "worse"
        return "more" if up else "fewer"


@dataclass(frozen=True)
class Side:
    """Of one run, one contender and one category: tasks with an answer that ended in this run alone, answers that
    failed for good, and answers that have not come to an end."""

    only: int
    failed: int
    open: int


@dataclass(frozen=True)
class Cell:
    """A contender in a category; `category` empty: all of them. `tasks` have answers in both runs. `shared` answers are
    one and the same in both runs, and left out."""

    category: str
    name: str
    tasks: int
    before: Side
    after: Side
    shared: int
    measures: tuple[Compared, ...]


@dataclass(frozen=True)
class Contest:
    """A contender's cells: all categories together first, if there are several."""

    match: Match
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Found:
    """A difference that is sure."""

    match: Match
    cell: Cell
    compared: Compared


@dataclass(frozen=True)
class RunFacts:
    """`in_flight`: the median of calls to a provider at once, at which latencies were measured."""

    id: int
    task_set: str
    version: int
    samples: int
    state: str
    created_at: datetime
    in_flight: int | None


@dataclass(frozen=True)
class Comparison:
    """`tests` were made, for which Holm's method corrected. `left_out_categories`: there were too many to list.
    `closed`: names of the categories that were taken out of what is shown."""

    before: RunFacts
    after: RunFacts
    matching: Matching
    contests: tuple[Contest, ...]
    categories: tuple[tuple[str, str], ...]
    tests: int
    left_out_categories: int = 0
    # By slug, also those that are not listed.
    all_categories: tuple[tuple[str, str], ...] = ()
    closed: tuple[str, ...] = ()

    def without(self, hidden: Collection[str]) -> Comparison:
        """What is left without these categories, and without figures over all categories, which hold theirs. What is
        sure stays as it was decided, for all tests."""
        closed = tuple(name for slug, name in self.all_categories if slug in hidden)
        if not closed:
            return self
        contests = tuple(
            replace(one, cells=tuple(cell for cell in one.cells if cell.category and cell.category not in hidden))
            for one in self.contests
        )
        return replace(
            self,
            contests=contests,
            categories=tuple(one for one in self.categories if one[0] not in hidden),
            tests=sum(m.paired.p is not None for one in contests for cell in one.cells for m in cell.measures),
            closed=closed,
        )

    @property
    def found(self) -> tuple[Found, ...]:
        """Worst news first, then the surest."""
        sure = [
            Found(contest.match, cell, one)
            for contest in self.contests
            for cell in contest.cells
            for one in cell.measures
            if one.sure
        ]
        return tuple(sorted(sure, key=lambda one: (one.compared.verdict != "worse", one.compared.corrected or 0)))


def compare_runs(before: Run, after: Run, *, by: By | None = None) -> Comparison:
    """Kept for 10 seconds, or until an answer comes to an end. Three queries while there is nothing new, nine at most.

    The runs should come with `version__task_set`. Raises TooManyAnswersError.
    """
    return _kept(before, after, by)[0]


def compared_answers(before: Run, after: Run, *, by: By | None = None) -> tuple[Comparison, Answers]:
    """The comparison, and the answers it was made from."""
    return _kept(before, after, by)


def _kept(before: Run, after: Run, by: By | None) -> tuple[Comparison, Answers]:
    ended = Q(generation__state__in=(Generation.State.DONE, Generation.State.FAILED))
    facts = (
        RunItem.objects.filter(run__in=[before.pk, after.pk])
        .order_by("run_id")
        .values_list("run_id")
        .annotate(n=Count("pk"), ended=Count("pk", filter=ended), at=Max("generation__finished_at"))
    )
    news = ":".join(f"{run}.{n}.{done}.{at and at.timestamp()}" for run, n, done, at in facts)
    made = ":".join(f"{run.pk}.{run.state}.{run.created_at.timestamp()}" for run in (before, after))
    key, now = f"{made}:{by or ''}:{news}", time.monotonic()
    with _LOCK:
        for old in [name for name, (at, _) in _RECENT.items() if now - at > _RECENT_S]:
            del _RECENT[old]
        if key in _RECENT:
            return _RECENT[key][1]
    kept = _compared(before, after, by)
    with _LOCK:
        while len(_RECENT) >= _MOST_KEPT:
            del _RECENT[next(iter(_RECENT))]
        _RECENT[key] = (now, kept)
    return kept


def _compared(before: Run, after: Run, by: By | None) -> tuple[Comparison, Answers]:
    matching = match(_contenders(before), _contenders(after), by)
    answers = read_answers(before, after, matching.matches)
    at_once = _in_flight(before, after)
    names = {
        pk: (slug, name)
        for pk, slug, name in Category.with_dimensions.filter(pk__in=np.unique(answers.category).tolist())
        .order_by()
        .values_list("pk", "slug", "name")
    }
    left_out = len(names) if len(names) * len(matching.matches) > MOST_CELLS else 0
    shown = {} if left_out else names
    contests = tuple(Contest(one, tuple(_cells(answers, place, shown))) for place, one in enumerate(matching.matches))
    contests, tests = _corrected(contests)
    comparison = Comparison(
        before=_facts(before, at_once),
        after=_facts(after, at_once),
        matching=matching,
        contests=contests,
        categories=tuple(sorted(shown.values(), key=lambda one: one[1].casefold())),
        tests=tests,
        left_out_categories=left_out,
        all_categories=tuple(sorted(names.values(), key=lambda one: one[1].casefold())),
    )
    return comparison, answers


def _contenders(run: Run) -> list[Contender]:
    return list(run.contenders.only("slug", "family", "revision").order_by("slug"))


def _facts(run: Run, at_once: dict[int, Counter[int]]) -> RunFacts:
    return RunFacts(
        id=run.pk,
        task_set=run.version.task_set.slug,
        version=run.version.n,
        samples=run.samples,
        state=run.state,
        created_at=run.created_at,
        in_flight=median_of_counts(at_once.get(run.pk, Counter())),
    )


def _in_flight(before: Run, after: Run) -> dict[int, Counter[int]]:
    rows = (
        Attempt.objects.filter(generation__run_items__run__in=[before, after], error="", in_flight__isnull=False)
        .order_by()
        .values_list("generation__run_items__run", "in_flight")
        .annotate(Count("pk"))
    )
    counts: dict[int, Counter[int]] = {}
    for run, n, times in rows:
        counts.setdefault(run, Counter())[n] += times
    return counts


def _cells(answers: Answers, place: int, names: dict[int, tuple[str, str]]) -> Iterable[Cell]:
    """All categories together come first, if there are several."""
    own = np.flatnonzero(answers.match == place)
    category = answers.category[own]
    categories = [pk for pk in np.unique(category).tolist() if pk in names]
    categories.sort(key=lambda pk: names[pk][1].casefold())
    if len(categories) != 1:
        yield _cell(answers, own, "", "")
    for pk in categories:
        yield _cell(answers, own[category == pk], *names[pk])


def _cell(answers: Answers, chosen: Places, category: str, name: str) -> Cell:
    """`chosen`: the places of its answers."""
    shared = answers.shared[chosen]
    rows = chosen[~shared]
    tasks, group = np.unique(answers.task[rows], return_inverse=True)
    side, ended = answers.side[rows], answers.ended[rows]
    n = len(tasks)

    def per_task(which: int, weights: Floats | None = None, among: Bools = ended) -> Floats:
        picked = among & (side == which)
        taken = None if weights is None else weights[picked]
        return np.bincount(group[picked], weights=taken, minlength=n).astype(np.float64)

    counts = per_task(0), per_task(1)
    both = (counts[0] > 0) & (counts[1] > 0)
    right = answers.right[rows].astype(np.float64)
    in_both = both[group] if n else np.zeros(0, np.bool_)

    def success(measure: Measure) -> Compared:
        sums = (per_task(which, right)[both].round().astype(np.int64) for which in (0, 1))
        whole = (counts[which][both].astype(np.int64) for which in (0, 1))
        (x, y), (m, k) = sums, whole
        return Compared(measure, compare_rates(x, m, y, k))

    def level(measure: Measure, column: int) -> Compared:
        values = answers.levels[rows, column]
        done = answers.done[rows] & in_both
        unknown = done & np.isnan(values)
        if measure.key == "cost_usd" and unknown.any():
            return Compared(measure, _NOT_KNOWN, why=f"no price known for {int(unknown.sum()):,} of the answers")
        measured = done & ~np.isnan(values)
        usable = measured & (values > 0)
        if measured.any() and not usable.any():
            return Compared(measure, _NOT_KNOWN, why="free in both runs" if measure.key == "cost_usd" else "all are 0")
        logs = np.log(np.where(usable, values, 1.0))
        have = per_task(0, among=usable), per_task(1, among=usable)
        timed = (have[0] > 0) & (have[1] > 0)
        means = [per_task(which, logs, usable)[timed] / have[which][timed] for which in (0, 1)]
        missing = int(both.sum() - timed.sum())
        quantiles = None
        if measure.key in _TIMED:
            used = usable & timed[group]
            quantiles = tuple(Quantiles.of(values[used & (side == which)].tolist()) for which in (0, 1))
        return Compared(
            measure,
            compare_levels(*means),
            why=f"0 or not measured in one run for {missing:,} of {int(both.sum()):,} tasks" if missing else "",
            quantiles=quantiles,  # type: ignore[arg-type]  # a tuple of two
        )

    def of(which: int) -> Side:
        mine = side == which
        return Side(
            only=int(((counts[which] > 0) & ~both).sum()),
            failed=int((mine & ended & ~answers.done[rows]).sum()),
            open=int((mine & ~ended).sum()),
        )

    return Cell(
        category=category,
        name=name,
        tasks=int(both.sum()),
        before=of(0),
        after=of(1),
        shared=int((answers.side[chosen[shared]] == 0).sum()),
        measures=tuple(success(one) if one.level is None else level(one, one.level) for one in MEASURES),
    )


_NOT_KNOWN = Paired(0, 0, None, None, None, None)


def _corrected(contests: Sequence[Contest]) -> tuple[tuple[Contest, ...], int]:
    """With Holm's p for all tests of the comparison. A contender's categories together are tests of their own."""
    tested = [one.paired for contest in contests for cell in contest.cells for one in cell.measures]
    all_p = [one.p for one in tested]
    corrected = iter(holm(all_p, [one.least for one in tested], alpha=ALPHA))
    done = tuple(
        replace(
            contest,
            cells=tuple(
                replace(cell, measures=tuple(replace(one, corrected=next(corrected)) for one in cell.measures))
                for cell in contest.cells
            ),
        )
        for contest in contests
    )
    return done, sum(p is not None for p in all_p)
