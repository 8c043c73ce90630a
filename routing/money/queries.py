"""The figures of the money page, from the newest table's document, what services reported, and the last switch.

Nothing is measured while somebody waits: what each contender costs stands in the table as it was published.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Sum
from django.utils import timezone

from evals.catalog.queries.categories import category_cards
from routing.models import Decision, OutcomeTally
from routing.money.figures import DAYS_A_MONTH, Range, candidate_cost, cost_per_success, difference
from routing.outcomes.queries import reports
from routing.publishing.queries import table

__all__ = ["REPORTED_DAYS", "Contender", "Money", "Switch", "money_of", "priced_categories"]

REPORTED_DAYS = 30


@dataclass(frozen=True)
class Contender:
    """`a_month` and `per_success` are None where a price is not known."""

    slug: str
    routed: bool
    local: bool
    per_success: Range | None
    a_month: Range | None
    success_rate: float | None
    n: int
    tokens_per_second: float | None


@dataclass(frozen=True)
class Switch:
    """`successes` since then, reported or by the volume; `saved` None: one of the two prices is not known."""

    before: str
    after: str
    at: datetime
    reported: bool
    successes: float
    saved: Range | None


@dataclass(frozen=True)
class Money:
    """`volume` is successes a month: typed, else reported over the days; None: neither. `now` is what the category
    costs a month, `by_outcomes` whether that is what services reported."""

    version: int
    published_at: datetime
    volume: float | None
    typed: bool
    requests: int
    now: Range | None
    by_outcomes: bool
    contenders: tuple[Contender, ...]
    switch: Switch | None


def priced_categories() -> list[tuple[str, str]]:
    """Slugs and names of categories in the newest table. Two queries."""
    newest = table()
    if newest is None:
        return []
    slugs = list(newest.document["categories"])
    names = {card.slug: card.name for card in category_cards()}
    return [(slug, names.get(slug, slug)) for slug in slugs]


def money_of(slug: str, volume: float | None) -> Money | None:
    """None where the newest table has no such category. At most nine queries."""
    newest = table()
    entry = newest.document["categories"].get(slug) if newest else None
    if newest is None or entry is None:
        return None
    routes = {route["id"]: route["primary"] for route in entry["routes"]}
    lines = [
        line.reported
        for route in reports(newest.document, category=slug, days=REPORTED_DAYS).routes.values()
        for line in route.lines
        if line.reported
    ]
    requests, good = sum(one.requests for one in lines), sum(one.succeeded for one in lines)
    monthly = good * DAYS_A_MONTH / REPORTED_DAYS if good else None
    wanted = volume if volume is not None else monthly
    costs = {one["model"]: candidate_cost(one) for one in entry["candidates"]}
    reported = _reported_cost(lines, requests, good)
    per_success = reported if reported is not None else costs.get(_unconditional(entry["routes"]))
    return Money(
        version=newest.line.version,
        published_at=newest.line.published_at,
        volume=wanted,
        typed=volume is not None,
        requests=requests,
        now=per_success.times(wanted) if per_success and wanted is not None else None,
        by_outcomes=reported is not None,
        contenders=_contenders(entry, newest.document["models"], costs, set(routes.values()), wanted),
        switch=_switch(slug, costs, list(routes), wanted),
    )


def _unconditional(routes: list[Mapping[str, Any]]) -> str:
    return str(
        next((route["primary"] for route in routes if not route["when"]), routes[-1]["primary"] if routes else "")
    )


def _reported_cost(lines: list[Any], requests: int, good: int) -> Range | None:
    """Per success; None where a success has no known cost."""
    if not good or any(one.cost_unknown for one in lines):
        return None
    told = sum(one.cost_told for one in lines)
    usd = sum(one.cost_usd for one in lines) * requests / told / good
    return cost_per_success(usd, good / requests, requests)


def _contenders(
    entry: Mapping[str, Any],
    models: Mapping[str, Any],
    costs: Mapping[str, Range | None],
    routed: set[str],
    volume: float | None,
) -> tuple[Contender, ...]:
    """The cheapest first, those without a price last."""
    made = []
    for one in entry["candidates"]:
        slug, cost = one["model"], costs[one["model"]]
        made.append(
            Contender(
                slug=slug,
                routed=slug in routed,
                local=models.get(slug, {}).get("locality") == "local",
                per_success=cost,
                a_month=cost.times(volume) if cost is not None and volume is not None else None,
                success_rate=one.get("success_rate"),
                n=int(one.get("n") or 0),
                tokens_per_second=one.get("tokens_per_second"),
            )
        )
    return tuple(sorted(made, key=lambda one: (one.per_success is None, one.per_success and one.per_success.middle)))


def _switch(slug: str, costs: Mapping[str, Range | None], routes: list[str], volume: float | None) -> Switch | None:
    last = Decision.objects.filter(category=slug, outcome=Decision.Outcome.SWITCHED).exclude(model_to="").first()
    if last is None:
        return None
    now = timezone.now()
    tallies = OutcomeTally.objects.filter(
        day__gte=max(last.created_at.date(), (now - timedelta(days=REPORTED_DAYS)).date()),
        route_id__in=routes,
        model=last.model_to,
    )
    counted = tallies.aggregate(n=Sum("succeeded"))["n"]
    days = (now - last.created_at).total_seconds() / 86_400
    # What was reported is kept by the day, and read for so many days: before them, at the same pace.
    successes = counted * max(days / REPORTED_DAYS, 1.0) if counted else (volume or 0.0) * days / DAYS_A_MONTH
    saved = difference(costs.get(last.model_from), costs.get(last.model_to))
    return Switch(
        before=last.model_from,
        after=last.model_to,
        at=last.created_at,
        reported=bool(counted),
        successes=successes,
        saved=None if saved is None else saved.times(successes),
    )
