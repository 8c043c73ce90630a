"""The voting pages as a browser without JavaScript sees them, and as htmx does."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from arena.models import Role
from evals.models import Ballot, Category, Generation, Reason, Vote
from evals.voting.drawing import draw
from evals.voting.reviewers import reviewer_of

from .conftest import World, count_now

pytestmark = pytest.mark.runs_once(
    on="sqlite", because="what pages say; tests/routing/test_links.py opens them on PostgreSQL"
)

HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def user(reviewer_user):
    return reviewer_user


@pytest.fixture
def client(client_of, user):
    return client_of(user)


@pytest.fixture
def ballot(world, user):
    return draw(category=world.category, reviewer=reviewer_of(user))


def url(ballot, name="evals:battle"):
    return reverse(name, args=[ballot.token])


def test_voting_goes_from_form_to_form(client, world):
    response = client.get("/vote/code/", follow=True)
    assert [step[1] for step in response.redirect_chain] == [303]
    first, second = Ballot.objects.order_by("pk")
    assert response.redirect_chain[-1][0] == f"/vote/b/{first.token}/"
    answered = client.post(url(first), {"choice": "left"}, follow=True)
    assert answered.redirect_chain[0][1] == 303
    assert answered.redirect_chain[-1][0] == url(second)
    assert "Saved: A is better." in answered.text
    assert Ballot.objects.get(pk=first.pk).choice == "left"

    undone = client.post(url(first, "evals:battle-undo"), follow=True)
    assert undone.redirect_chain[-1] == (url(first), 303)
    assert "Undone. Choose again." in undone.text
    client.post(url(first), {"choice": "both_bad"})
    count_now(world.category)
    assert list(Vote.objects.values_list("outcome", flat=True)) == ["both_bad"]


@pytest.mark.parametrize(
    ("choice", "words"),
    [("left", "A is better"), ("right", "B is better"), ("tie", "equally good"), ("both_bad", "both bad")],
)
def test_each_button_saves_its_verdict(client, ballot, choice, words):
    assert f"Saved: {words}." in client.post(url(ballot), {"choice": choice}, follow=True).text


def test_a_skip_goes_on_without_a_vote(client, ballot):
    assert "Skipped." in client.post(url(ballot), {"choice": "skip"}, follow=True).text
    assert not Ballot.objects.filter(state="voted").exists()


def test_a_reason_for_skipping_is_a_button_of_its_own(client, ballot):
    client.post(url(ballot), {"skip_reason": "too_long"})
    ballot.refresh_from_db()
    assert (ballot.state, ballot.skip_reason) == ("skipped", "too_long")


def test_a_form_sent_twice_is_one_vote(client, ballot):
    client.post(url(ballot), {"choice": "left"})
    again = client.post(url(ballot), {"choice": "right"}, follow=True)
    assert "Saved: A is better. That was saved first, and it stands." in again.text
    count_now(ballot.category)
    assert Vote.objects.get().outcome == ballot.left


def test_an_unknown_choice_is_refused_and_saves_nothing(client, ballot):
    response = client.post(url(ballot), {"choice": "<b>lo"})
    assert response.status_code == 400
    assert response["Content-Type"].startswith("text/plain")
    assert not Ballot.objects.filter(state="voted").exists()


def test_the_page_holds_the_ballot_on_the_screen_and_the_one_ahead(client, ballot):
    page = client.get(url(ballot)).text
    assert held_in(page) == [ballot.token, Ballot.objects.exclude(pk=ballot.pk).get().token]
    assert len(sides(page)) == 4


def test_a_vote_brings_what_the_page_lacks_and_puts_what_it_holds_on_the_screen(client, ballot):
    client.get(url(ballot))
    ahead = Ballot.objects.exclude(pk=ballot.pk).get()
    assert ahead.shown_at is None
    response = client.post(url(ballot), {"choice": "left", "have": ahead.token}, **HTMX)
    after = Ballot.objects.exclude(pk__in=[ballot.pk, ahead.pk]).get()
    ahead.refresh_from_db()
    assert ahead.shown_at is not None
    assert after.shown_at is None
    assert response.status_code == 200
    assert "<html" not in response.text
    assert f'data-shown="{ahead.token}"' in response.text
    assert held_in(response.text) == [after.token]
    assert "Saved: A is better." in response.text
    assert url(ballot, "evals:battle-undo") in response.text


def test_a_page_that_holds_nothing_gets_the_next_ballot_too(client, ballot):
    response = client.post(url(ballot), {"choice": "left"}, **HTMX)
    shown, ahead = Ballot.objects.filter(state="open").order_by("pk")
    assert held_in(response.text) == [shown.token, ahead.token]


def test_undo_brings_the_same_battle_back_with_what_was_said(client, world, ballot):
    reason = Reason.objects.create(category=world.category, key="2", label="shorter")
    before = sides(client.get(url(ballot)).text)[:2]
    client.post(url(ballot), {"choice": "left", "reason": reason.pk, "comment": "It adds."}, **HTMX)
    response = client.post(url(ballot, "evals:battle-undo"), **HTMX)
    assert held_in(response.text)[0] == ballot.token
    assert sides(response.text)[:2] == before
    assert ">It adds.</textarea>" in response.text
    assert re.search(rf'value="{reason.pk}" data-digit="2"[^>]* checked', response.text)


def test_the_form_takes_strength_reasons_dimensions_and_a_comment(client, world, ballot):
    Category.objects.filter(pk=world.category.pk).update(ask_strength=True)
    reason = Reason.objects.create(category=world.category, key="1", label="correct")
    Reason.objects.create(category=world.category, key="3", label="outdated", retired_at=world.category.created_at)
    Category.with_dimensions.create(slug="code-tone", name="Tone", dimension_of=world.category)
    page = client.get(url(ballot)).text
    assert "correct" in page
    assert "outdated" not in page
    assert 'name="dimension-code-tone"' in page
    said = {"strength": "clearly", "reason": reason.pk, "dimension-code-tone": "tie", "comment": "Better."}
    assert "A is clearly better" in client.post(url(ballot), {"choice": "left", **said}, **HTMX).text
    ballot.refresh_from_db()
    assert (ballot.strength, ballot.reasons, ballot.dimensions, ballot.comment) == (
        "clearly",
        [reason.pk],
        {"code-tone": "tie"},
        "Better.",
    )


def test_the_page_of_a_ballot_ahead_leads_to_the_one_that_is_not_judged_yet(client, ballot):
    client.get(url(ballot))
    ahead = Ballot.objects.exclude(pk=ballot.pk).get()
    assert client.get(url(ahead)).url == url(ballot)


def held_in(html):
    return re.findall(r'data-ballot="([^"]+)"', html)


def sides(html):
    return re.findall(r'<article class="side".*?</article>', html, re.DOTALL)


def test_after_the_last_battle_the_page_says_so_and_offers_undo(db, client, user):
    world = World().fill(contenders=2, tasks=1)
    ballot = draw(category=world.category, reviewer=reviewer_of(user))
    assert "offer-practice" in client.get(url(ballot)).text
    assert client.post(url(ballot), {"choice": "tie"}, **HTMX)["HX-Redirect"] == "/vote/code/"
    page = client.get("/vote/code/")
    assert page.status_code == 200
    assert "You have seen every battle in Code" in page.text
    assert url(ballot, "evals:battle-undo") in page.text
    assert "You have seen every battle in Code" in client.get("/vote/").text


def test_an_empty_house_says_what_is_missing(client, db):
    assert "No tasks yet" in client.get("/vote/").text
    world = World()
    assert "No tasks in Code yet" in client.get("/vote/code/").text
    task = world.task("One?")
    world.answer(task, world.contender("granit"))
    assert "answers by 1 of the 2 contenders" in client.get("/vote/code/").text
    assert client.get("/vote/nothing/").status_code == 404


def main_act(html):
    """Where Enter leads at once: the one button that has the focus."""
    (address,) = re.findall(r'<a class="btn btn--main" href="([^"]+)"\s+autofocus', html)
    return address


def test_the_neediest_category_comes_first_and_an_open_ballot_before_it(client, user, world):
    other = World("prose")
    other.contenders = world.contenders
    for n in range(2):
        task = other.task(f"Prose {n}?")
        for contender in other.contenders:
            other.answer(task, contender)
    client.post(url(draw(category=world.category, reviewer=reviewer_of(user))), {"choice": "left"})
    count_now(world.category)
    Ballot.objects.filter(state="open").delete()
    assert main_act(client.get("/vote/").text) == "/vote/prose/"
    client.get("/vote/prose/")
    client.post(url(Ballot.objects.get(state="open")), {"choice": "skip"})
    Ballot.objects.filter(state="open").delete()
    draw(category=world.category, reviewer=reviewer_of(user))
    assert main_act(client.get("/vote/").text) == "/vote/code/"


def test_a_voted_ballot_shows_its_state_and_goes_on(client, ballot):
    client.post(url(ballot), {"choice": "right"})
    page = client.get(url(ballot))
    assert "You voted: B is better" in page.text
    assert reverse("evals:category-vote", args=["code"]) in page.text
    assert sides(page.text) == []


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_report_takes_the_answer_out_and_goes_on(client, ballot):
    response = client.post(url(ballot, "evals:battle-report"), {"side": "right", "detail": "signs as X"}, follow=True)
    assert "Reported: answer B is not shown until an editor has decided." in response.text
    assert Generation.objects.exclude(quarantine="").get().quarantine.endswith("signs as X")
    assert client.post(url(ballot, "evals:battle-report"), {"side": "lo"}).status_code == 400


def test_a_battle_withdrawn_meanwhile_is_explained_not_lost(client, ballot):
    Generation.objects.filter(pk=ballot.battle.lo_id).update(quarantine="names itself")
    response = client.post(url(ballot), {"choice": "left"}, follow=True)
    assert "withdrawn while you looked at it" in response.text
    assert not Ballot.objects.filter(state="voted").exists()


def test_a_withdrawn_battle_is_not_shown(client, ballot):
    Generation.objects.filter(pk=ballot.battle.lo_id).update(quarantine="names itself")
    assert client.get(url(ballot)).status_code == 303


def test_another_reviewers_ballot_does_not_exist(client_of, make_user, ballot):
    stranger = client_of(make_user(Role.ADMIN, "stranger"))
    for address, method in (
        (url(ballot), "get"),
        (url(ballot), "post"),
        (url(ballot, "evals:battle-undo"), "post"),
        (url(ballot, "evals:battle-report"), "post"),
    ):
        assert getattr(stranger, method)(address, {"choice": "left", "side": "left"}).status_code == 404
    assert stranger.get("/vote/b/AAAAAAAAAAAAAAAAAAAAAA/").status_code == 404
    assert not Ballot.objects.filter(state="voted").exists()


def test_a_viewer_may_not_vote(client_of, viewer_user, ballot):
    viewer = client_of(viewer_user)
    assert [viewer.get(address).status_code for address in ("/vote/", "/vote/code/", url(ballot))] == [403] * 3
    assert viewer.post(url(ballot), {"choice": "left"}).status_code == 403


def test_nobody_signed_in_is_sent_to_sign_in(client_of, ballot, client):
    client.logout()
    assert client.get(url(ballot)).status_code == 302


def test_acts_are_posts(client, ballot):
    for name in ("evals:battle-undo", "evals:battle-report"):
        assert client.get(url(ballot, name)).status_code == 405
    assert client.put(url(ballot)).status_code == 405


def test_without_voting_keys_no_key_is_shown(client, user, ballot):
    assert 'class="key"' in client.get(url(ballot)).text
    user.voting_keys = False
    user.save()
    page = client.get(url(ballot)).text
    assert 'class="key"' not in page
    assert "data-keys" not in page


def test_the_page_costs_a_bounded_number_of_queries(client, ballot, django_assert_max_num_queries):
    client.get(url(ballot))  # which draws ahead
    ahead = Ballot.objects.exclude(pk=ballot.pk).get()
    with django_assert_max_num_queries(16):
        client.get(url(ballot))
    client.post(url(ballot), {"choice": "left", "have": ahead.token}, **HTMX)
    shown, next_one = Ballot.objects.filter(state="open").order_by("pk")
    with CaptureQueriesContext(connection) as asked:
        client.post(url(shown), {"choice": "left", "have": next_one.token}, **HTMX)
    begins_and_ends = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
    assert len([one for one in asked if not one["sql"].startswith(begins_and_ends)]) <= 15
