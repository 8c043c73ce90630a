"""A run's page: who may look and who may steer, what it says, and that its moving part stops when the run does."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from arena.models import Role
from evals.collection.services import start_run
from evals.models import Attempt, Contender, Generation, Provider, Run, Task, TaskSet, TaskSetItem, TaskSetVersion
from evals.models.generations import ErrorCategory
from evals.models.task_sets import Category

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.runs_once(on="sqlite", because="what pages say; tests/routing/test_links.py opens them on PostgreSQL"),
]

ACTS = ("run-stop", "run-pause", "run-resume", "run-retry", "run-again", "run-budget")


@pytest.fixture
def provider():
    return Provider.objects.create(slug="quarry", name="Quarry", base_url="https://quarry.example/v1")


@pytest.fixture
def contenders(provider):
    return [
        Contender.objects.create(slug=slug, family=slug, provider=provider, model_name=slug, usd_per_mtok_input=price,
                                 usd_per_mtok_output=price)
        for slug, price in (("basalt", Decimal(2)), ("granite", None))
    ]  # fmt: skip


@pytest.fixture
def version():
    category = Category.objects.create(slug="code", name="Code")
    version = TaskSetVersion.objects.create(
        task_set=TaskSet.objects.create(slug="nightly", name="Nightly"), n=1, sha256="0" * 64
    )
    for n in range(5):
        task = Task.objects.create(category=category, digest=f"{n}", messages=[{"role": "user", "content": f"{n}?"}])
        TaskSetItem.objects.create(version=version, task=task, external_id=f"{n}", position=n)
    return version


@pytest.fixture
def run(version, contenders, editor_user):
    return start_run(
        version=version,
        contenders=contenders,
        budget_usd=Decimal(40),
        allow_unknown_costs=True,
        started_by=editor_user,
    )


@pytest.fixture
def viewer(client_of, viewer_user):
    return client_of(viewer_user)


@pytest.fixture
def editor(client_of, editor_user):
    return client_of(editor_user)


def page(client, run, name="run", **query):
    return client.get(reverse(f"evals:{name}", args=[run.pk], query=query or None))


def text(response):
    return " ".join(response.content.decode().split())


def fail(run, error, n=1, contender="basalt"):
    for generation in Generation.objects.filter(run_items__run=run, contender__slug=contender, state="waiting")[:n]:
        Generation.objects.filter(pk=generation.pk).update(state="failed", error=error, error_detail="<b>60 s</b>")


def finish(run):
    Generation.objects.filter(run_items__run=run, state="waiting").update(state="done", text="yes")
    Run.objects.filter(pk=run.pk).update(state=Run.State.DONE)


# who may


@pytest.mark.parametrize("role", list(Role))
def test_everybody_signed_in_sees_runs(client_of, make_user, run, role):
    client = client_of(make_user(role, "somebody"))
    assert page(client, run).status_code == 200
    assert page(client, run, "run-progress", state="collecting").status_code == 200
    assert client.get(reverse("evals:run-list")).status_code == 200


def test_a_stranger_is_asked_to_sign_in(run):
    response = page(Client(), run)
    assert response.status_code == 302
    assert reverse("accounts:sign-in") in response["Location"]


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("role", [Role.VIEWER, Role.REVIEWER])
def test_only_editors_steer(client_of, make_user, run, act, role):
    response = client_of(make_user(role, "somebody")).post(reverse(f"evals:{act}", args=[run.pk]))
    assert response.status_code == 403
    run.refresh_from_db()
    assert run.state == Run.State.COLLECTING
    assert Run.objects.count() == 1


@pytest.mark.parametrize("act", ACTS)
def test_a_stranger_steers_nothing(run, act):
    assert Client().post(reverse(f"evals:{act}", args=[run.pk])).status_code == 302
    run.refresh_from_db()
    assert run.state == Run.State.COLLECTING


@pytest.mark.parametrize("act", ACTS)
def test_looking_never_steers(editor, run, act):
    assert editor.get(reverse(f"evals:{act}", args=[run.pk])).status_code == 405


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_team_mates_run_can_be_stopped(client_of, make_user, run):
    mate = client_of(make_user(Role.EDITOR, "a-mate"))
    mate.post(reverse("evals:run-stop", args=[run.pk]))
    run.refresh_from_db()
    assert (run.state, run.reason) == (Run.State.STOPPED, "Stopped by a-mate. Answers collected so far are kept.")


def test_who_may_not_steer_is_offered_nothing_to_press(viewer, run):
    fail(run, ErrorCategory.TIMEOUT_TOTAL)
    html = text(page(viewer, run))
    assert "Stop…" not in html
    assert "data-key" not in html
    assert "Retry 1" not in html


# what it says


def test_the_five_figures_and_a_bar_for_each_contender(viewer, run):
    fail(run, ErrorCategory.TIMEOUT_TOTAL)
    Generation.objects.filter(run_items__run=run, contender__slug="granite", state="waiting").update(state="done")
    html = text(page(viewer, run))
    for name in ("Collected", "In flight", "Failed for good", "Spent", "Done in"):
        assert f"<dt>{name}</dt>" in html
    assert "5 <small>of 10</small>" in html
    assert "0 done, 0 in flight, 0 retrying, 1 failed, 4 waiting" in html
    assert "5 done, 0 in flight, 0 retrying, 0 failed, 0 waiting" in html


def test_an_unknown_price_is_never_zero(viewer, run):
    granite = Generation.objects.filter(run_items__run=run, contender__slug="granite")[0]
    Attempt.objects.create(generation=granite, n=1, started_at=run.created_at, cost_usd=None)
    html = text(page(viewer, run))
    assert "without granite: no price" in html
    assert '<span class="faint">no price</span>' in html


def test_failures_are_grouped_by_cause_with_what_to_do(editor, run):
    fail(run, ErrorCategory.TIMEOUT_TOTAL, 2)
    fail(run, ErrorCategory.CONTENT_FILTER, 1)
    html = text(page(editor, run))
    assert "Not finished in time" in html
    assert "Retry 2" in html
    assert "Raise it on the provider" in html


def test_a_providers_words_are_shown_as_text(editor, run):
    fail(run, ErrorCategory.TIMEOUT_TOTAL)
    html = text(page(editor, run))
    assert "&lt;b&gt;60 s&lt;/b&gt;" in html
    assert "<b>60 s</b>" not in html


def test_the_moving_part_asks_for_itself_while_the_run_collects(viewer, run):
    progress = reverse("evals:run-progress", args=[run.pk])
    for response in (page(viewer, run), page(viewer, run, "run-progress", state="collecting")):
        assert f'hx-get="{progress}?state=collecting" hx-trigger="every 1s"' in text(response)


def test_without_javascript_the_page_refreshes_itself_until_the_run_ends(viewer, run):
    assert '<noscript><meta http-equiv="refresh"' in text(page(viewer, run))
    finish(run)
    assert "http-equiv" not in text(page(viewer, run))


def test_it_stops_when_the_run_does(viewer, run):
    finish(run)
    assert "hx-get" not in text(page(viewer, run))
    stale = page(viewer, run, "run-progress", state="collecting")
    assert stale["HX-Refresh"] == "true"
    assert "hx-get" not in text(page(viewer, run, "run-progress", state="done"))


def test_progress_is_never_taken_from_a_cache(viewer, run):
    assert "no-store" in page(viewer, run, "run-progress", state="collecting")["Cache-Control"]


def test_a_run_that_is_not_there_is_not_found(viewer):
    assert viewer.get("/runs/999/").status_code == 404


# what it does


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_pausing_and_resuming_tell_who_and_what(editor, run):
    editor.post(reverse("evals:run-pause", args=[run.pk]))
    assert "Paused by" in text(page(editor, run))
    response = editor.post(reverse("evals:run-resume", args=[run.pk]), follow=True)
    assert f"Run {run.pk} resumed." in text(response)
    run.refresh_from_db()
    assert run.state == Run.State.COLLECTING


def test_whoever_comes_second_is_told(editor, run):
    editor.post(reverse("evals:run-stop", args=[run.pk]))
    response = editor.post(reverse("evals:run-pause", args=[run.pk]), follow=True)
    assert f"Run {run.pk} was not paused: it is stopped already." in text(response)


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_one_cause_is_retried_alone(editor, run):
    fail(run, ErrorCategory.TIMEOUT_TOTAL, 2)
    fail(run, ErrorCategory.EMPTY, 1)
    editor.post(reverse("evals:run-retry", args=[run.pk]), {"error": ErrorCategory.TIMEOUT_TOTAL})
    assert Generation.objects.filter(state="failed").values_list("error", flat=True).get() == ErrorCategory.EMPTY


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
@pytest.mark.parametrize(("typed", "kept"), [("12.50", Decimal("12.5")), ("", None), ("4O", Decimal(40))])
def test_the_budget_is_changed_or_left_and_the_error_quotes_what_was_typed(editor, run, typed, kept):
    data = {"budget_usd": typed, "allow_unknown_costs": "on"}
    response = editor.post(reverse("evals:run-budget", args=[run.pk]), data, follow=True)
    run.refresh_from_db()
    assert run.budget_usd == kept
    assert ("“4O” is not an amount." in text(response)) == (typed == "4O")


def test_the_key_r_runs_the_suite_again_on_the_latest(editor, run, contenders, version, provider):
    html = text(page(editor, run))
    assert 'data-key="r"' in html
    Contender.objects.create(
        slug="basalt@2", family="basalt", revision=2, provider=provider, model_name="basalt-2", settings={"a": 1}
    )
    editor.post(reverse("evals:run-again", args=[run.pk]))
    again = Run.objects.order_by("-pk")[0]
    assert again.pk != run.pk
    assert set(again.contenders.values_list("slug", flat=True)) == {"basalt@2", "granite"}


# starting


def test_a_new_run_is_started_with_what_was_chosen(editor, version, contenders):
    response = editor.post(
        reverse("evals:run-new"),
        {"version": "nightly", "contenders": ["basalt"], "samples": 2, "budget_usd": "$7.50", "fresh": ""},
    )
    run = Run.objects.get()
    assert response["Location"] == reverse("evals:run", args=[run.pk])
    assert (run.samples, run.budget_usd, run.fresh) == (2, Decimal("7.5"), False)
    assert list(run.contenders.values_list("slug", flat=True)) == ["basalt"]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"contenders": []}, "Choose at least one contender"),
        ({"budget_usd": "4O"}, "“4O” is not an amount"),
        ({"budget_usd": "-3"}, "A budget must be more than 0"),
        ({"samples": 99}, "less than or equal to 20"),
    ],
)
def test_a_wrong_choice_is_explained_and_starts_nothing(editor, version, contenders, changed, says):
    chosen = {"version": "nightly", "contenders": ["basalt"], "samples": 1, "budget_usd": ""} | changed
    response = editor.post(reverse("evals:run-new"), chosen)
    assert response.status_code == 200
    assert says in text(response)
    assert not Run.objects.exists()


def test_a_local_task_set_refuses_hosted_contenders_in_words(editor, version, contenders):
    TaskSet.objects.update(local_only=True)
    chosen = {"version": "nightly", "contenders": ["basalt"], "samples": 1}
    assert "stays on your own machines" in text(editor.post(reverse("evals:run-new"), chosen))
    assert not Run.objects.exists()


def test_viewers_start_no_runs(viewer, version, contenders):
    assert viewer.get(reverse("evals:run-new")).status_code == 403
    assert viewer.post(reverse("evals:run-new"), {"version": "nightly"}).status_code == 403


def test_what_a_run_lacks_is_named(editor):
    assert "No tasks and no contenders yet" in text(editor.get(reverse("evals:run-new")))
    assert "No runs yet" in text(editor.get(reverse("evals:run-list")))


def test_no_page_carries_an_inline_style_or_script(editor, run):
    for html in (
        text(page(editor, run)),
        text(editor.get(reverse("evals:run-list"))),
        text(editor.get(reverse("evals:run-new"))),
    ):
        assert " style=" not in html
        assert "<style" not in html
        assert " onclick=" not in html
