"""What services reported of a route's contenders, beside what evaluation measured of them. Pure.

The two differ for honest reasons: other prompts, other hours, another way to say what a success is. So a difference is
told only where it is plain: DIFFERENCE is the rule, in words for readers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from evals.ratings import wilson
from routing.outcomes.histogram import Histogram

__all__ = ["DIFFERENCE", "Figure", "LeftOut", "Line", "Reported", "RouteReport", "contenders", "route_report"]

_TIMES = 2.0
_APART = 0.05
_FEWEST = 20

DIFFERENCE = (
    f"They differ where a time or a cost is over twice or under half of the measured, or where success is over "
    f"{_APART * 100:.0f} points off and the 95% intervals lie apart; each from {_FEWEST} requests up."
)

Candidate = Mapping[str, Any]


@dataclass(frozen=True)
class Reported:
    """Some days of one contender on one route. Times are those of requests that succeeded, as evaluation has them."""

    requests: int
    succeeded: int
    tokens: int
    tokens_told: int
    cost_usd: float
    cost_told: int
    cost_unknown: int
    latency: Histogram
    ttft: Histogram

    @property
    def success_rate(self) -> float:
        return self.succeeded / self.requests

    @property
    def success_ci95(self) -> tuple[float, float] | None:
        found = wilson(self.succeeded, self.requests)
        # Its edge may miss 1 by a rounding, and would be written as less.
        return found and (round(found[0], 9), round(found[1], 9))

    @property
    def usd_per_success(self) -> float | None:
        """None where a success has no known cost. A failure without one is taken to cost what the others cost on
        average, as evaluation takes a call that broke: its tokens were charged, and nobody counted them."""
        if not self.succeeded or self.cost_unknown:
            return None
        return self.cost_usd * self.requests / self.cost_told / self.succeeded


class Figure(NamedTuple):
    """`word` says how the reported is where the two plainly differ, `worse` whether for the worse. `comparable`: there
    was enough of both."""

    reported: float | None
    measured: float | None
    word: str = ""
    worse: bool = False
    comparable: bool = False


@dataclass(frozen=True)
class Line:
    """One contender of a route; `place` is first, else, then, escalation, or other: not named by the route now.
    `reported` is None where nobody reported it."""

    model: str
    place: str
    reported: Reported | None
    measured: Candidate | None
    success: Figure
    latency: Figure
    ttft: Figure
    cost: Figure

    @property
    def figures(self) -> tuple[Figure, ...]:
        return self.success, self.latency, self.ttft, self.cost

    @property
    def differing(self) -> list[Figure]:
        return [figure for figure in self.figures if figure.word]

    @property
    def decision(self) -> str:
        """For a line on which nothing differs."""
        if self.reported is None:
            return "not reported"
        if any(figure.comparable for figure in self.figures):
            return "as measured"
        return "too few to compare" if any(figure.measured is not None for figure in self.figures) else "not measured"


class LeftOut(NamedTuple):
    """Other models that have no line, and what was reported of them all."""

    models: int = 0
    requests: int = 0
    succeeded: int = 0


_NONE = LeftOut()


@dataclass(frozen=True)
class RouteReport:
    """`category` is empty for the table's default. What is left out of the lines counts in the sums."""

    route_id: str
    category: str
    lines: tuple[Line, ...]
    left_out: LeftOut

    @property
    def requests(self) -> int:
        return self.left_out.requests + sum(line.reported.requests for line in self.lines if line.reported)

    @property
    def succeeded(self) -> int:
        return self.left_out.succeeded + sum(line.reported.succeeded for line in self.lines if line.reported)

    @property
    def success_rate(self) -> float | None:
        return self.succeeded / self.requests if self.requests else None

    @property
    def differing(self) -> list[Figure]:
        """Those for the worse first."""
        found = [figure for line in self.lines for figure in line.differing]
        return sorted(found, key=lambda figure: not figure.worse)


def contenders(route: Mapping[str, Any]) -> dict[str, str]:
    """Whom a route names, in the order it asks them, each with its place."""
    places = {route["primary"]: "first"}
    for n, model in enumerate(route["fallbacks"]):
        places.setdefault(model, "then" if n else "else")
    if route.get("escalate_to"):
        places.setdefault(route["escalate_to"], "escalation")
    return places


def route_report(
    route: Mapping[str, Any],
    category: str,
    reported: Mapping[str, Reported],
    evidence: Sequence[Mapping[str, Candidate]],
    left_out: LeftOut = _NONE,
) -> RouteReport:
    """A route as the document has it, what was reported of it by model, and candidates by model: the category's, then
    the pooled. The contenders as the route asks them, then whoever else served it, as under an earlier version."""
    places = contenders(route)
    others = sorted(reported.keys() - places.keys(), key=lambda model: (-reported[model].requests, model))
    places |= dict.fromkeys(others, "other")
    lines = (_line(model, place, reported.get(model), _known(model, evidence)) for model, place in places.items())
    return RouteReport(route["id"], category, tuple(lines), left_out)


def _known(model: str, evidence: Iterable[Mapping[str, Candidate]]) -> Candidate | None:
    return next((candidates[model] for candidates in evidence if model in candidates), None)


def _line(model: str, place: str, reported: Reported | None, measured: Candidate | None) -> Line:
    return Line(
        model,
        place,
        reported,
        measured,
        success=_success(reported, measured),
        latency=_time(reported.latency if reported else None, measured, "latency_ms", "slower", "faster"),
        ttft=_time(reported.ttft if reported else None, measured, "ttft_ms", "first token later", "first token sooner"),
        cost=_cost(reported, measured),
    )


def _success(reported: Reported | None, measured: Candidate | None) -> Figure:
    rate = None if measured is None else measured["success_rate"]
    if reported is None or measured is None or rate is None:
        return Figure(reported.success_rate if reported else None, rate)
    n = measured["n"]
    figure = Figure(reported.success_rate, rate, comparable=min(reported.requests, n) >= _FEWEST)
    ours, theirs = reported.success_ci95, wilson(round(rate * n), n)
    if not figure.comparable or ours is None or theirs is None or abs(reported.success_rate - rate) <= _APART:
        return figure
    if ours[1] < theirs[0]:
        return figure._replace(word="fails more", worse=True)
    return figure._replace(word="fails less" if ours[0] > theirs[1] else "")


def _time(times: Histogram | None, measured: Candidate | None, name: str, more: str, less: str) -> Figure:
    p95 = None if times is None else times.percentile(0.95)
    known = None if measured is None else measured[name]["p95"]
    n = 0 if times is None or measured is None else min(times.n, measured[name]["n"])
    return _ratio(Figure(p95, known), n, more, less)


def _cost(reported: Reported | None, measured: Candidate | None) -> Figure:
    cost = None if reported is None else reported.usd_per_success
    known = None if measured is None else measured["usd_per_success"]
    n = 0 if reported is None or measured is None else min(reported.requests, measured["n"])
    return _ratio(Figure(cost, known), n, "dearer", "cheaper")


def _ratio(figure: Figure, n: int, more: str, less: str) -> Figure:
    if figure.reported is None or figure.measured is None or n < _FEWEST:
        return figure
    if figure.reported > _TIMES * figure.measured:
        return figure._replace(word=more, worse=True, comparable=True)
    return figure._replace(word=less if figure.reported * _TIMES < figure.measured else "", comparable=True)
