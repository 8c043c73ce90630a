"""Fixed evidence under a fixed policy publishes exactly these bytes and stores exactly these figures.

Reasons are left out, since their wording may improve; so is the leaderboard's digest, which is taken over the last bit
of every float. A figure that changes here changes what services fetch: `ARENA_WRITE_GOLDEN=1` writes the files anew.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import time_machine

from evals.models import Attempt, Category, Contender, Generation, Provider, Task
from routing.models import Decision, RoutingTable
from routing.policy.services import save_policy
from routing.publishing.document import serialise
from routing.publishing.publisher import AUTOMATIC, publish
from tests.routing.conftest import CLEAR, FLIPPED, cast

pytestmark = pytest.mark.on_both(because="evidence is computed in SQL")

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 11, 22, 9, 12, tzinfo=UTC)
RULES: dict[str, Any] = {
    "every_category": {
        "gate": {"min_votes": 10, "dwell_hours": 0},
        "limits": {"max_error_rate": 0.2},
        "routes": [
            {"name": "private", "when": {"local_only": True}, "escalate_to": "best"},
            {"name": "fast", "when": {"max_ttft_ms": 400, "needs": ["tools"]}, "escalate_to": "a"},
            {"name": "bulk", "when": {"label": "bulk"}, "objective": "cheapest", "quality_margin": 400},
            {},
        ],
    },
    "categories": {"chat": {"default": "b"}, "mail": {"routes": [{"pin": "c"}]}},
    "default": [{"primary": "a", "fallbacks": ["b", "c"]}],
}


def compare(name: str, found: bytes) -> None:
    path = GOLDEN / name
    if os.environ.get("ARENA_WRITE_GOLDEN"):
        path.write_bytes(found)
    assert found.decode() == path.read_bytes().decode()


@pytest.fixture
def house(db: None) -> dict[str, Category]:
    """Three contenders, measured in two categories of three."""
    hosted = Provider.objects.create(slug="one", name="One", base_url="https://one.example/v1", locality="hosted")
    local = Provider.objects.create(slug="home", name="Home", base_url="http://127.0.0.1:1234/v1", locality="local")
    more: dict[str, dict[str, Any]] = {
        "a": {
            "provider": hosted,
            "tier": 2,
            "capabilities": ["tools", "json"],
            "context_tokens": 128_000,
            "usd_per_mtok_input": Decimal("2.5"),
            "usd_per_mtok_output": Decimal("10.0001"),
        },
        # In the order in which PostgreSQL keeps keys, so that both engines write the same bytes.
        "b": {"provider": hosted, "capabilities": ["tools"], "settings": {"stop": ["\n"], "temperature": 0.2}},
        "c": {"provider": local, "usd_per_mtok_input": Decimal(0), "usd_per_mtok_output": Decimal(0)},
    }
    contenders = [
        Contender.objects.create(slug=slug, family=slug, model_name=f"{slug}-1", **more[slug]) for slug in more
    ]
    categories = {slug: Category.objects.create(slug=slug, name=slug.title()) for slug in ("chat", "code", "mail")}
    for slug in ("chat", "code"):
        for n in range(25):
            checks = [{"type": "json_schema", "schema": {}}] if slug == "code" else []
            task = Task.objects.create(category=categories[slug], digest=f"{slug}-{n:02}", checks=checks)
            for place, contender in enumerate(contenders):
                answer(task, contender, n, place)
    return categories


def answer(task: Task, contender: Contender, n: int, place: int) -> None:
    """Every figure follows from the two numbers: slower and cheaper with each place, an error now and then."""
    failed = n % 13 == place * 3
    passed = [{"type": kind, "ok": n % 7 != place} for kind in ("json_schema", "reference")] if task.checks else []
    fields: dict[str, Any] = {"state": "failed", "error": "timeout"} if failed else {"state": "done", "text": "x"}
    if not failed:
        fields |= {"checks": passed, "ttft_ms": 100 + 37.13 * n * (place + 1) / 3, "latency_ms": 900 + 171.7 * n}
        fields |= {"tokens_out": 20 + n, "refused": n == 5}
        fields |= {"gap_ms_p50": 11.25 + n, "gap_ms_p95": 40 + 3.5 * n * (place + 1)} if place < 2 else {}
    generation = Generation.objects.create(task=task, contender=contender, **fields)
    prices = (Decimal("0.0031"), Decimal("0.0007"), None if n == 3 else Decimal(0))
    Attempt.objects.create(
        generation=generation, n=1, started_at=NOW, error="timeout" if failed else "", cost_usd=prices[place]
    )


def test_the_table_and_what_is_stored_of_it(house: dict[str, Category]):
    with time_machine.travel(NOW, tick=False) as clock:
        save_policy(document=RULES, reason="For the test.")
        cast(house["code"], CLEAR)
        publish(actor=AUTOMATIC)
        clock.move_to(NOW + timedelta(days=2))
        cast(house["code"], FLIPPED)
        cast(house["chat"], {("a", "b"): (9, 4, 1)})
        publish(actor=AUTOMATIC)
    tables = [bytes(table.body) for table in RoutingTable.objects.order_by("version")]
    assert len(tables) == 2
    for version, body in enumerate(tables, 1):
        document = json.loads(body)
        assert serialise(document).data == body
        compare(f"table-{version}.json", serialise(without_words(document)).data)
    decisions = [_stored(one) for one in Decision.objects.order_by("pk")]
    compare("decisions.json", json.dumps(decisions, indent=1, sort_keys=True).encode())


def without_words(document: dict[str, Any]) -> dict[str, Any]:
    for place in (*document["categories"].values(), document["default"]):
        for route in place["routes"]:
            route["reason"] = ""
        if place.get("leaderboard"):
            place["leaderboard"]["digest"] = ""
    return document


def _stored(decision: Decision) -> dict[str, Any]:
    numbers = json.loads(json.dumps(decision.numbers), parse_float=lambda text: round(float(text), 6))
    for route in numbers["routes"].values():
        route["reason"] = ""
    return {
        "category": decision.category,
        "outcome": decision.outcome,
        "from": decision.model_from,
        "to": decision.model_to,
        "numbers": numbers,
        "votes_to_go": decision.votes_to_go,
        "leaderboard": [decision.leaderboard_seq, decision.leaderboard_revision],
        "version": decision.table_id,
    }
