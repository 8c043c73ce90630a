"""One generation from claim to row: what is stored, what is asked again, and who may write."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from arena.sealing import seal
from evals.collection.calls import ask_once
from evals.collection.claiming import claim_next, recover_lost, work_is_due
from evals.collection.providers import ProviderError
from evals.collection.providers.errors import NotText
from evals.collection.pump import Pump
from evals.collection.services import settle
from evals.collection.storing import LEASES, CallFailure, Result, store
from evals.models import Attempt, Generation, Provider, Run
from evals.models.generations import ErrorCategory
from tests.servers import ANSWER, DONE, chunk, refuses, says, usage
from tests.suites import collect, collect_all, next_claim, states


def later(seconds=120):
    return timezone.now() + timedelta(seconds=seconds)


def collect_later(seconds=120):
    return collect(next_claim(now=later(seconds)))


def test_an_answer_is_stored_with_its_measurements_and_one_attempt(suite):
    suite.task(checks=[{"type": "contains", "value": "there"}, {"type": "max_chars", "value": 3}])
    suite.run(suite.priced())

    collect_all()

    generation = Generation.objects.get()
    assert (generation.state, generation.text, generation.finish_reason) == ("done", "Hello there.", "stop")
    assert (generation.tokens_in, generation.tokens_out, generation.cost_usd) == (12, 5, Decimal("0.017"))
    assert generation.ttft_ms is not None
    assert generation.latency_ms is not None
    assert 0 < generation.ttft_ms <= generation.latency_ms
    assert [check["ok"] for check in generation.checks] == [True, False]
    assert (generation.lease_token, generation.lease_until) == (None, None)
    attempt = Attempt.objects.get()
    assert (attempt.n, attempt.error, attempt.cost_usd, attempt.status_code) == (1, "", Decimal("0.017"), 200)
    assert attempt.latency_ms == generation.latency_ms


def test_an_unknown_price_is_null(suite):
    suite.task()
    suite.run()

    collect_all()

    assert Generation.objects.get().cost_usd is None
    assert Attempt.objects.get().cost_usd is None


def test_refusals_and_answers_that_name_themselves_are_marked(suite):
    suite.task("Be mean.")
    provider = suite.provider(
        "first", says(chunk("I'm sorry, but I can't help with that."), chunk(finish="stop"), DONE)
    )
    vain = suite.provider("second", says(chunk("As ChatGPT, I say hello."), chunk(finish="stop"), DONE))
    suite.run(suite.contender("one", provider), suite.contender("two", vain))

    collect_all()

    sorry, named = Generation.objects.order_by("pk")
    assert (sorry.refused, sorry.quarantine) == (True, "")
    assert not named.refused
    assert "ChatGPT" in named.quarantine


def test_what_may_pass_is_asked_again_later_and_every_call_is_kept(suite):
    suite.task()
    run = suite.run(suite.priced(provider=suite.provider("flaky", refuses(500, "oops"), says(ANSWER))))

    assert collect_all() == 1
    waiting = Generation.objects.get()
    assert (waiting.state, waiting.error, waiting.error_detail) == ("waiting", "provider_error", "500: oops")
    assert waiting.not_before > timezone.now()
    collect_later()

    assert states(run) == ["done"]
    assert list(Attempt.objects.values_list("n", "error", "status_code", "cost_usd")) == [
        (1, "provider_error", 500, 0),
        (2, "", 200, Decimal("0.017")),
    ]
    assert Generation.objects.get().error == ""


@pytest.mark.parametrize(("status", "calls"), [(500, 4), (401, 1), (404, 1), (400, 1)])
def test_after_enough_attempts_it_has_failed_for_good(suite, status, calls):
    suite.task()
    run = suite.run(suite.contender(provider=suite.provider("bad", refuses(status))))

    for n in range(calls):
        collect_later(3600 * (n + 1))

    generation = Generation.objects.get()
    assert (generation.state, generation.attempts_made) == ("failed", calls)
    assert generation.finished_at is not None
    assert Attempt.objects.count() == calls
    settle()
    run.refresh_from_db()
    assert run.state == Run.State.DONE


def test_an_empty_answer_counts_its_tokens_and_is_asked_twice(suite):
    suite.task()
    empty = says(chunk(finish="length"), usage(12, 5), DONE)
    suite.run(suite.priced(provider=suite.provider("mute", empty)))

    collect_all()
    collect_later()

    assert Generation.objects.get().error == ErrorCategory.EMPTY
    assert list(Attempt.objects.values_list("cost_usd", flat=True)) == [Decimal("0.017")] * 2


def test_a_cut_stream_costs_an_unknown_sum(suite):
    suite.task()
    suite.run(suite.priced(provider=suite.provider("cut", says(chunk("Hel")))))

    collect_all()

    assert Attempt.objects.get().cost_usd is None


def test_a_rate_limit_pauses_its_provider_and_nobody_else(suite):
    suite.tasks(3)
    busy = suite.provider("busy", refuses(429, "slow down", Retry_After="40"))
    run = suite.run(suite.contender("busy", busy), suite.contender("free"))

    assert collect_all() == 4

    busy.refresh_from_db()
    assert busy.paused_until > later(30)
    assert len(suite.servers["busy"].requests) == 1
    assert Generation.objects.filter(contender__slug="free", state="done").count() == 3
    assert not work_is_due()
    assert work_is_due(now=later(60))
    assert states(run).count("waiting") == 3


def test_a_pause_is_never_shortened(suite):
    suite.tasks(2)
    busy = suite.provider("busy", refuses(429, Retry_After="40"), refuses(429, Retry_After="1"))
    suite.run(suite.contender("busy", busy))
    first, second = next_claim(), next_claim()

    collect(first)
    collect(second)

    busy.refresh_from_db()
    assert busy.paused_until > later(30)


def test_a_server_that_is_down_does_not_use_up_everybody_s_attempts(suite):
    suite.tasks(5)
    down = suite.provider("down", lambda talk: None)
    suite.run(suite.contender("one", down))

    assert collect_all() == 1


def test_a_model_that_answers_with_images_is_paid_for_once(suite):
    suite.task()
    run = suite.run(suite.contender())
    claim = next_claim()

    store([Result(claim, CallFailure(NotText("the model's output is an image")))])

    assert states(run) == ["failed"]
    assert Generation.objects.get().error == ErrorCategory.NOT_TEXT
    assert Attempt.objects.get().cost_usd is None


class TestLeases:
    @pytest.mark.on_both(because="a lease is claimed by a conditional UPDATE")
    def test_work_whose_worker_died_is_taken_up_and_the_lost_call_is_kept(self, suite):
        suite.task()
        suite.run()
        lost = next_claim()
        assert claim_next() is None
        assert claim_next(now=later(19)) is None

        claim = next_claim(now=later(21))

        assert claim.generation_id == lost.generation_id
        assert claim.token != lost.token
        attempt = Attempt.objects.get()
        assert (attempt.n, attempt.error, attempt.started_at) == (1, ErrorCategory.LOST, lost.claimed_at)

    @pytest.mark.on_both(because="a lease is claimed by a conditional UPDATE")
    def test_a_worker_believed_dead_writes_nothing(self, suite):
        suite.task()
        run = suite.run()
        dead = next_claim()
        recover_lost(now=later(21))

        assert collect(dead) is False

        assert states(run) == ["waiting"]
        assert Attempt.objects.count() == 1

    def test_nor_while_another_asks_nor_after_it_has_answered(self, suite):
        suite.task()
        suite.run()
        dead, living = next_claim(), next_claim(now=later(21))

        assert collect(dead) is False
        assert collect(living) is True
        assert collect(living) is False
        assert collect(dead) is False

        assert list(Attempt.objects.values_list("n", "error")) == [(1, "lost"), (2, "")]

    def test_a_lease_that_ran_out_unnoticed_may_still_be_used(self, suite):
        suite.task()
        run = suite.run()
        claim = next_claim()
        Generation.objects.update(lease_until=timezone.now() - timedelta(hours=1))

        assert collect(claim) is True
        assert states(run) == ["done"]
        assert Attempt.objects.count() == 1

    def test_a_generation_that_keeps_killing_workers_is_given_up(self, suite):
        suite.task()
        run = suite.run()

        for n in range(12):
            recover_lost(now=later(200 * n))
            assert claim_next(now=later(200 * n + 100)) is not None
        assert claim_next(now=later(3000)) is None

        assert states(run) == ["failed"]
        assert Generation.objects.get().error == ErrorCategory.LOST
        assert Attempt.objects.filter(error=ErrorCategory.LOST).count() == 12

    def test_a_fault_of_our_own_is_paid_for_twice_at_most(self, suite):
        suite.task(checks=7)  # no list of checks at all: nothing that importing would have let through
        run = suite.run()

        Pump().run(until_idle=True)

        assert states(run) == ["waiting"]
        assert list(Attempt.objects.values_list("error", flat=True)) == [ErrorCategory.INTERNAL]

        Generation.objects.update(not_before=timezone.now())
        Pump().run(until_idle=True)

        assert states(run) == ["failed"]
        assert Attempt.objects.count() == 2

    @pytest.mark.on_both(because="a lease is claimed by a conditional UPDATE")
    def test_leases_are_renewed_while_a_call_lasts(self, suite):
        suite.task()
        suite.run()
        claim = next_claim()
        Generation.objects.update(lease_until=timezone.now())

        assert LEASES.renew({claim.token}) == 1

        assert Generation.objects.get().lease_until > later(15)
        recover_lost(now=later(21))
        assert LEASES.renew({claim.token}) == 0


class TestKeys:
    def test_the_key_is_sent_to_its_provider_and_stored_nowhere(self, suite):
        suite.task()
        key = "a-very-secret-key-0123456789"
        server = refuses(401, {"error": {"message": f"Incorrect API key provided: {key}"}})
        provider = suite.provider("strict", server, api_key_encrypted=seal(key))
        suite.run(suite.contender("one", provider))

        collect_all()

        assert suite.servers["strict"].headers[0]["authorization"] == f"Bearer {key}"
        assert key not in Generation.objects.get().error_detail
        assert key not in Attempt.objects.get().error_detail

    def test_a_variable_that_is_not_set_is_named(self, suite, monkeypatch):
        monkeypatch.delenv("SOME_API_KEY", raising=False)
        suite.task()
        provider = suite.provider("strict", api_key_env="SOME_API_KEY")
        suite.run(suite.contender("one", provider))

        collect_all()

        assert Generation.objects.get().error == ErrorCategory.AUTH
        assert "SOME_API_KEY" in Generation.objects.get().error_detail
        assert suite.servers["strict"].requests == []

    def test_a_key_is_not_sent_to_where_a_contender_was_frozen_before_its_provider_moved(self, suite):
        suite.task()
        provider = suite.provider("moving", api_key_encrypted=seal("the-new-key"))
        suite.run(suite.contender("one", provider))
        Provider.objects.update(base_url="https://elsewhere.example/v1")

        collect_all()

        assert suite.servers["moving"].requests == []
        assert "has moved" in Generation.objects.get().error_detail


def test_a_single_call_stores_nothing(suite):
    reply = ask_once(contender=suite.contender(), messages=[{"role": "user", "content": "Hi"}])

    assert reply.text == "Hello there."
    assert not Generation.objects.exists()


def test_a_single_call_raises_what_went_wrong(suite):
    contender = suite.contender(provider=suite.provider("bad", refuses(404, "no such model")))

    with pytest.raises(ProviderError, match="no such model"):
        ask_once(contender=contender, messages=[{"role": "user", "content": "Hi"}])
