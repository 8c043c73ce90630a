"""What the run page is told."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from evals.collection.queries.runs import LATENCIES, Progress, run_list, run_progress, run_view
from evals.collection.services import change_budget, settle
from evals.models import Attempt, Generation, Run
from tests.servers import ANSWER, refuses, says
from tests.suites import collect, collect_all, next_claim


def viewed(run):
    return run_view(Run.objects.select_related("version__task_set", "started_by").get(pk=run.pk))


@pytest.fixture
def busy(suite):
    """Four tasks. `one`: three answers, one call in flight. `two`: one failed for good, one to be retried, one in
    flight, one waiting."""
    suite.tasks(4)
    two = suite.contender("two", suite.provider("bad", refuses(401), refuses(500, "oops")))
    run = suite.run(suite.priced("one"), two)
    claims = [next_claim() for _ in range(7)]
    change_budget(run=run, budget_usd=Decimal(1), allow_unknown_costs=True)
    for claim in claims[:5]:
        collect(claim)
    return run


def test_figures_rows_and_causes(busy):
    view = viewed(busy)

    one, two = view.rows
    assert one.progress == Progress(total=4, done=3, in_flight=1)
    assert two.progress == Progress(total=4, failed=1, retrying=1, in_flight=1, waiting=1)
    assert view.progress == run_progress(busy) == one.progress + two.progress
    assert (one.spent_usd, two.spent_usd) == (Decimal("0.051"), 0)
    assert (view.spent_usd, view.budget_usd, view.unpriced) == (Decimal("0.051"), 1, ())
    assert one.pace_per_minute > 0
    assert one.latency_p95_ms > 0
    assert two.latency_p95_ms is None


def test_causes_are_grouped_and_say_what_helps(busy):
    retrying, failed = viewed(busy).causes

    assert (retrying.error, retrying.state, retrying.calls, retrying.can_retry) == (
        "provider_error",
        "retrying",
        1,
        False,
    )
    assert retrying.detail == "500: oops"
    assert (failed.error, failed.state, failed.contenders, failed.can_retry) == ("auth", "failed", ("two",), True)
    assert "Type it again" in failed.advice


def test_a_retry_says_that_it_heals_by_itself(suite):
    suite.task()
    run = suite.run(suite.contender("one", suite.provider("slow", refuses(429, "busy", Retry_After="40"))))
    collect_all()

    view = viewed(run)

    (cause,) = view.causes
    assert (cause.error, cause.state, cause.label, cause.can_retry) == ("rate_limited", "retrying", "rate limit", False)
    assert cause.advice == "The provider asked for a pause. Arena continues after it."
    assert cause.next_try_at > timezone.now() + timedelta(seconds=30)
    assert view.rows[0].slowed == "rate limit"
    assert (view.done_in, view.last_contender) == (None, "")


def test_no_price_is_said_not_summed(suite):
    suite.tasks(2)
    run = suite.run(suite.contender("one"), suite.priced("two"))
    collect_all()

    view = viewed(run)

    assert view.unpriced == ("one",)
    assert [row.spent_usd for row in view.rows] == [None, Decimal("0.034")]
    assert view.expected_usd == Decimal("0.034")


def test_the_expected_end_is_what_is_left_at_the_pace_and_price_so_far(suite):
    suite.tasks(4)
    run = suite.run(suite.priced())
    assert viewed(run).expected_usd is None
    collect(next_claim())

    view = viewed(run)

    assert view.expected_usd == Decimal("0.068")
    assert view.last_contender == "one"
    assert view.done_in.total_seconds() == pytest.approx(3 * 60 / view.pace_per_minute)
    assert view.done_at > timezone.now()


def test_what_was_linked_is_done_but_neither_spent_nor_paced(suite):
    suite.tasks(2)
    one = suite.priced()
    suite.run(one)
    collect_all()
    suite.task()

    view = viewed(suite.run(one))

    assert (view.progress.done, view.progress.linked, view.progress.waiting) == (2, 2, 1)
    assert (view.spent_usd, view.pace_per_minute) == (0, None)


def test_a_finished_run_expects_nothing_more(suite):
    suite.task()
    run = suite.run(suite.priced())
    collect_all()
    settle()

    view = viewed(run)

    assert (view.state, view.done_in, view.progress.share_done, view.causes) == ("done", None, 1.0, ())
    assert not view.active


def test_latency_is_that_of_the_newest_answers(suite):
    suite.task()
    run = suite.run(suite.contender("one"), suite.contender("two"))
    for generation, old in zip(Generation.objects.order_by("pk"), (9000, 7000), strict=True):
        latencies = [old] * 100 + [100] * LATENCIES
        Attempt.objects.bulk_create(
            Attempt(generation=generation, n=n, started_at=timezone.now(), latency_ms=latency)
            for n, latency in enumerate(latencies, 1)
        )
    assert [row.latency_p95_ms for row in viewed(run).rows] == [100, 100]


def test_the_number_of_queries_does_not_grow(suite, django_assert_max_num_queries):
    suite.tasks(10)
    run = suite.run(suite.priced("one"), suite.priced("two"), suite.priced("three"))
    collect_all()
    run = Run.objects.select_related("version__task_set", "started_by").get(pk=run.pk)

    with django_assert_max_num_queries(9):
        run_view(run)


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_the_list_of_runs(suite, django_assert_num_queries):
    suite.tasks(2)
    one = suite.contender("one", suite.provider("bad", refuses(401), says(ANSWER)))
    first, second = suite.run(one), suite.run(one, fresh=True)
    collect_all()

    with django_assert_num_queries(2):
        lines = run_list()

    assert [line.id for line in lines] == [second.pk, first.pk]
    assert [(line.done, line.failed, line.total) for line in lines] == [(2, 0, 2), (1, 1, 2)]
    assert (lines[0].task_set, lines[0].version, lines[0].contenders) == ("suite", 1, 1)
