"""How many answers of a run passed each check, and all of them, by contender and category, with intervals.

A failed call is no success and has no results of checks: the success rate is over everything that ended, as in the
evidence for routes, the rate of a check over the answers it was made on.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from django.core.cache import cache
from django.db.models import Count, Max

from evals.models import Generation, Rescore, Run, RunItem
from evals.ratings.ranks import wilson

__all__ = ["CheckRate", "CheckRow", "check_rates"]

_STATE = Generation.State
_ENDED = (_STATE.DONE, _STATE.FAILED)
_CHUNK = 5000
# Kept until something changed, at most so long; a large run that is being collected is counted again only then.
_KEPT_S = 30
_LARGE = 5_000


@dataclass(frozen=True)
class CheckRate:
    """`ci95`: Wilson's interval. `n` is above 0."""

    passed: int
    n: int
    ci95: tuple[float, float]

    @property
    def rate(self) -> float:
        return self.passed / self.n

    @classmethod
    def of(cls, passed: int, n: int) -> CheckRate | None:
        interval = wilson(passed, n)
        return None if interval is None else cls(passed, n, interval)


@dataclass(frozen=True)
class CheckRow:
    """One contender's answers in one category. `checks` by type, in the order of their names; empty where the tasks
    have none, and then success says only that an answer came."""

    contender: str
    category: str
    category_name: str
    success: CheckRate
    checks: tuple[tuple[str, CheckRate], ...]


def check_rates(run: Run) -> tuple[CheckRow, ...]:
    """Two queries while nothing is new, three where something is, over all answers of the run."""
    ended = RunItem.objects.filter(run=run, generation__state__in=_ENDED)
    n, newest = ended.aggregate(n=Count("pk"), newest=Max("generation__finished_at")).values()
    scored = Rescore.objects.filter(changed__gt=0).aggregate(at=Max("moved_at"))["at"]
    state = f"{n}:{newest and newest.timestamp()}"
    if run.state == Run.State.COLLECTING and n > _LARGE:
        state = "collecting"
    key = f"check-rates:{run.pk}:{state}:{scored and scored.timestamp()}"
    kept: tuple[CheckRow, ...] | None = cache.get(key)
    if kept is None:
        kept = _counted(run)
        cache.set(key, kept, _KEPT_S)
    return kept


def _counted(run: Run) -> tuple[CheckRow, ...]:
    answers = RunItem.objects.filter(run=run, generation__state__in=_ENDED).values_list(
        "generation__contender__slug",
        "generation__task__category__slug",
        "generation__task__category__name",
        "generation__state",
        "generation__checks",
    )
    counts: dict[tuple[str, str, str], Counter[tuple[str, bool]]] = defaultdict(Counter)
    for contender, slug, name, state, results in answers.order_by().iterator(_CHUNK):
        of = counts[contender, slug, name]
        of["", state == _STATE.DONE and all(one["ok"] for one in results)] += 1
        if state == _STATE.DONE:
            of.update((one["type"], one["ok"]) for one in results)
    return tuple(_row(*place, of) for place, of in sorted(counts.items()))


def _row(contender: str, slug: str, name: str, of: Counter[tuple[str, bool]]) -> CheckRow:
    rates = {
        kind: rate
        for kind in sorted({kind for kind, _ in of})
        if (rate := CheckRate.of(of[kind, True], of[kind, True] + of[kind, False])) is not None
    }
    success = rates.pop("")
    return CheckRow(contender, slug, name, success, tuple(rates.items()))
