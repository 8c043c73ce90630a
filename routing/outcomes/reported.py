"""What was reported over some days, route by route of a table, as pages and the API read it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Any

from django.db.models import Sum
from django.utils import timezone

from routing.models import OutcomeTally
from routing.outcomes.comparing import DIFFERENCE, Reported, RouteReport, route_report
from routing.outcomes.histogram import Histogram

__all__ = ["DAYS", "Reports", "reports"]

DAYS = 7

_SUMS = ("requests", "succeeded", "tokens", "tokens_told", "cost_usd", "cost_told", "cost_unknown")


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
    """Of all routes of a table's document, or of one category's. Two queries, however many routes there are."""
    since = timezone.now().astimezone(UTC).date() - timedelta(days=days - 1)
    routes = _routes(document) if document else []
    ids = {route["id"] for _, route in routes}
    asked = [(slug, route) for slug, route in routes if category in (None, slug)]
    found = _reported({route["id"] for _, route in asked}, since)
    counted = OutcomeTally.objects.filter(day__gte=since).exclude(route_id__in=ids).aggregate(n=Sum("requests"))
    evidence = _evidence(document) if document else {}
    made = {
        route["id"]: route_report(
            route, slug, found.get(route["id"], {}), [evidence[key] for key in (slug, "") if key in evidence]
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


def _reported(route_ids: set[str], since: date) -> dict[str, dict[str, Reported]]:
    days: dict[tuple[str, str], list[OutcomeTally]] = defaultdict(list)
    for row in OutcomeTally.objects.filter(route_id__in=route_ids, day__gte=since):
        days[row.route_id, row.model].append(row)
    made: dict[str, dict[str, Reported]] = defaultdict(dict)
    for (route_id, model), rows in days.items():
        made[route_id][model] = _added_up(rows)
    return made


def _added_up(rows: list[OutcomeTally]) -> Reported:
    latency, ttft = Histogram(), Histogram()
    for row in rows:
        latency.merge(Histogram(row.latency))
        ttft.merge(Histogram(row.ttft))
    sums: dict[str, Any] = {name: sum(getattr(row, name) for row in rows) for name in _SUMS}
    return Reported(**sums, latency=latency, ttft=ttft)
