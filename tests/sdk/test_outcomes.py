"""Outcomes go to Arena in batches, once each. Reporting never makes the caller wait, and never fails."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from arena_routing import Router
from tests.processes import wait_until
from tests.sdk.arena_double import Arena, Handler, fails, hangs

MakeRouter = Callable[..., Router]


@pytest.fixture(autouse=True)
def published(arena: Arena) -> None:
    arena.publish(7)


def test_an_outcome_has_the_fields_of_the_contract(arena: Arena, make_router: MakeRouter):
    now = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)
    router = make_router(token="secret", clock=now.timestamp)
    decision = router.route("code")
    router.report(decision, latency_ms=1840.5, ttft_ms=310.0, tokens=412, cost_usd=0.0031)
    router.report(decision, model="small", error="timeout " * 100, latency_ms=float("inf"))
    router.close()
    first, second = arena.outcomes
    assert uuid.UUID(first.pop("id")) != uuid.UUID(second.pop("id"))
    common = {"table_version": 7, "route_id": "code", "category": "code", "at": "2026-11-22T12:00:00.250Z"}
    assert first == common | {
        "model": "big",
        "ok": True,
        "error": None,
        "latency_ms": 1840.5,
        "ttft_ms": 310.0,
        "tokens": 412,
        "cost_usd": 0.0031,
    }
    assert second == common | {
        "model": "small",
        "ok": False,
        "error": ("timeout " * 100)[:200],
        "latency_ms": None,
        "ttft_ms": None,
        "tokens": None,
        "cost_usd": None,
    }


def test_an_odd_outcome_is_made_acceptable(arena: Arena, make_router: MakeRouter):
    """Arena would refuse the whole batch."""
    router = make_router()
    decision = router.route("\0x\ud800" * 100)
    router.report(decision, latency_ms=-1.0, ttft_ms=float("nan"), tokens=10**12, cost_usd=Decimal("0.25"))
    router.close()
    (outcome,) = arena.outcomes
    assert outcome["category"] == "x?" * 100
    assert (outcome["latency_ms"], outcome["ttft_ms"], outcome["tokens"]) == (None, None, None)
    assert outcome["cost_usd"] == 0.25


def report_many(router: Router, count: int) -> None:
    decision = router.route("code")
    for n in range(count):
        router.report(decision, tokens=n)


def test_batches_are_sent_at_intervals_and_full_ones_at_once(arena: Arena, make_router: MakeRouter):
    router = make_router()  # whose interval is an hour
    report_many(router, 200)
    wait_until(lambda: len(arena.outcomes) == 200, "a full batch has gone")
    soon = make_router(outcome_seconds=0.02)
    soon.report(soon.route("chat"))
    wait_until(lambda: len(arena.outcomes) == 201, "a single one has gone after its interval")


def test_many_outcomes_arrive_once_each_in_order_and_in_bounded_batches(arena: Arena, make_router: MakeRouter):
    router = make_router()
    report_many(router, 1234)
    router.close(timeout=30)
    assert [outcome["tokens"] for outcome in arena.outcomes] == list(range(1234))
    assert len({outcome["id"] for outcome in arena.outcomes}) == 1234
    assert max(map(len, arena.batches)) <= 200
    assert router.status().outcomes_dropped == 0


def test_a_server_that_hangs_holds_up_neither_the_caller_nor_the_table(arena: Arena, make_router: MakeRouter):
    called = threading.Event()

    def signals_and_hangs(handler: Handler) -> None:
        called.set()
        hangs(handler)

    arena.behave_on_outcomes = signals_and_hangs
    router = make_router(outcome_capacity=500, timeout=60.0)
    report_many(router, 200)
    assert called.wait(60), "the sender is stuck in a request without an answer"
    report_many(router, 20_000)
    status = router.status()
    assert status.outcomes_waiting == 500
    assert status.outcomes_dropped == 19_500
    arena.publish(8)
    assert router.refresh()
    assert router.route("code").table_version == 8
    router.close(timeout=0.1)
    assert router.status().outcomes_dropped == 20_200, "what could not be sent in time is dropped and counted"


def test_a_full_queue_drops_the_oldest(arena: Arena, make_router: MakeRouter):
    arena.behave_on_outcomes = fails
    router = make_router(outcome_capacity=300)
    report_many(router, 1000)
    arena.behave_on_outcomes = None
    router.close(timeout=30)
    arrived = [outcome["tokens"] for outcome in arena.outcomes]
    # A batch that is being sent is not in the queue: it may arrive, or come back to a queue without room for it.
    assert arrived == sorted(arrived)
    assert arrived[-300:] == list(range(700, 1000))
    assert len(arrived) + router.status().outcomes_dropped == 1000


def test_a_failed_batch_is_sent_again_with_the_same_ids(arena: Arena, make_router: MakeRouter):
    seen: list[list[str]] = []

    def loses_its_answer(handler: Handler) -> None:
        """Arena has the batch, but the client does not learn of it."""
        seen.append(["taken"])
        handler.answer(502, b"")
        if len(seen) == 3:
            arena.behave_on_outcomes = None

    arena.behave_on_outcomes = loses_its_answer
    router = make_router(outcome_seconds=0.02)
    report_many(router, 3)
    wait_until(lambda: arena.outcomes, "the outcomes have arrived")
    assert len(seen) == 3
    assert [outcome["tokens"] for outcome in arena.outcomes] == [0, 1, 2]
    assert router.status().outcomes_dropped == 0


def test_a_refused_batch_does_not_stop_the_next(
    arena: Arena, make_router: MakeRouter, caplog: pytest.LogCaptureFixture
):
    arena.behave_on_outcomes = lambda handler: handler.problem(422, "Outcome 0: no such table.")
    router = make_router()
    report_many(router, 200)
    wait_until(lambda: router.status().outcomes_dropped == 200, "the batch was refused")
    assert "Lost 200 outcomes, which Arena refused with status 422" in caplog.text
    assert "no such table" in caplog.text
    arena.behave_on_outcomes = None
    report_many(router, 1)
    router.close()
    assert len(arena.outcomes) == 1


@pytest.mark.parametrize(
    ("status", "advice"),
    [(403, "lacks the scope outcomes:write."), (401, "is missing, unknown or revoked. Make one with")],
)
def test_an_insufficient_token_is_logged_once_and_nothing_is_lost(
    arena: Arena, make_router: MakeRouter, caplog: pytest.LogCaptureFixture, status: int, advice: str
):
    answers = []

    def forbids(handler: Handler) -> None:
        answers.append(status)
        handler.answer(status, b"")

    arena.behave_on_outcomes = forbids
    router = make_router(outcome_seconds=0.01)
    report_many(router, 5)
    wait_until(lambda: len(answers) >= 3, "it was tried again")
    assert caplog.text.count(f"does not accept them: The answer is {status}. Its token {advice}") == 1
    arena.behave_on_outcomes = None
    wait_until(lambda: len(arena.outcomes) == 5, "they arrived in the end")


def test_an_unreachable_server_is_logged_in_whole_sentences(
    arena: Arena, make_router: MakeRouter, caplog: pytest.LogCaptureFixture
):
    router = make_router()
    report_many(router, 1)
    arena.kill()
    router.close()
    waits, given_up = [record.getMessage() for record in caplog.records if "utcome" in record.getMessage()]
    assert "/routing/outcomes cannot be reached: ConnectError: " in waits
    assert waits.endswith(".")
    assert given_up.startswith("1 outcome could not be reported before closing. ConnectError: ")


def test_reporting_can_be_turned_off(arena: Arena, make_router: MakeRouter):
    router = make_router(report_outcomes=False)
    report_many(router, 500)
    assert router.run(router.route("code"), lambda model: model) == "big"
    router.close()
    assert arena.outcomes == []
    assert router.status().outcomes_waiting == 0


def test_reports_after_closing_are_ignored(arena: Arena, make_router: MakeRouter):
    router = make_router()
    router.close()
    report_many(router, 300)
    assert router.status().outcomes_waiting == 0


def test_many_threads_report_at_once(arena: Arena, make_router: MakeRouter):
    router = make_router(outcome_capacity=100_000, outcome_seconds=0.01)
    threads = [threading.Thread(target=report_many, args=(router, 500)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    router.close(timeout=30)
    assert len({outcome["id"] for outcome in arena.outcomes}) == 4000
