"""What a run links, what it asks for, and what it refuses before anything is sent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import timezone

from evals.collection.services import LocalOnlyError, RunError, rerun, start_run
from evals.models import Contender, Generation, Provider, Run, TaskSet, TaskSetItem, TaskSetVersion
from evals.models.generations import ErrorCategory
from tests.servers import ANSWER, refuses, says
from tests.suites import collect_all, states


def test_every_task_is_asked_of_every_contender_as_often_as_wanted(suite):
    suite.tasks(3)
    run = suite.run(suite.contender("one"), suite.contender("two"), samples=2)

    assert run.items.count() == Generation.objects.count() == 12
    assert run.state == Run.State.COLLECTING
    assert set(Generation.objects.values_list("take", flat=True)) == {1}


def test_two_external_ids_of_one_task_are_asked_once(suite):
    task = suite.task()
    TaskSetItem.objects.create(version=suite.version, task=task, external_id="again", position=99)

    assert suite.run().items.count() == 1


def test_a_task_known_only_by_its_id_is_left_out(suite):
    asked = suite.task()
    suite.task("bare", messages=[])

    run = suite.run()

    assert [item.generation.task for item in run.items.all()] == [asked]


def test_claims_go_task_by_task_across_contenders(suite):
    """So that the first pair to vote on is there after two calls."""
    suite.tasks(2)
    suite.run(suite.contender("one"), suite.contender("two"), samples=2)

    order = Generation.objects.order_by("pk").values_list("sample", "task__items__position", "contender__slug")

    assert list(order) == [
        (1, 0, "one"), (1, 0, "two"), (1, 1, "one"), (1, 1, "two"),
        (2, 0, "one"), (2, 0, "two"), (2, 1, "one"), (2, 1, "two"),
    ]  # fmt: skip


def test_contenders_are_frozen_by_their_first_run(suite):
    suite.task()
    contender = suite.contender()
    suite.run(contender)

    contender.refresh_from_db()

    assert contender.used_at is not None
    assert contender.base_url == suite.servers["local"].base_url


def test_a_plain_run_links_what_exists_and_asks_for_what_is_missing(suite):
    suite.tasks(2)
    one = suite.contender("one")
    first = suite.run(one)
    collect_all()
    suite.task()

    second = suite.run(one, suite.contender("two"))

    assert second.items.count() == 6
    assert second.items.filter(linked=True).count() == 2
    assert first.items.filter(linked=True).count() == 0
    assert collect_all() == 4


def test_a_run_with_nothing_left_to_ask_is_done_at_once(suite):
    suite.task()
    one = suite.contender("one")
    suite.run(one)
    collect_all()

    again = suite.run(one)

    assert (again.state, again.reason) == (Run.State.DONE, "Everything had already been collected.")
    assert again.finished_at is not None


def test_a_fresh_run_asks_for_everything_as_the_next_take(suite):
    suite.tasks(2)
    one = suite.contender("one")
    suite.run(one)
    collect_all()

    fresh = suite.run(one, fresh=True)

    assert collect_all() == 2
    assert set(fresh.items.values_list("generation__take", "linked")) == {(2, False)}
    assert Generation.objects.count() == 4


def test_a_plain_run_after_a_fresh_one_links_the_newest_take(suite):
    suite.task()
    one = suite.contender("one")
    for fresh in (False, True):
        suite.run(one, fresh=fresh)
        collect_all()

    assert set(suite.run(one).items.values_list("generation__take", flat=True)) == {2}


def test_a_plain_run_asks_again_for_what_had_failed_for_good(suite):
    suite.task()
    one = suite.contender("one", suite.provider("shy", refuses(401), says(ANSWER)))
    assert (suite.run(one), collect_all(), states(Run.objects.get()))[1:] == (1, ["failed"])

    second = suite.run(one)

    assert collect_all() == 1
    assert states(second) == ["done"]
    assert Generation.objects.get().attempts.count() == 2


def test_runs_share_what_they_both_want(suite):
    suite.tasks(2)
    one = suite.contender("one")
    first, second = suite.run(one), suite.run(one)

    assert Generation.objects.count() == 2
    assert collect_all() == 2
    assert states(first) == states(second) == ["done", "done"]


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_rerun_takes_the_newest_version_and_revisions(suite):
    suite.task()
    old, gone = suite.contender("one"), suite.contender("two")
    budget = {"budget_usd": Decimal(5), "allow_unknown_costs": True}
    run = suite.run(old, gone, samples=2, warm_up_calls=2, **budget)
    new = Contender.objects.create(
        slug="one@2", family="one", revision=2, provider=old.provider, model_name="one", settings={"temperature": 1}
    )
    Contender.objects.filter(pk=gone.pk).update(retired_at=timezone.now())
    version = TaskSetVersion.objects.create(task_set=suite.task_set, n=2, sha256="1" * 64)
    for item in suite.version.items.all():
        TaskSetItem.objects.create(version=version, task=item.task, external_id="x", position=0)

    again = rerun(run=run)

    assert (again.version, list(again.contenders.all()), again.samples) == (version, [new], 2)
    assert (again.budget_usd, again.allow_unknown_costs, again.warm_up_calls) == (5, True, 2)


class TestRefused:
    @pytest.fixture(autouse=True)
    def nothing_is_written(self, suite):
        suite.task()
        yield
        assert not Run.objects.exists()
        assert not Generation.objects.filter(error="").exists()

    def test_hosted_contenders_of_a_local_only_task_set(self, suite):
        TaskSet.objects.update(local_only=True)
        suite.task_set.refresh_from_db()
        hosted = suite.contender("cloudy", suite.provider("cloud", locality=Provider.Locality.HOSTED))

        with pytest.raises(LocalOnlyError, match=r"suite is local_only .* cloudy \(cloud\)"):
            suite.run(suite.contender("one"), hosted)
        assert suite.servers["cloud"].requests == []

    def test_hosted_contenders_where_one_task_is_also_in_a_local_only_set(self, suite):
        secret = TaskSet.objects.create(slug="secret", name="Secret", local_only=True)
        version = TaskSetVersion.objects.create(task_set=secret, n=1, sha256="2" * 64)
        task = suite.version.items.get().task
        TaskSetItem.objects.create(version=version, task=task, external_id="1", position=0)
        hosted = suite.contender("cloudy", suite.provider("cloud", locality=Provider.Locality.HOSTED))

        with pytest.raises(LocalOnlyError, match=r"\(secret\).* cloudy"):
            suite.run(hosted)

    @pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
    def test_a_task_that_was_once_local_only(self, suite):
        suite.version.tasks.update(local_only=True)
        hosted = suite.contender("cloudy", suite.provider("cloud", locality=Provider.Locality.HOSTED))

        with pytest.raises(LocalOnlyError):
            suite.run(hosted)

    def test_contenders_whose_outputs_were_imported(self, suite):
        imported = Provider.objects.create(slug="imported", name="Imported", kind=Provider.Kind.IMPORTED)

        with pytest.raises(RunError, match="collected elsewhere"):
            suite.run(suite.contender("old", imported))

    def test_retired_contenders(self, suite):
        with pytest.raises(RunError, match="retired"):
            suite.run(suite.contender("old", retired_at=timezone.now()))

    def test_a_version_whose_tasks_are_all_known_only_by_their_ids(self, suite):
        suite.version.tasks.update(messages=[])

        with pytest.raises(RunError, match="from imported votes: there is nothing to ask"):
            suite.run()

    @pytest.mark.parametrize(
        "options", [{"samples": 0}, {"samples": 21}, {"budget_usd": Decimal(0)}, {"budget_usd": Decimal(-1)}]
    )
    def test_numbers_out_of_range(self, suite, options):
        with pytest.raises(RunError):
            suite.run(**options)

    def test_nobody_to_ask(self, suite):
        with pytest.raises(RunError, match="at least one contender"):
            start_run(version=suite.version, contenders=[])


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_task_set_that_became_local_only_after_the_start_is_not_sent(suite):
    suite.task()
    provider = suite.provider("cloud", locality=Provider.Locality.HOSTED)
    run = suite.run(suite.contender("cloudy", provider))
    TaskSet.objects.update(local_only=True)

    collect_all()

    assert suite.servers["cloud"].requests == []
    assert states(run) == ["failed"]
    generation = Generation.objects.get()
    assert generation.error == ErrorCategory.NOT_ALLOWED
    assert "local_only" in generation.error_detail
    assert "cloud" in generation.error_detail
