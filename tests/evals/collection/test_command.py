"""`manage.py collect`."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from evals.models import Contender, Provider, Run, TaskSet
from tests.servers import refuses


def collect(*arguments):
    out, err = io.StringIO(), io.StringIO()
    call_command("collect", "--task-set", "suite", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_it_starts_a_run_of_every_contender_that_can_be_asked(suite):
    suite.tasks(2)
    suite.contender("one")
    suite.contender("old", Provider.objects.create(slug="imported", name="Imported", kind="imported"))

    out, _ = collect("--samples", "2", "--budget", "1.5", "--allow-unknown-costs")

    run = Run.objects.get()
    assert [one.slug for one in run.contenders.all()] == ["one"]
    assert (run.samples, run.budget_usd, run.items.count()) == (2, Decimal("1.5"), 4)
    assert out.startswith(f"Run {run.pk}: suite version 1, 1 contenders, 4 generations, 0 of them")


@pytest.mark.parametrize("arguments", [["--contender", "one", "two"], ["--contender", "one", "--contender", "two"]])
def test_contenders_are_named_in_a_row_or_one_by_one(suite, arguments):
    suite.task()
    for slug in ("one", "two", "three"):
        suite.contender(slug)

    collect(*arguments)

    assert sorted(one.slug for one in Run.objects.get().contenders.all()) == ["one", "two"]


def test_of_each_family_the_newest_revision_is_asked(suite):
    suite.task()
    older = suite.contender("one")
    Contender.objects.create(slug="one@2", family="one", revision=2, provider=older.provider, model_name="one")

    collect()

    assert [one.slug for one in Run.objects.get().contenders.all()] == ["one@2"]


def test_hosted_contenders_are_left_out_of_a_local_only_task_set_unless_named(suite):
    suite.task()
    TaskSet.objects.update(local_only=True)
    suite.contender("one")
    suite.contender("cloudy", suite.provider("cloud", locality="hosted"))

    _, err = collect()

    assert "hosted contenders left out: cloudy" in err
    with pytest.raises(CommandError, match="suite is local_only"):
        collect("--contender", "cloudy")


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--contender", "nobody"], "no contender nobody. Known: one"),
        (["--samples", "0"], "samples"),
        (["--budget", "-1"], "budget"),
        (["--budget", "lots"], "not an amount in dollars"),
        (["--budget", "5"], "not known what one will cost.*--allow-unknown-costs"),
        (["--warm-up", "9"], "between 0 and 5 warm-up calls"),
    ],
)
def test_what_it_refuses(suite, arguments, words):
    suite.task()
    suite.contender("one")

    with pytest.raises(CommandError, match=words):
        collect(*arguments)
    assert not Run.objects.exists()


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_an_unknown_task_set_names_the_known_ones(suite):
    with pytest.raises(CommandError, match=r"no task set 'other'\. Known: suite"):
        call_command("collect", "--task-set", "other")


@pytest.mark.django_db(transaction=True)
def test_here_collects_without_a_worker_and_shows_how_far_it_is(suite):
    suite.tasks(3)
    suite.priced("one")

    out, err = collect("--here", "2", "--warm-up", "0")

    assert "Done: 3 generations, $0.0510 spent" in out
    assert "3 of 3" in err
    assert Run.objects.get().state == Run.State.DONE


@pytest.mark.django_db(transaction=True)
def test_it_fails_if_anything_failed_for_good_and_says_what_helps(suite):
    suite.task()
    suite.contender("one", suite.provider("bad", refuses(401, "bad key")))
    err = io.StringIO()

    with pytest.raises(CommandError, match="1 of 1 generations failed for good"):
        call_command("collect", "--task-set", "suite", "--here", stderr=err, stdout=io.StringIO())

    assert "key refused (one): The provider refused the key" in err.getvalue()
    assert "401: bad key" in err.getvalue()


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
@pytest.mark.django_db(transaction=True)
def test_a_budget_that_is_reached_is_no_success(suite):
    suite.tasks(3)
    suite.priced("one")

    with pytest.raises(CommandError, match="is paused: Its budget"):
        collect("--here", "1", "--budget", "0.01")


def test_an_estimate_starts_nothing_and_says_what_would_be_refused(suite):
    suite.tasks(2)
    suite.contender("one")

    out, _ = collect("--estimate")
    assert "one  2 calls, 0 linked, cost not known" in out
    assert "No price is known for one: its cost cannot be estimated." in out
    with pytest.raises(CommandError, match="would be refused"):
        collect("--dry-run", "--budget", "5")
    assert not Run.objects.exists()
