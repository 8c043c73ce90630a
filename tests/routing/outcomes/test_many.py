"""Many days, routes and models: what a read holds in memory, what it leaves out, and that it adds up all the same."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from routing.models import OutcomeTally
from routing.outcomes.queries import MOST_OTHERS, reports
from routing.outcomes.report import LeftOut

pytestmark = [pytest.mark.django_db, pytest.mark.on_both(because="rows are stored in bulk")]

TIMES = {str(key): 2 for key in range(100, 200)}


def document(*route_ids: str) -> dict[str, Any]:
    """A table that sends each route to a, then b."""
    routes = [{"id": one, "primary": "a", "fallbacks": ["b"], "escalate_to": None} for one in route_ids]
    return {"categories": {"code": {"routes": routes}}, "default": {"routes": []}}


def tally(route_ids: Iterable[str], models: Iterable[str], *, days: int = 1, requests: int = 200) -> None:
    """Of each day, route and model `requests`, of which half succeeded."""
    today = timezone.now().date()
    OutcomeTally.objects.bulk_create(
        OutcomeTally(
            day=today - timedelta(days=ago),
            route_id=route_id,
            model=model,
            requests=requests,
            succeeded=requests // 2,
            cost_usd=0.25 * requests,
            cost_told=requests,
            latency=TIMES,
            ttft=TIMES,
        )
        for ago in range(days)
        for route_id in route_ids
        for model in models
    )


def peak(table: dict[str, Any], *, days: int = 7) -> int:
    """Bytes that a read holds at most, beyond what was there before."""
    reports(table, days=days)
    tracemalloc.start()
    try:
        reports(table, days=days)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_month_takes_no_more_memory_than_a_few_days():
    ids = [f"code-{n}" for n in range(20)]
    tally(ids, "ab", days=31)
    assert peak(document(*ids), days=31) < 1.5 * peak(document(*ids), days=5)


def test_thousands_of_models_take_no_more_memory_than_some():
    tally(["code"], "ab", days=7)
    tally(["code"], [f"host-{n}" for n in range(50)], days=7, requests=2)
    some = peak(document("code"))
    tally(["code"], [f"more-{n}" for n in range(2_000)], requests=2)
    assert peak(document("code")) < 1.5 * some


def test_days_add_up():
    tally(["code"], "ab", days=31)
    first, _ = reports(document("code"), days=31).routes["code"].lines
    told = first.reported
    assert told is not None
    assert (told.requests, told.succeeded, told.cost_usd, told.cost_told) == (6200, 3100, 1550.0, 6200)
    assert told.latency.stored() == told.ttft.stored() == dict.fromkeys(TIMES, 62)


def test_more_routes_than_are_read_at_once_add_up():
    ids = [f"code-{n}" for n in range(250)]
    tally(ids, ["a", "before"])
    tally(["gone"], "a", requests=7)
    with CaptureQueriesContext(connection) as seen:
        found = reports(document(*ids))
    assert {key: route.requests for key, route in found.routes.items()} == dict.fromkeys(ids, 400)
    assert (found.requests, found.elsewhere, len(seen)) == (100_000, 7, 5)


def test_what_is_left_out_is_counted_and_told_of_its_own_route():
    tally(["code", "chat"], "ab", days=3, requests=2)
    tally(["code"], [f"host-{n}" for n in range(40)], days=3, requests=10)
    tally(["chat"], [f"host-{n}" for n in range(MOST_OTHERS)], requests=10)
    made = reports(document("code", "chat")).routes
    assert made["code"].left_out == LeftOut(35, 35 * 30, 35 * 15)
    assert (made["code"].requests, made["code"].succeeded) == (40 * 30 + 12, 40 * 15 + 6)
    assert made["chat"].left_out == LeftOut(0, 0, 0), "five others are told, one by one"
    assert [line.model for line in made["chat"].lines] == ["a", "b", *(f"host-{n}" for n in range(MOST_OTHERS))]


def test_of_others_those_with_most_requests_are_told():
    tally(["code"], [f"host-{n}" for n in range(20)], days=2, requests=10)
    tally(["code"], ["before"], requests=500)
    tally(["code"], ["now-and-then"], days=7, requests=4)
    others = [line.model for line in reports(document("code")).routes["code"].lines if line.place == "other"]
    assert others[:2] == ["before", "now-and-then"]
    assert len(others) == MOST_OTHERS
