"""The client of `sdk/` in front of Arena itself: what is published arrives, is believed, and decides alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_django.live_server_helper import LiveServer

from arena.models import ApiToken
from arena_routing import AllModelsFailed, ConfigurationError, NoEligibleModel, NoTable, Router
from evals.models import Category
from routing.models import ReportedOutcome
from routing.publishing.publisher import publish
from tests.routing.conftest import FLIPPED, cast
from tests.routing.outcomes.batches import assert_tallies_are_a_recount

ASKS: list[dict[str, Any]] = [
    {"category": "code"},
    {"category": "poetry", "prompt": "Roses are red."},
    {"category": "code", "local_only": True},
    {"category": "code", "max_latency_ms": 100, "max_usd": 0.01},
    {"category": "code", "needs": ["telepathy"]},
]


@pytest.fixture
def token(transactional_db: None) -> str:
    _, key = ApiToken.objects.create_key(name="service", scopes=["routing:read"])
    return key


@pytest.fixture
def router(live_server: LiveServer, token: str, voted: Category, tmp_path: Path) -> Iterator[Router]:
    """Its keys handed over beforehand, as the README has it; nothing is published yet."""
    keys = httpx.get(f"{live_server.url}/api/v1/routing/keys", headers=bearer(token), trust_env=False)
    with Router(
        live_server.url,
        token=token,
        public_keys=keys.content,
        cache_dir=tmp_path,
        poll_seconds=3600,
        report_outcomes=False,
        timeout=60,
    ) as made:
        yield made


@pytest.fixture
def reporter(live_server: LiveServer, voted: Category) -> Iterator[Router]:
    """Reports too, when it is told to end; version 1 is published."""
    publish(actor="Mara")
    _, key = ApiToken.objects.create_key(name="shop", scopes=["routing:read", "outcomes:write"])
    keys = httpx.get(f"{live_server.url}/api/v1/routing/keys", headers=bearer(key), trust_env=False)
    with Router(
        live_server.url,
        token=key,
        public_keys=keys.content,
        poll_seconds=3600,
        outcome_seconds=3600,
        timeout=60,
    ) as made:
        yield made


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_from_nothing_to_the_newest_version(router: Router, voted: Category):
    with pytest.raises(NoTable, match=r"manage\.py publish"):
        router.route("code")
    publish(actor="Mara")
    assert router.refresh()
    assert not router.refresh()
    first = router.route("code")
    assert (first.table_version, first.model, first.stale) == (1, "a", False)
    assert first.target.base_url == "https://one.example/v1"
    cast(voted, FLIPPED)
    publish(actor="Mara")
    assert router.refresh()
    assert router.route("code").model == "b"
    assert router.status().problem == ""


def test_keys_fetched_without_a_token_are_recognised_as_arenas_refusal(live_server: LiveServer):
    saved = httpx.get(f"{live_server.url}/api/v1/routing/keys", trust_env=False).text
    with pytest.raises(
        ConfigurationError, match=r"not its keys: 401 Unauthorized\. .*routing:read.* curl -f "
    ) as caught:
        Router(live_server.url, public_keys=saved)
    assert f"{live_server.url}/api/v1/routing/keys, and pass" in str(caught.value)


def test_the_client_decides_as_select_does(router: Router, live_server: LiveServer, token: str):
    publish(actor="Mara")
    router.refresh()
    for ask in ASKS:
        answer = httpx.post(
            f"{live_server.url}/api/v1/routing/select", json=ask, headers=bearer(token), trust_env=False
        )
        if answer.status_code == 422:
            with pytest.raises(NoEligibleModel):
                router.route(**ask)
            continue
        theirs, ours = answer.json(), router.route(**ask)
        assert dict(ours.target) == theirs.pop("target")
        assert {name: getattr(ours, name) for name in theirs} == {
            name: tuple(value) if isinstance(value, list) else value for name, value in theirs.items()
        }


def test_a_revoked_token_is_told_and_the_table_goes_on(router: Router, token: str):
    publish(actor="Mara")
    router.refresh()
    ApiToken.objects.update(revoked=True)
    router.refresh()
    assert "401" in router.status().problem
    assert router.route("code").model == "a"


def test_outcomes_arrive_in_the_database(reporter: Router):
    decision = reporter.route("code")
    assert reporter.run(decision, lambda model: f"{model} says", measure=lambda _: {"tokens": 12, "cost_usd": 0.5})
    with pytest.raises(AllModelsFailed):
        reporter.run(decision, lambda model: 1 / 0)
    reporter.report(reporter.route("\0 no category"), latency_ms=-1.0)
    reporter.close(timeout=60)
    assert reporter.status().outcomes_dropped == 0
    served, odd = ReportedOutcome.objects.get(tokens=12), ReportedOutcome.objects.get(category=" no category")
    assert (served.model, served.ok, served.cost_usd, served.reported_by) == (decision.model, True, 0.5, "token shop")
    assert (served.table_version, served.route_id, served.category) == (1, "code", "code")
    assert served.latency_ms is not None
    failed = ReportedOutcome.objects.filter(ok=False, error="ZeroDivisionError")
    assert sorted(row.model for row in failed) == sorted([decision.model, *decision.fallbacks])
    assert (odd.ok, odd.latency_ms) == (True, None)
    assert ReportedOutcome.objects.count() == 2 + len(failed)
    assert_tallies_are_a_recount()
