"""Who publishes holds the lock for moments: looked and measured is before it, and what moved meanwhile is seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from evals.models import Category
from routing.models import Publication, RoutingTable
from routing.publishing import publisher
from routing.publishing.freezing import freeze
from routing.publishing.publisher import publish, rollback
from tests.routing.conftest import FLIPPED, cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.on_both(because="publishers wait for a row")]

EVIDENCE = ("evals_generation", "evals_attempt")


@contextmanager
def watched(each: Callable[[str], None]) -> Iterator[None]:
    """Calls `each` before every statement."""

    def call(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        each(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(call):
        yield


@contextmanager
def queries_by_lock() -> Iterator[tuple[list[str], list[str]]]:
    """Statements outside any transaction, and those between the lock and the commit."""
    free: list[str] = []
    held: list[str] = []

    def sort(sql: str) -> None:
        (held if connection.in_atomic_block else free).append(sql)

    with watched(sort):
        yield free, held


@contextmanager
def while_measuring(move: Callable[[], None]) -> Iterator[None]:
    """`move` happens each time that generations are about to be read without the lock."""
    moving = False

    def each(sql: str) -> None:
        nonlocal moving
        if EVIDENCE[0] in sql and not connection.in_atomic_block and not moving:
            moving = True
            move()
            moving = False

    with watched(each):
        yield


def evidence_in(statements: list[str]) -> list[str]:
    return [sql for sql in statements if any(table in sql for table in EVIDENCE)]


def live() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(bytes(RoutingTable.objects.order_by("-version")[0].body))
    return loaded


def test_no_evidence_is_read_between_the_lock_and_the_commit(voted: Category, eager: Any):
    eager(every_category={"gate": {"min_votes": 3, "dwell_hours": 0}, "objective": "cheapest"})
    with queries_by_lock() as (free, held):
        assert publish(actor="Mara").published
    assert evidence_in(free)
    assert any("routing_routingtable" in sql and sql.startswith("INSERT") for sql in held)
    assert not evidence_in(held)
    assert not [sql for sql in held if '"evals_leaderboard"."result"' in sql]


def test_a_rollback_measures_without_the_lock_too(voted: Category):
    publish(actor="Mara")
    cast(voted, FLIPPED)
    publish(actor="Mara")
    with queries_by_lock() as (free, held):
        assert rollback(to=1, reason="b is too slow.", actor="Mara").version == 3
    assert evidence_in(free)
    assert not evidence_in(held)


def test_votes_ranked_while_looking_are_in_the_table(voted: Category):
    def once() -> None:
        if voted.leaderboards.count() == 1:
            cast(voted, FLIPPED)

    with while_measuring(once):
        publish(actor="Mara")
    assert live()["version"] == 1
    assert live()["categories"]["code"]["leaderboard"]["votes"] == 955


def test_a_freeze_while_looking_keeps_the_table_back(voted: Category):
    def move() -> None:
        freeze(reason="Launch week.", actor="Jonas")

    with while_measuring(move):
        result = publish(actor="Mara")
    assert not result.published
    assert "Launch week." in result.frozen
    assert RoutingTable.objects.count() == 0


def test_another_publisher_while_looking_leaves_nothing_to_do(voted: Category):
    others: list[publisher.PublishResult] = []

    def other() -> None:
        if not others:
            others.append(publish(actor="Jonas"))

    with while_measuring(other):
        result = publish(actor="Mara")
    assert (result.published, result.version) == (False, 1)
    assert [one.published for one in others] == [True]
    assert Publication.objects.get().newest == 1


def test_what_moves_at_every_look_is_looked_at_under_the_lock(voted: Category):
    rounds: list[int] = []

    def move() -> None:
        rounds.append(1)
        cast(voted, {("a", "b"): (1, 0, 0)})

    with while_measuring(move):
        assert publish(actor="Mara").published
    assert live()["categories"]["code"]["leaderboard"]["votes"] == 315 + len(rounds)
    assert len(rounds) >= publisher.ROUNDS
