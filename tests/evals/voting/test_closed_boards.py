"""Reviewers do not read what moves with the votes of a category in which they vote."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.utils import timezone

from arena.models import Role
from evals.leaderboards.inputs import rating_inputs
from evals.leaderboards.own_votes import board_without
from evals.leaderboards.ranking import rank_category
from evals.models import Category, Reviewer, ReviewerGroup
from evals.ratings import Tallies, compute
from evals.voting.queries.blinding import blinding_of, boards_closed_to
from evals.voting.reviewers import reviewer_of
from routing.policy.services import save_policy
from routing.publishing.publisher import AUTOMATIC, publish
from tests.evals.voting.casting import cast, category, contenders

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.runs_once(on="sqlite", because="what pages say, and who may read them"),
]
VOTES = [("ann", f"t{n}", "granit", "kiesel", "lo") for n in range(4)] + [("bob", "t9", "granit", "kiesel", "hi")]
CLOSED = ("/leaderboards/code/", "/leaderboards/code/5/", "/routing/", "/routing/categories/code/")
PAGES = ("/", "/leaderboards/", *CLOSED)


@pytest.fixture
def code() -> Category:
    made = category("code")
    contenders("granit", "kiesel")
    cast(made, VOTES)
    rank_category(category_id=made.pk)
    gate = {"min_votes": 90, "min_reviewers": 1}
    save_policy(document={"every_category": {"gate": gate}}, reason="For the test.")
    publish(actor=AUTOMATIC)
    return made


@pytest.fixture
def pages(code, client_of):
    """What each page says to somebody, by address."""

    def of(user):
        client = client_of(user)
        return {path: client.get(path).text for path in PAGES}

    return of


def test_a_reviewer_reads_why_and_no_figures(pages, reviewer_user):
    told = pages(reviewer_user)
    assert {path for path, text in told.items() if "granit" in text} == set()
    for path in CLOSED:
        assert "You vote in Code: figures that move with each vote would tell you who wrote which answer." in told[path]
    assert "Closed while you vote here." in told["/leaderboards/"]
    assert "Its leaderboard is closed to you while you vote here." in told["/"]
    assert "5 votes" in told["/"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
def test_who_does_not_vote_or_may_see_names_reads_everything(pages, make_user, role):
    told = pages(make_user(role))
    assert all("granit" in told[path] for path in ("/leaderboards/", "/leaderboards/code/", "/leaderboards/code/5/"))
    assert "5 of 90 votes" in told["/routing/"]


def test_the_api_says_why(code, client_of, reviewer_user, viewer_user):
    refused = client_of(reviewer_user).get("/api/v1/leaderboards/code")
    assert refused.status_code == 403
    assert "You vote in Code" in refused.json()["detail"]
    assert client_of(reviewer_user).get("/api/v1/leaderboards").json()["results"] == []
    [listed] = client_of(viewer_user).get("/api/v1/leaderboards").json()["results"]
    assert (listed["votes"], listed["votes_compared"]) == (5, 5)


def test_contenders_pages_do_not_count_the_votes_of_these_categories(code, client_of, reviewer_user, viewer_user):
    other = category("prose")
    group = ReviewerGroup.objects.create(slug="poets", name="Poets")
    group.categories.add(other)
    cast(other, [("ann", "p1", "granit", "kiesel", "both_bad"), ("ann", "p2", "granit", "kiesel", "lo")])
    told = client_of(viewer_user).get("/contenders/").text
    assert ">7 <span" in " ".join(told.split())
    assert "6 comparing" in told
    told = client_of(reviewer_user).get("/contenders/").text
    assert "1 comparing" in told
    assert "Votes in the categories you vote in are not shown to you." in told


@pytest.mark.on_both(because="the only one that asks which boards are closed to whom")
def test_a_category_is_closed_while_it_is_voted_in_by_those_who_vote_in_it(code, reviewer_user):
    assert boards_closed_to(reviewer_user) == {"code"}
    dimension = Category.with_dimensions.create(slug="tone", name="Tone", dimension_of=code)
    assert boards_closed_to(reviewer_user) == {"code", "tone"}

    group = ReviewerGroup.objects.create(slug="experts", name="Experts")
    group.categories.add(code)
    assert boards_closed_to(reviewer_user) == set()
    group.reviewers.add(reviewer_of(reviewer_user))
    assert boards_closed_to(reviewer_user) == {"code", "tone"}

    Category.objects.filter(pk=code.pk).update(boards_open=True)
    blinding = blinding_of(reviewer_user)
    assert (blinding.without_own, blinding.closes("tone")) == ({"code", dimension.slug}, False)
    assert blinding.hides("code")

    Category.objects.filter(pk=code.pk).update(retired_at=timezone.now())
    assert blinding_of(reviewer_user).vote_in == set()


def test_a_board_that_is_opened_leaves_the_readers_own_votes_out(code, client_of, reviewer_user):
    Category.objects.filter(pk=code.pk).update(boards_open=True)
    client = client_of(reviewer_user)
    before = client.get("/api/v1/leaderboards/code").json()
    Reviewer.objects.filter(handle="test:me").delete()
    me = Reviewer.objects.create(handle="test:me", name="Me", user=reviewer_user)
    own = [("me", "t1", "kiesel", "granit", "lo"), ("me", "t2", "granit", "kiesel", "both_bad")]
    own += [("me", "mine alone", "granit", "kiesel", "tie")]
    cast(code, own)
    rank_category(category_id=code.pk)
    after = client.get("/api/v1/leaderboards/code").json()
    assert {**after, "computed_at": ""} == {**before, "computed_at": ""}
    assert after["votes"] == 5
    page = client.get("/leaderboards/code/").text
    assert "Without your own votes, as you vote here: 5 votes by 2 reviewers" in page
    assert "Each one's votes" not in page
    assert "You vote in Code" in client.get("/leaderboards/code/5/").text
    # The fit by hand of what the others voted.
    expected = compute(Tallies.from_votes([(who, task, lo, hi, outcome) for who, task, lo, hi, outcome in VOTES]))
    board = board_without(code, me)
    assert board is not None
    assert [replace(one, elo=None) for one in board.standings.ratings] == list(expected.ratings)
    assert rating_inputs(code.pk).tallies.votes == 8
