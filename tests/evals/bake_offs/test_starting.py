"""A bake-off asks everything afresh, on its schedule, and new models of a provider join it by a rule."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.db.models.signals import pre_save
from django.db.utils import IntegrityError

from arena.errors import FieldError
from evals.bake_offs import chores
from evals.catalog.services.contenders import ContenderFields, save_contender
from evals.models import BakeOff, BakeOffRound, Contender, Generation, Provider, Run, RunItem, TaskSet
from tests.evals.bake_offs.conftest import DEAR, answer, bake, due, end, lists, report, rule, set_up

pytestmark = pytest.mark.django_db


def models(run: Run) -> list[str]:
    return sorted(run.contenders.values_list("slug", flat=True))


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_it_asks_everything_again_of_the_newest_revisions(task_set: TaskSet, contender: Contender, provider: Provider):
    set_up(task_set, warm_up_calls=1)
    first = bake(task_set)
    assert (first.fresh, first.warm_up_calls, models(first)) == (True, 1, ["old"])
    answer(first)
    end(first)
    contender.refresh_from_db()
    fields = ContenderFields(provider=provider, model_name="old", settings={"seed": 1})
    save_contender(slug="old", contender=contender, fields=fields)

    second = bake(task_set, 1)
    assert models(second) == ["old@2"]
    answer(second)
    end(second)
    third = bake(task_set, 2)
    assert not RunItem.objects.filter(run=third, linked=True).exists()
    assert set(Generation.objects.filter(run_items__run=third).values_list("take", flat=True)) == {2}


@pytest.mark.on_both(because="two race for the same rows")
def test_a_chore_that_comes_again_starts_nothing_more_even_after_its_run_ended(task_set, contender):
    set_up(task_set)
    at = due(0)
    assert chores.bake_off(task_set.pk, due=at) == f"Number 1: run {Run.objects.get().pk} started."
    end(Run.objects.get())

    assert chores.bake_off(task_set.pk, due=at) == "Started before, as number 1."
    assert (Run.objects.count(), BakeOffRound.objects.count()) == (1, 1)


def test_it_does_not_start_beside_a_run_under_way_and_its_report_says_so(task_set, contender):
    set_up(task_set)
    bake(task_set)
    assert bake(task_set, 1) is None

    found = report()
    assert (found["state"], found["run"]) == ("not_started", None)
    assert "still collecting" in found["reason"]


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_one_without_anybody_to_ask_says_why(task_set):
    set_up(task_set)
    assert bake(task_set) is None
    assert "There is no contender that may be asked." in report()["reason"]


def test_all_asks_who_was_added_since_and_same_does_not(task_set, contender, provider):
    set_up(task_set)
    end(bake(task_set))
    fields = ContenderFields(provider=provider, model_name="added", settings={})
    save_contender(slug="added", fields=fields)
    second = bake(task_set, 1)
    assert models(second) == ["old"]
    end(second)
    set_up(task_set, contenders=BakeOff.Contenders.ALL)
    assert models(bake(task_set, 2)) == ["added", "old"]


def test_a_run_of_one_contender_in_between_does_not_shrink_it(task_set, contender, provider):
    save_contender(slug="second", fields=ContenderFields(provider=provider, model_name="second", settings={}))
    set_up(task_set)
    end(bake(task_set))
    lone = Run.objects.create(version=task_set.versions.get(), state=Run.State.DONE)
    lone.contenders.set([contender])
    assert models(bake(task_set, 1)) == ["old", "second"]


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_newcomer_joins_from_the_providers_list(task_set, contender, provider, listing):
    lists(provider, listing("old", "new-1", {"id": "dear", "pricing": DEAR}, {"id": "odd"}, "new-2", "text-embedding"))
    set_up(task_set, **rule(provider, include="*", exclude="*-2"))

    run = bake(task_set)

    assert models(run) == ["new-1", "old"]
    joined = Contender.objects.get(slug="new-1")
    assert (joined.provider, joined.usd_per_mtok_input) == (provider, Decimal("0.2"))
    answer(run)
    end(run)
    found = report(run)
    assert [(one["model"], one["joined_by_rule"]) for one in found["contenders"]] == [("new-1", True), ("old", False)]
    kept = {one["model_name"]: one["reason"] for one in found["kept_out"]}
    assert "over the limit" in kept["dear"]
    assert "price is not known" in kept["odd"]
    assert set(kept) == {"dear", "odd"}


def test_each_joins_once_and_stays(task_set, contender, provider, listing):
    lists(provider, listing("old", "fresh"))
    set_up(task_set, **rule(provider))
    for week in range(3):
        run = bake(task_set, week)
        assert models(run) == ["fresh", "old"]
        end(run)
    assert Contender.objects.count() == 2


def test_a_retired_newcomer_does_not_come_back(task_set, contender, provider, listing):
    lists(provider, listing("old", "fresh"))
    set_up(task_set, **rule(provider))
    run = bake(task_set)
    end(run)
    Contender.objects.filter(slug="fresh").update(retired_at=run.created_at)
    assert models(bake(task_set, 1)) == ["old"]


@pytest.mark.on_both(because="what is stored as JSON is compared")
def test_models_that_were_listed_already_are_not_new(task_set, contender, provider, listing):
    lists(provider, listing("old", "there-before"))
    set_up(task_set, **rule(provider, only_newly_listed=True))
    run = bake(task_set)
    answer(run)
    end(run)
    assert models(run) == ["old"]
    assert report(run)["list"]["first_look"] is True
    lists(provider, listing("old", "there-before", "came-later"))
    assert models(bake(task_set, 1)) == ["came-later", "old"]


def test_a_provider_that_gives_no_list_keeps_nobody_from_being_asked(task_set, contender, provider):
    set_up(task_set, **rule(provider))
    run = bake(task_set)
    assert models(run) == ["old"]
    answer(run)
    end(run)
    assert "not allowed" in report(run)["list"]["problem"]


def test_one_whose_cost_a_budget_could_not_count_stays_out_of_a_local_server_too(task_set, listing):
    server = listing({"id": "free"})
    home = Provider.objects.create(slug="home", name="Home", base_url=server.base_url, locality="local")
    save_contender(
        slug="old",
        fields=ContenderFields(
            provider=home, model_name="old", settings={}, usd_per_mtok_input=Decimal(0), usd_per_mtok_output=Decimal(0)
        ),
    )
    own = {"newcomers_from": home, "only_newly_listed": False}
    set_up(task_set, **own, budget_usd=Decimal(1))
    first = bake(task_set)
    assert models(first) == ["old"]
    end(first)
    set_up(task_set, **own)
    assert models(bake(task_set, 1)) == ["free", "old"]


def test_one_killed_before_it_commits_leaves_nothing(task_set, contender, provider, listing):
    lists(provider, listing("old", "fresh"))
    set_up(task_set, **rule(provider))

    def dies(**values: object) -> None:
        raise SystemExit

    pre_save.connect(dies, sender=BakeOffRound)
    try:
        with pytest.raises(SystemExit):
            chores.bake_off(task_set.pk, due=due(0))
    finally:
        pre_save.disconnect(dies, sender=BakeOffRound)
    assert not Run.objects.exists()
    assert Contender.objects.count() == 1
    assert models(bake(task_set)) == ["fresh", "old"]


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("most_usd_input", {"most_usd_input": None}),
        ("most_usd_output", {"most_usd_output": Decimal(-1)}),
        ("most_newcomers", {"most_newcomers": 0}),
        ("include", {"include": ",".join("abcdefghijklmnopqrstuvwxyz")}),
        ("exclude", {"exclude": "a\u202eb"}),
        ("samples", {"samples": 99}),
        ("budget_usd", {"budget_usd": Decimal(0)}),
        ("warm_up_calls", {"warm_up_calls": 9}),
        ("contenders", {"contenders": "some"}),
    ],
)
def test_what_cannot_be_kept_to_is_refused_at_its_field(task_set, provider, field: str, fields: dict[str, object]):
    with pytest.raises(FieldError) as refused:
        set_up(task_set, **rule(provider) | fields)
    assert refused.value.field == field


def test_a_rule_over_a_hosted_provider_is_refused_where_tasks_stay_in_the_house(task_set, provider):
    TaskSet.objects.update(local_only=True)
    task_set.refresh_from_db()
    with pytest.raises(FieldError, match="local_only"):
        set_up(task_set, **rule(provider))


@pytest.mark.on_both(because="triggers refuse it")
@pytest.mark.parametrize("statement", ["UPDATE evals_bakeoffround SET n = 7", "DELETE FROM evals_bakeoffround"])
def test_a_round_is_never_changed(task_set, statement: str):
    set_up(task_set)
    bake(task_set)
    with pytest.raises(IntegrityError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(statement)
