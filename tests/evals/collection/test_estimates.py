"""What a run would ask, cost and take, before it starts."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from evals.collection.concurrency import Concurrency, median_of_counts
from evals.collection.services import RunError, change_budget, estimate, resume
from evals.models import Attempt, Generation, Provider, Run
from tests.servers import DONE, chunk, says
from tests.suites import collect_all

pytestmark = pytest.mark.django_db


def answer(task, contender, **fields):
    fields = {"state": "done", "text": "x", "tokens_in": 100, "tokens_out": 50, "latency_ms": 2000.0} | fields
    return Generation.objects.create(task=task, contender=contender, **fields)


def test_calls_are_those_that_are_missing_and_nothing_is_written(suite):
    one, two, three, four = suite.tasks(4)
    priced = suite.priced()
    answer(one, priced)
    answer(two, priced, state="failed", error="auth")
    Generation.objects.create(task=three, contender=priced)
    lease = {"lease_token": uuid4(), "lease_until": timezone.now()}
    Generation.objects.create(task=four, contender=priced, state="running", **lease)

    found = estimate(version=suite.version, contenders=[priced], warm_up_calls=None)

    [row] = found.rows
    assert (row.calls, row.linked, row.under_way, row.warm_up_calls) == (2, 1, 1, 1)
    assert estimate(version=suite.version, contenders=[priced], fresh=True).calls == 4
    assert estimate(version=suite.version, contenders=[priced], samples=2).calls == 6
    assert not Run.objects.exists()
    assert priced.used_at is None


def test_cost_follows_from_measured_lengths_at_todays_price(suite):
    one, *_ = suite.tasks(4)
    priced = suite.priced(usd="2")
    answer(one, priced, cost_usd=Decimal(99), cost_source="contender")

    [row] = estimate(version=suite.version, contenders=[priced]).rows

    assert row.usd == 3 * Decimal("0.0003")
    assert row.basis == "1 answer elsewhere"


def test_a_provider_that_tells_its_cost_is_believed(suite):
    one, *_ = suite.tasks(2)
    told = suite.contender()
    answer(one, told, cost_usd=Decimal("0.5"), cost_source="provider")
    found = estimate(version=suite.version, contenders=[told], budget_usd=Decimal(1))
    assert (found.usd, found.problem) == (Decimal("0.5"), "")


def test_one_that_was_never_asked_is_as_long_as_others_and_not_timed(suite):
    one, *_ = suite.tasks(2)
    answer(one, suite.contender("other"))
    found = estimate(version=suite.version, contenders=[suite.priced("new", usd="2")])
    [row] = found.rows
    assert (row.usd, row.basis, row.seconds) == (2 * Decimal("0.0003"), "others' answers here", None)
    assert (found.seconds, found.seconds_known) == (None, False)


def test_time_is_that_of_the_slowest_provider_within_its_limits(suite):
    tasks = suite.tasks(12)
    wide, narrow = suite.provider("wide", max_concurrency=10), suite.provider("narrow", requests_per_minute=5)
    one, two = suite.contender("one", wide), suite.contender("two", narrow)
    for contender in (one, two):
        for task in tasks[:2]:
            answer(task, contender)

    assert estimate(version=suite.version, contenders=[one]).seconds == 2
    found = estimate(version=suite.version, contenders=[one, two])
    assert (found.seconds, found.slowest, found.seconds_known) == (120, "narrow", True)


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_each_turn_of_a_conversation_is_a_call(suite):
    single, *_ = suite.tasks(2)
    talk = [{"role": "user", "content": "One."}, {"role": "assistant"}, {"role": "user", "content": "Two."}]
    suite.task(messages=talk)
    longer = suite.task(messages=[*talk, {"role": "assistant"}, talk[0]])
    priced = suite.priced(usd="2")
    # Four answers of one length, in two generations.
    answer(single, priced)
    answer(longer, priced, turns=[{}] * 3, tokens_in=300, tokens_out=150, latency_ms=6000.0)

    [row] = estimate(version=suite.version, contenders=[priced], fresh=True).rows
    assert (row.generations, row.calls, row.linked) == (4, 7, 0)
    assert (row.usd, row.seconds) == (7 * Decimal("0.0003"), 14.0)
    [row] = estimate(version=suite.version, contenders=[priced]).rows
    assert (row.generations, row.linked) == (2, 2)


def test_an_unknown_price_is_told_and_a_budget_over_it_is_refused_without_consent(suite):
    suite.task()
    one = suite.contender()
    found = estimate(version=suite.version, contenders=[one], budget_usd=Decimal(5))
    assert (found.usd, found.usd_known, found.rows[0].usd) == (0, False, None)
    assert "No price is known for one: its cost cannot be estimated." in found.warnings
    assert "a budget of $5.00 cannot be kept" in found.problem
    with pytest.raises(RunError, match="cannot be kept") as refused:
        suite.run(one, budget_usd=Decimal(5))
    assert refused.value.field == "allow_unknown_costs"
    agreed = estimate(version=suite.version, contenders=[one], budget_usd=Decimal(5), allow_unknown_costs=True)
    assert agreed.problem == ""
    assert "The budget does not count one." in agreed.warnings


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_what_is_not_known_of_several_is_said_once_and_rests_on_nothing(suite):
    suite.task()
    found = estimate(version=suite.version, contenders=[suite.contender("one"), suite.contender("two")])
    assert found.warnings == (
        "No price is known for one and two: their costs cannot be estimated.",
        "one and two were not timed yet.",
    )
    assert [row.basis for row in found.rows] == ["", ""]


class TestUnknownCostsDuringARun:
    """The provider counts no tokens, which nobody could know before."""

    @pytest.fixture
    def silent(self, suite):
        suite.tasks(3)
        return suite.priced(provider=suite.provider("silent", says(chunk("Hello."), chunk(finish="stop"), DONE)))

    @pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
    def test_the_run_pauses_and_says_whose_cost_is_not_known(self, suite, silent):
        run = suite.run(silent, budget_usd=Decimal(5))
        assert collect_all() == 1
        run.refresh_from_db()
        assert run.state == Run.State.PAUSED
        assert run.reason.startswith("It is not known what an answer of one cost")
        with pytest.raises(RunError, match="cannot be kept"):
            change_budget(run=run, budget_usd=Decimal(6))

        change_budget(run=run, budget_usd=Decimal(6), allow_unknown_costs=True)
        resume(run=run)
        assert collect_all() == 2

    def test_without_a_budget_it_goes_on(self, suite, silent):
        suite.run(silent)
        assert collect_all() == 3

    def test_what_is_free_costs_nothing_however_long(self, suite, silent):
        silent.usd_per_mtok_input = silent.usd_per_mtok_output = 0
        silent.save()
        suite.run(silent, budget_usd=Decimal(5))
        assert collect_all() == 3
        assert set(Attempt.objects.values_list("cost_usd", "cost_source")) == {(0, "contender")}


@pytest.mark.parametrize(
    ("medians", "differs", "words"),
    [
        ([4, None, 8], False, "4 to 8 calls at once"),
        ([4, 9], True, "4 to 9 calls at once"),
        ([1, 1], False, "one call at a time"),
        ([None], False, ""),
    ],
)
def test_latencies_compare_within_a_factor_of_two(medians, differs, words):
    found = Concurrency.of(medians)
    assert (found.differs, found.words) == (differs, words)
    assert median_of_counts({1: 2, 5: 3}) == 5
    assert median_of_counts({}) is None


class TestPages:
    def form(self, **more):
        return {"version": "suite", "contenders": ["one"], "samples": "2"} | more

    def test_the_page_shows_an_estimate_before_anything_is_ticked(self, suite, client_of, editor_user):
        suite.tasks(3)
        suite.contender()
        page = client_of(editor_user).get(reverse("evals:run-new")).content.decode()
        assert "No price is known for one" in page
        assert "This run would be refused" not in page

    @pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
    def test_htmx_and_the_button_both_estimate_and_start_nothing(self, suite, client_of, editor_user):
        suite.tasks(3)
        suite.contender()
        client = client_of(editor_user)
        for address, more in ((reverse("evals:run-estimate"), {}), (reverse("evals:run-new"), {"estimate": "1"})):
            page = client.post(address, self.form(budget_usd="5", **more)).content.decode()
            assert "<b>6</b>" in page
            assert "This run would be refused." in page
        incomplete = client.post(reverse("evals:run-estimate"), {"version": "suite"})
        assert "The form is not complete" in incomplete.content.decode()
        assert not Run.objects.exists()

    def test_a_run_takes_what_was_typed(self, suite, client_of, editor_user):
        suite.task()
        suite.contender()
        data = self.form(budget_usd="5", allow_unknown_costs="on", warm_up_calls="3")
        client_of(editor_user).post(reverse("evals:run-new"), data)
        run = Run.objects.get()
        assert (run.budget_usd, run.allow_unknown_costs, run.warm_up_calls) == (5, True, 3)

    def test_a_viewer_may_not(self, client_of, viewer_user):
        assert client_of(viewer_user).post(reverse("evals:run-estimate")).status_code == 403
        assert not Provider.objects.exists()
