"""Statements return what the ORM returns, for any values and on any connection."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from arena.models import User
from arena.statements import Insert, Statement, Update
from evals.models import Ballot, Battle, Generation, Ledger
from evals.voting.reviewers import reviewer_of
from tests.evals.voting.conftest import World

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.on_both(because="each engine is handed values in its own form"),
]

_OF = Statement(
    lambda tasks, state: Generation.objects.filter(task__pk__in=tasks, state=state).order_by("pk"), lists=("tasks",)
)


@pytest.fixture
def world() -> World:
    return World().fill(contenders=2, tasks=5)


def test_it_finds_what_the_query_finds_whatever_the_length_of_a_list(world: World) -> None:
    tasks = sorted(set(Generation.objects.values_list("task_id", flat=True)))
    assert len(tasks) == 5
    for n in range(1, 6):
        for state in ("done", "failed"):
            wanted = list(Generation.objects.filter(task__in=tasks[:n], state=state).order_by("pk"))
            found = _OF.rows(tasks=tasks[:n], state=state)
            assert found == wanted
            assert [(one.text, one.tool_calls, one.created_at, one.contender_id) for one in found] == [
                (one.text, one.tool_calls, one.created_at, one.contender_id) for one in wanted
            ]


def test_related_rows_come_with_it(world: World) -> None:
    statement = Statement(lambda pk: Generation.objects.select_related("task__category").filter(pk=pk))
    one = Generation.objects.first()
    assert one is not None
    (found,) = statement.rows(pk=one.pk)
    assert found.task.category == world.category
    assert found.task.messages == one.task.messages


def test_the_sql_of_a_second_call_is_that_of_the_first(
    world: World, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    with django_assert_num_queries(2) as asked:  # type: ignore[operator]
        _OF.rows(tasks=[1, 2], state="done")
        _OF.rows(tasks=[3, 4], state="failed")
    # Of a prepared statement the log has the places of its values.
    one, other = (re.sub(r"\$\d+", "?", query["sql"]) for query in asked.captured_queries)
    assert one.replace("1", "3").replace("2", "4").replace("done", "failed") == other


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite has no list of prepared statements")
def test_postgresql_prepares_one_statement_whatever_the_size_of_its_numbers(world: World) -> None:
    statement = Statement(lambda pk, take: Generation.objects.filter(pk=pk, take=take).order_by("-created_at", "pk"))
    pk = world.tasks[0].generations.values_list("pk", flat=True)[0]
    for given in (pk, 70_000, 5_000_000_000, pk):
        found = [one.pk for one in statement.rows(pk=given, take=1)]
        assert found == list(Generation.objects.filter(pk=given, take=1).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%created_at%DESC%'")
        assert cursor.fetchone() == (1,)


def test_times_are_compared_and_stored_as_the_fields_do(world: World) -> None:
    now = timezone.now()
    mark = Update(
        lambda category, before: Ledger.objects.filter(category=category).exclude(count_enqueued_at__gte=before),
        "count_enqueued_at",
    )
    pk, minute = world.category.pk, timedelta(minutes=1)
    assert mark.run(category=pk, before=now, count_enqueued_at=now) == 1  # it was null
    assert mark.run(category=pk, before=now - minute, count_enqueued_at=now + minute) == 0
    assert Ledger.objects.get(category=pk).count_enqueued_at == now
    assert mark.run(category=pk, before=now + minute, count_enqueued_at=None) == 1
    assert Ledger.objects.get(category=pk).count_enqueued_at is None


def test_an_insert_returns_the_row_that_is_there_or_nothing(world: World, reviewer_user: User) -> None:
    battles, ballots = Insert(Battle, same=("task_id", "lo_id", "hi_id")), Insert(Ballot)
    lo, hi = Generation.objects.filter(task=Generation.objects.earliest("pk").task).order_by("pk")[:2]
    first = battles.run(Battle(task=lo.task, lo=lo, hi=hi))
    assert first is not None
    assert battles.run(Battle(task=lo.task, lo=lo, hi=hi)) == first
    assert Battle.objects.get().pk == first

    def ballot() -> Ballot:
        return Ballot(
            battle_id=first,
            category=world.category,
            reviewer=reviewer_of(reviewer_user),
            left="lo",
            reserved_until=timezone.now(),
            dimensions={"tone": "left"},
        )

    wanted = ballot()
    assert ballots.run(wanted) is not None
    assert ballots.run(ballot()) is None
    stored = Ballot.objects.get()
    assert (stored.token, stored.reserved_until, stored.dimensions, stored.reasons, stored.state) == (
        wanted.token,
        wanted.reserved_until,
        {"tone": "left"},
        [],
        "open",
    )


@pytest.mark.django_db(transaction=True)
def test_threads_ask_at_once_for_different_rows(world: World) -> None:
    by_id = Statement(lambda pk: Generation.objects.filter(pk=pk).values_list("text", flat=True))
    texts = dict(Generation.objects.values_list("pk", "text"))

    def asked(pk: int) -> str:
        try:
            return by_id.rows(pk=pk)[0]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        wanted = list(texts) * 20
        assert list(pool.map(asked, wanted)) == [texts[pk] for pk in wanted]
