"""What was reported over some days, route by route of a table, as pages and the API read it.

A `model` is what a service says it is, so a mistake there can make thousands of names on one route. How many are read
is therefore bounded by the table: of names that a route has not, the few most used are chosen in the database, and the
rest is only counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Any

import msgspec
from django.db.models import Count, F, Q, QuerySet, Sum, TextField, Window
from django.db.models.functions import Cast, RowNumber
from django.utils import timezone

from routing.models import OutcomeTally
from routing.outcomes.histogram import Histogram
from routing.outcomes.report import DIFFERENCE, LeftOut, Reported, RouteReport, contenders, route_report

__all__ = ["DAYS", "MOST_DAYS", "MOST_OTHERS", "Reports", "reports"]

DAYS = 7
# Read while somebody waits: of a hundred routes, half a second.
MOST_DAYS = 31
# A route's contenders change by one or two a version: who served it lately, and a wrong name or two.
MOST_OTHERS = 5

# SQLite takes a thousand alternatives in one expression.
_ROUTES_AT_ONCE = 100
# A row has kilobytes of histograms.
_CHUNK = 200
_SUMS = ("requests", "succeeded", "tokens", "tokens_told", "cost_usd", "cost_told", "cost_unknown")
# Of a read most is decoding these; as texts they take half as long.
_TIMES = (Cast("latency", TextField()), Cast("ttft", TextField()))
_COUNTS = msgspec.json.Decoder(dict[str, int])

Models = Mapping[str, Collection[str]]  # by route id


@dataclass(frozen=True)
class Reports:
    """By route id. `since` is the first of the `days`, UTC, today being the last; `elsewhere` counts requests on
    routes that the table has not, as services with an older one send them."""

    days: int
    since: date
    routes: Mapping[str, RouteReport]
    elsewhere: int
    difference: str = DIFFERENCE

    @property
    def requests(self) -> int:
        return sum(route.requests for route in self.routes.values())


def reports(document: Mapping[str, Any] | None, *, category: str | None = None, days: int = DAYS) -> Reports:
    """Of all routes of a table's document, or of one category's. Three queries for up to a hundred routes, and one
    more where a route has more other models than are told; memory is that of the answer, however many days."""
    since = timezone.now().astimezone(UTC).date() - timedelta(days=days - 1)
    tallies = OutcomeTally.objects.filter(day__gte=since)
    routes = _routes(document) if document else []
    counted = tallies.exclude(route_id__in=[route["id"] for _, route in routes]).aggregate(n=Sum("requests"))
    asked = [(slug, route) for slug, route in routes if category in (None, slug)]
    named = {route["id"]: contenders(route).keys() for _, route in asked}
    others = _others(tallies, named)
    found = _reported(tallies, {key: [*models, *others[key][:MOST_OTHERS]] for key, models in named.items()})
    left_out = _left_out(tallies, {key for key, models in others.items() if len(models) > MOST_OTHERS}, found)
    evidence = _evidence(document) if document else {}
    made = {
        route["id"]: route_report(
            route,
            slug,
            found[route["id"]],
            [evidence[key] for key in (slug, "") if key in evidence],
            left_out.get(route["id"], LeftOut()),
        )
        for slug, route in asked
    }
    return Reports(days, since, made, counted["n"] or 0)


def _routes(document: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Each with its category, which is empty for the default's."""
    entries = [*document["categories"].items(), ("", document["default"])]
    return [(slug, route) for slug, entry in entries for route in entry["routes"]]


def _evidence(document: Mapping[str, Any]) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Candidates by model: each category's, and the pooled under the empty text."""
    entries = [*document["categories"].items(), ("", document["default"])]
    return {slug: {one["model"]: one for one in entry.get("candidates", ())} for slug, entry in entries}


def _others(tallies: QuerySet[OutcomeTally], named: Models) -> dict[str, list[str]]:
    """By route, who else served it, by requests: one more than MOST_OTHERS where there are that many."""
    made: dict[str, list[str]] = {key: [] for key in named}
    # Those a route names may stand before them. Leaving them out here would hold every row against every route.
    enough = MOST_OTHERS + 1 + max(map(len, named.values()), default=0)
    used = tallies.filter(route_id__in=named).values("route_id", "model").annotate(n=Sum("requests"))
    place = Window(RowNumber(), partition_by="route_id", order_by=[F("n").desc(), "model"])
    ranked = used.annotate(place=place).filter(place__lte=enough).order_by("route_id", "place")
    for key, model in ranked.values_list("route_id", "model"):
        if model not in named[key]:
            made[key].append(model)
    return made


class _Sum:
    def __init__(self) -> None:
        self._figures: list[Any] = [0] * len(_SUMS)
        self._latency, self._ttft = Histogram(), Histogram()

    def add(self, figures: list[Any], latency: str, ttft: str) -> None:
        self._figures = [held + more for held, more in zip(self._figures, figures, strict=True)]
        self._latency.merge(Histogram(_COUNTS.decode(latency)))
        self._ttft.merge(Histogram(_COUNTS.decode(ttft)))

    def reported(self) -> Reported:
        return Reported(**dict(zip(_SUMS, self._figures, strict=True)), latency=self._latency, ttft=self._ttft)


def _reported(tallies: QuerySet[OutcomeTally], wanted: Models) -> dict[str, dict[str, Reported]]:
    """Row by row into sums: as many as there are lines, not days of them."""
    sums: dict[str, dict[str, _Sum]] = {key: defaultdict(_Sum) for key in wanted}
    for some in _few_at_once(wanted):
        for key, model, *figures, latency, ttft in (
            tallies.filter(some).values_list("route_id", "model", *_SUMS, *_TIMES).iterator(_CHUNK)
        ):
            sums[key][model].add(figures, latency, ttft)
    return {key: {model: one.reported() for model, one in by_model.items()} for key, by_model in sums.items()}


def _few_at_once(wanted: Models) -> Iterator[Q]:
    keys = list(wanted)
    for start in range(0, len(keys), _ROUTES_AT_ONCE):
        some = Q()
        for key in keys[start : start + _ROUTES_AT_ONCE]:
            some |= Q(route_id=key, model__in=wanted[key])
        yield some


def _left_out(
    tallies: QuerySet[OutcomeTally], crowded: Collection[str], found: Mapping[str, Mapping[str, Reported]]
) -> dict[str, LeftOut]:
    """Totals of the models not listed. Queried after them, so nothing is negative."""
    if not crowded:
        return {}
    whole = tallies.filter(route_id__in=crowded).values("route_id")
    sums = whole.annotate(models=Count("model", distinct=True), n=Sum("requests"), good=Sum("succeeded"))
    return {
        key: LeftOut(
            models - len(found[key]),
            n - sum(one.requests for one in found[key].values()),
            good - sum(one.succeeded for one in found[key].values()),
        )
        for key, models, n, good in sums.values_list("route_id", "models", "n", "good")
    }
