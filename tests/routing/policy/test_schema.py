"""What is declared once shows everywhere: each field can be asked for, refused and shown; each limit and condition has
what it is compared with."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from routing.policy.describe import chips
from routing.policy.forms import ROUTE, RULES
from routing.policy.kinds import Choice, Flag, Kind, Many, Number, rules_of
from routing.policy.parse import parse
from routing.policy.schema import (
    BUDGETS,
    CONDITIONS,
    FACTS,
    LIMITS,
    CategoryRules,
    Complexity,
    Document,
    FixedRoute,
    Gate,
    Limits,
    RouteRules,
    When,
)
from routing.publishing.schema import table_schema
from routing.publishing.selection import WORKED_OUT
from tests.sdk.test_same_as_arena import CONDITIONS as OF_THE_CLIENT

DOCS = Path(__file__).resolve().parents[3] / "docs" / "routing.md"
RECORDS = (Document, CategoryRules, Gate, Limits, RouteRules, When, FixedRoute, Complexity)


def example(kind: Kind) -> Any:
    if isinstance(kind, Many):
        return [example(kind.item)]
    if isinstance(kind, Number):
        return 1
    if isinstance(kind, Flag):
        return True
    return next(iter(kind.words)) if isinstance(kind, Choice) else "word"


@pytest.mark.parametrize("record", RECORDS)
def test_every_field_is_declared_with_its_words(record: Any):
    assert [one.name for one in fields(record)] == list(rules_of(record))
    for one in rules_of(record).values():
        assert one.label
        assert one.expected.startswith("Write ")


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_is_compared_with_a_figure_that_tables_publish(name: str):
    binds = LIMITS[name].binds
    published = table_schema()["$defs"]["model" if binds.of == "model" else "candidate"]["properties"]
    for step in binds.figure.split("."):
        assert step in published
        published = published[step].get("properties", {})


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_asks_for_what_callers_may_say_or_texts_show(name: str):
    assert CONDITIONS[name].asks.fact in {*FACTS, *WORKED_OUT}
    assert CONDITIONS[name].asks.binds in {"", *LIMITS}


def test_budgets_are_what_a_caller_may_pay_and_wait_for():
    assert {name: binds.figure for name, binds in BUDGETS.items()} == {
        "max_ttft_ms": "ttft_ms.p95",
        "max_latency_ms": "latency_ms.p95",
        "max_usd": "usd_per_success",
    }


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_is_in_the_forms_and_is_shown(name: str):
    assert any(f"limits.{name}" in group.rules for group in RULES)
    assert any(f"limits.{name}" in group.rules for group in ROUTE)
    limits = {name: example(LIMITS[name].kind)}
    parse({"every_category": {"limits": limits, "routes": [{"limits": limits}]}})


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_is_in_the_forms_and_is_shown(name: str):
    assert any(f"when.{name}" in group.rules for group in ROUTE)
    when = {name: example(CONDITIONS[name].kind)}
    route = parse({"every_category": {"routes": [{"when": when}]}}).every_category.routes[0]
    (chip,) = chips(route.when.as_dict())
    assert chip.value == CONDITIONS[name].shown(when[name])


@pytest.mark.parametrize("name", [*CONDITIONS, *rules_of(Gate)])
def test_the_documentation_tells_of_it(name: str):
    assert f"`{name}`" in DOCS.read_text(encoding="utf-8")


def test_the_client_is_tried_with_every_condition():
    untried = CONDITIONS.keys() - OF_THE_CLIENT.keys()
    assert not untried, f"add {untried} to CONDITIONS of tests/sdk/test_same_as_arena.py, and to the client"
