"""Measured evidence: what counts, what is unknown, and that nothing unknown reads as 0."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import timezone

from evals.leaderboards.evidence import evidence, recent_evidence
from evals.leaderboards.measurements import Hallucination
from evals.models import Attempt, Contender, Generation, Provider, Task
from evals.ratings import wilson
from tests.evals.voting.casting import category

pytestmark = [pytest.mark.django_db, pytest.mark.on_both(because="aggregates")]

SCHEMA = {"type": "json_schema", "schema": {}}


@pytest.fixture
def code():
    return category("code")


@pytest.fixture
def basalt():
    provider = Provider.objects.create(slug="quarry", name="Quarry", base_url="https://quarry.example/v1")
    return Contender.objects.create(slug="basalt", family="basalt", provider=provider, model_name="b")


def answer(contender, category, task, *, asked=(), attempts=(("0.001", ""),), **fields):
    """A generation with one attempt for each (cost, error)."""
    task, _ = Task.objects.get_or_create(category=category, digest=task, defaults={"checks": list(asked)})
    generation = Generation.objects.create(task=task, contender=contender, **{"state": "done", "text": "x"} | fields)
    for n, (cost, error) in enumerate(attempts, 1):
        Attempt.objects.create(
            generation=generation, n=n, started_at=timezone.now(), error=error, cost_usd=cost and Decimal(cost)
        )
    return generation


def test_nothing_measured_is_nobody(code):
    assert evidence("code") == {}


def test_without_checks_success_is_completion(code, basalt):
    answer(basalt, code, "1")
    answer(basalt, code, "2", state="failed", error="timeout")
    seen = evidence("code")["basalt"]
    assert (seen.n, seen.success_rate, seen.success_basis, seen.error_rate) == (2, 0.5, "completion", 0.5)


def test_with_checks_all_must_pass(code, basalt):
    passed, missed = {"type": "json_schema", "ok": True}, {"type": "contains", "ok": False}
    answer(basalt, code, "1", asked=[SCHEMA], checks=[passed])
    answer(basalt, code, "2", asked=[SCHEMA, {}], checks=[passed, missed])
    seen = evidence("code")["basalt"]
    assert (seen.success_rate, seen.success_basis, seen.schema_ok_rate) == (0.5, "checks", 1.0)


def test_a_failed_answer_to_a_checked_task_is_still_on_the_basis_of_checks(code, basalt):
    answer(basalt, code, "1", asked=[SCHEMA], state="failed", error="empty")
    seen = evidence("code")["basalt"]
    assert (seen.success_rate, seen.success_basis, seen.schema_ok_rate) == (0.0, "checks", None)


def test_one_task_without_checks_makes_it_completion(code, basalt):
    answer(basalt, code, "1", asked=[SCHEMA], checks=[{"type": "json_schema", "ok": True}])
    answer(basalt, code, "2")
    assert evidence("code")["basalt"].success_basis == "completion"


def test_only_the_newest_finished_take_counts(code, basalt):
    answer(basalt, code, "1", take=1, latency_ms=900)
    answer(basalt, code, "1", take=2, latency_ms=100)
    answer(basalt, code, "1", take=3, state="waiting", attempts=())
    seen = evidence("code")["basalt"]
    assert (seen.n, seen.latency_ms.p50) == (1, 100)


def test_what_is_not_finished_does_not_count(code, basalt):
    answer(basalt, code, "1", state="waiting", attempts=())
    assert evidence("code") == {}


def test_cost_counts_every_call_and_divides_by_successes(code, basalt):
    answer(basalt, code, "1", attempts=(("0.002", "cut_stream"), ("0.004", "")))
    answer(basalt, code, "2", state="failed", error="timeout", attempts=(("0.003", "timeout"),))
    assert evidence("code")["basalt"].usd_per_success == pytest.approx(0.009)


def test_one_unknown_price_makes_the_cost_unknown(code, basalt):
    answer(basalt, code, "1")
    answer(basalt, code, "2", attempts=((None, ""),))
    assert evidence("code")["basalt"].usd_per_success is None


def test_a_call_that_was_refused_costs_nothing(code, basalt):
    answer(basalt, code, "1", attempts=(("0", "rate_limit"), ("0.004", "")))
    assert evidence("code")["basalt"].usd_per_success == pytest.approx(0.004)


def test_a_call_that_broke_uncounted_is_taken_to_cost_what_answers_do(code, basalt):
    answer(basalt, code, "1", attempts=((None, "cut_stream"), ("0.004", "")))
    answer(basalt, code, "2", attempts=(("0.002", ""),))
    assert evidence("code")["basalt"].usd_per_success == pytest.approx((0.004 + 0.002 + 0.003) / 2)


def test_without_a_success_there_is_no_cost_of_one(code, basalt):
    answer(basalt, code, "1", state="failed", error="timeout", attempts=(("0.003", "timeout"),))
    assert evidence("code")["basalt"].usd_per_success is None


def test_quantiles_are_by_nearest_rank_and_say_of_how_many(code, basalt):
    for n in range(20):
        answer(basalt, code, f"{n}", ttft_ms=100 * (n + 1), latency_ms=None if n % 2 else 1000.0, tokens_out=50)
    seen = evidence("code")["basalt"]
    assert (seen.ttft_ms.p50, seen.ttft_ms.p95, seen.ttft_ms.n) == (1000, 1900, 20)
    assert seen.latency_ms.n == 10
    assert seen.tokens_per_second == pytest.approx(50)


def test_nothing_measured_has_no_quantiles(code, basalt):
    answer(basalt, code, "1")
    seen = evidence("code")["basalt"]
    assert (seen.latency_ms.p95, seen.latency_ms.n, seen.tokens_per_second) == (None, 0, None)


def test_refusals_are_a_share_of_what_was_answered(code, basalt):
    answer(basalt, code, "1", refused=True)
    answer(basalt, code, "2")
    answer(basalt, code, "3", state="failed", error="filtered")
    assert evidence("code")["basalt"].refusal_rate == 0.5


def test_wrong_answers_are_a_share_of_those_that_were_answered(code, basalt):
    right, wrong = ({"type": "reference", "ok": ok, "detail": ""} for ok in (True, False))
    plain = {"type": "max_chars", "ok": False}
    planted = [(right, False)] * 6 + [(wrong, False)] * 2 + [(wrong, True)] * 2
    for n, (check, refused) in enumerate(planted):
        answer(basalt, code, f"{n}", checks=[check, plain], refused=refused)
    answer(basalt, code, "unchecked", checks=[plain])
    answer(basalt, code, "failed", state="failed", error="timeout")
    seen = evidence("code")["basalt"].hallucination
    assert (seen.rate, seen.n, seen.refusal_rate) == (0.25, 8, 0.2)
    assert seen.ci95 == wilson(2, 8)


def test_samples_of_a_task_that_agree_count_as_one(code, basalt):
    for n in range(8):
        for sample in (1, 2, 3):
            ok = n >= 2
            answer(basalt, code, f"{n}", sample=sample, checks=[{"type": "reference", "ok": ok, "detail": ""}])
    seen = evidence("code")["basalt"].hallucination
    assert (seen.rate, seen.n, seen.ci95) == (0.25, 24, pytest.approx(wilson(2, 8)))


def test_without_a_reference_check_nothing_is_known_of_wrong_answers(code, basalt):
    answer(basalt, code, "1")
    assert evidence("code")["basalt"].hallucination == Hallucination()


def test_gaps_are_those_of_answers_that_streamed(code, basalt):
    for n in range(20):
        answer(basalt, code, f"{n}", gap_ms_p50=10 + n, gap_ms_p95=100 + n, latency_ms=500, tokens_out=5)
    answer(basalt, code, "whole", latency_ms=900)
    seen = evidence("code")["basalt"]
    assert (seen.gap_ms.p50, seen.gap_ms.p95, seen.gap_ms.n, seen.timed) == (19, 118, 20, 20)


def test_pooled_is_over_all_categories(code, basalt):
    answer(basalt, code, "1")
    answer(basalt, category("prose"), "2")
    assert evidence("prose")["basalt"].n == 1
    assert evidence(None)["basalt"].n == 2


def test_a_page_reads_it_again_only_when_something_ended(code, basalt, django_assert_num_queries):
    answer(basalt, code, "1", asked=[SCHEMA], checks=[{"type": "json_schema", "ok": True}])
    assert recent_evidence("code") == evidence("code")
    with django_assert_num_queries(1):
        assert recent_evidence("code")["basalt"].n == 1
    begun = answer(basalt, code, "2", state="waiting", attempts=())
    with django_assert_num_queries(1):
        assert recent_evidence("code")["basalt"].n == 1
    Generation.objects.filter(pk=begun.pk).update(state="done", finished_at=timezone.now())
    assert recent_evidence("code") == evidence("code")
    assert recent_evidence("code")["basalt"].n == 2
    assert recent_evidence("prose") == {}


def test_concurrency_is_the_median_of_answered_calls(code, basalt):
    for n, in_flight in enumerate((2, 8, 8, None)):
        answer(basalt, code, str(n)).attempts.update(in_flight=in_flight)
    answer(basalt, code, "broken", attempts=[(None, "connection")]).attempts.update(in_flight=90)
    assert evidence("code")["basalt"].in_flight == 8


def test_costs_add_up_over_calls_at_different_concurrency(code, basalt):
    for n, in_flight in enumerate((2, 8)):
        answer(basalt, code, str(n)).attempts.update(in_flight=in_flight)
    assert evidence("code")["basalt"].usd_per_success == pytest.approx(0.001)
