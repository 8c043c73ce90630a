"""Where outcomes are shown: the live table, a category, the API; never a zero for what nobody told."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from arena.models import User
from evals.models import Category, Contender, Generation, Task
from routing.outcomes.queries import MOST_DAYS, MOST_OTHERS
from routing.outcomes.report import DIFFERENCE
from routing.publishing.publisher import publish
from tests.routing.conftest import FLIPPED, cast
from tests.routing.outcomes.batches import PATH, an_outcome, bearer, post

pytestmark = pytest.mark.runs_once(
    on="sqlite", because="what pages say; tests/routing/test_links.py opens them on PostgreSQL"
)


@pytest.fixture
def measured(voted: Category) -> None:
    """30 answers of a, each after 1,200 ms."""
    for n in range(30):
        Generation.objects.create(
            task=Task.objects.create(category=voted, digest=str(n).rjust(64, "f")),
            contender=Contender.objects.get(slug="a"),
            state=Generation.State.DONE,
            latency_ms=1200.0,
            ttft_ms=300.0,
            finished_at=timezone.now(),
        )
    publish(actor="Mara")


@pytest.fixture
def viewer(viewer_user: User, client_of: Any) -> Client:
    client: Client = client_of(viewer_user)
    return client


def page(client: Client, path: str = "/routing/") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def report(*outcomes: dict[str, Any]) -> None:
    assert post(list(outcomes), bearer("outcomes:write")).status_code == 200


def test_before_any_report_the_pages_say_so_and_how(viewer: Client, measured: None):
    for path in ("/routing/", "/routing/categories/code/"):
        assert "No service has reported outcomes in the last 7 days." in page(viewer, path)
        assert "POST /api/v1/routing/outcomes" in page(viewer, path)


def test_a_route_shows_what_was_reported_beside_what_was_measured(viewer: Client, measured: None):
    report(*[an_outcome(latency_ms=6000.0) for _ in range(30)], an_outcome(ok=False, error="Timeout"))
    for path in ("/routing/", "/routing/categories/code/"):
        shown = page(viewer, path)
        assert "Reported in 7 days: 31 outcomes, 96.8% succeeded" in shown
        assert "worse than measured" in shown
        assert re.search(r">\s*6\.1 s\s*<", shown), "within 2.5% of 6"
        assert "measured 1.2 s" in shown
        assert ">slower<" in shown
        assert DIFFERENCE in shown, "the rule is on the page"


def test_what_nobody_told_is_no_zero(viewer: Client, measured: None):
    report(an_outcome(latency_ms=None, ttft_ms=None, tokens=None, cost_usd=None))
    shown = page(viewer, "/routing/categories/code/")
    assert shown.count('<span class="faint">not reported</span>') == 3 + 2, "times and cost of a; requests of b and c"
    assert "$0" not in shown
    (route,) = (one for one in reading().json()["routes"] if one["route_id"] == "code")
    first, *others = route["models"]
    assert first["reported"]["latency_ms"] == {"p95": None, "n": 0}
    assert first["reported"]["usd_per_success"] is None
    assert first["measured"]["usd_per_success"] is None
    assert [one["reported"] for one in others] == [None, None]


def test_a_week_is_seven_days_and_no_more(viewer: Client, measured: None):
    now = timezone.now()
    report(*[an_outcome(at=(now - timedelta(days=days)).isoformat()) for days in (0, 6, 7, 20)])
    assert "Reported in 7 days: 2 outcomes" in page(viewer)
    assert reading("?days=8").json()["routes"][0]["models"][0]["reported"]["n"] == 3


def test_who_is_no_longer_in_a_route_and_other_routes_are_told(viewer: Client, measured: None):
    report(an_outcome(model="a-before"), an_outcome(route_id="code-before"), an_outcome(route_id="code-before"))
    assert "not in this route now" in page(viewer)
    assert "2 more were for routes that this version does not have" in page(viewer)
    assert reading().json()["elsewhere"] == 2


def test_a_flood_of_models_is_a_few_lines_and_a_number(viewer: Client, measured: None):
    """Whatever a service writes into `model` by mistake, such as the name of each of its hosts."""
    flood = [an_outcome(model=f"host-{n:03}") for n in range(300)]
    report(*flood, *[an_outcome(model="a-before") for _ in range(3)], an_outcome(model="b"))
    shown = page(viewer)
    assert "Reported in 7 days: 304 outcomes" in shown
    assert shown.count("not in this route now") == MOST_OTHERS + 1
    assert "And 296 more models not in this route now, 296 requests." in shown
    (route,) = (one for one in reading().json()["routes"] if one["route_id"] == "code")
    told = {one["model"]: one for one in route["models"]}
    assert list(told)[3:] == ["a-before", "host-000", "host-001", "host-002", "host-003"]
    assert told["b"]["reported"]["n"] == 1, "a contender has its line, however few its requests"
    assert route["left_out"] == {"models": 296, "requests": 296}


def test_hostile_names_are_escaped(viewer: Client, measured: None):
    report(an_outcome(model="<script>alert(1)</script>"))
    assert "<script>alert(1)" not in page(viewer)
    assert "&lt;script&gt;alert(1)" in page(viewer)


def test_an_earlier_version_shows_none(viewer: Client, measured: None, voted: Category):
    report(an_outcome())
    cast(voted, FLIPPED)
    publish(actor="Mara")
    assert "Reported in 7 days" in page(viewer, "/routing/versions/2/"), "it is the live one"
    assert "Reported" not in page(viewer, "/routing/versions/1/")


def test_the_pages_ask_as_often_for_many_routes_as_for_one(viewer: Client, measured: None, eager: Any):
    def queries(path: str) -> int:
        page(viewer, path)
        with CaptureQueriesContext(connection) as seen:
            page(viewer, path)
        return len(seen)

    report(an_outcome())
    before = queries("/routing/"), queries("/routing/categories/code/")
    names = ("one", "two", "three", "four")
    routes = [{"name": name, "when": {"label": name}} for name in names]
    eager(every_category={"gate": {"min_votes": 3, "dwell_hours": 0}, "routes": [*routes, {"name": ""}]})
    publish(actor="Mara")
    report(*[an_outcome(route_id=f"code-{name}", model=model) for name in names for model in "abc"])
    shown = page(viewer)
    assert shown.count("Reported in 7 days: 3 outcomes") == 4
    # What the page shows of two versions, where there was one, has nothing to do with routes.
    assert queries("/routing/categories/code/") == before[1]
    with CaptureQueriesContext(connection) as seen:
        page(viewer)
    assert sum("routing_outcometally" in query["sql"] for query in seen.captured_queries) == 3


def reading(query: str = "") -> Any:
    answer = Client().get(PATH + query, headers=bearer("routing:read"))
    assert answer.status_code == 200
    return answer


def test_the_api_tells_the_same(measured: None):
    report(*[an_outcome(latency_ms=6000.0) for _ in range(30)])
    told = reading().json()
    assert (told["days"], told["table_version"], told["elsewhere"]) == (7, 1, 0)
    assert told["since"] == (timezone.now().date() - timedelta(days=6)).isoformat()
    assert [(one["route_id"], one["category"]) for one in told["routes"]] == [("code", "code"), ("default", None)]
    first = told["routes"][0]["models"][0]
    assert (first["model"], first["place"], first["differs"]) == ("a", "first", ["slower"])
    assert first["reported"]["latency_ms"] == {"p95": pytest.approx(6000, rel=0.025), "n": 30}
    assert (first["reported"]["success_rate"], first["reported"]["tokens"]) == (1.0, {"total": 12_000, "n": 30})
    assert first["reported"]["usd_per_success"] == pytest.approx(0.002)
    assert first["measured"]["latency_ms"] == {"p95": 1200.0, "n": 30}


def test_the_api_answers_before_the_first_table(db: None):
    report(an_outcome())
    told = reading().json()
    assert (told["table_version"], told["routes"], told["elsewhere"]) == (None, [], 1)


@pytest.mark.parametrize("days", ["0", "32", "366", "seven", "-1"])
def test_days_must_be_some(days: str, db: None):
    answer = Client().get(f"{PATH}?days={days}", headers=bearer("routing:read"))
    assert answer.status_code == 400
    assert "days" in answer.json()["errors"]


def test_a_month_is_read_and_more_is_refused_by_the_limits_name(db: None):
    assert reading(f"?days={MOST_DAYS}").json()["days"] == MOST_DAYS == 31
    answer = Client().get(f"{PATH}?days=32", headers=bearer("routing:read"))
    assert "At most 31 days" in answer.content.decode()
