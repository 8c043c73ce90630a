"""One reviewer as editors see them, and as they see themselves: up to the last midnight, without anyone else."""

from datetime import timedelta

import pytest

from arena.models import Role
from evals.models import Ballot, Ledger, Vote
from evals.voting import tallies
from evals.voting.casting import Remarks, cast_vote, skip
from evals.voting.category_settings import add_reason
from evals.voting.drawing import draw
from evals.voting.queries.agreement import agreement_with_others
from evals.voting.queries.pace import last_midnight
from evals.voting.queries.reviewer_page import own_figures, reviewer_page
from evals.voting.queries.reviewers import excluded_votes
from evals.voting.reviewers import exclude, include, reviewer_of
from tests.evals.voting import casting

from .conftest import World, count_now

pytestmark = pytest.mark.on_both(because="aggregates")


def judge(category, reviewer, n, *, remarks=None, at=None):
    """`n` battles, of each the answer that everyone here prefers. `at`: when, by default now."""
    for _ in range(n):
        ballot = draw(category=category, reviewer=reviewer)
        better = "left" if (ballot.left == "lo") == (ballot.battle.lo_id % 2 == 0) else "right"
        cast_vote(ballot=ballot, choice=better, reviewer=reviewer, remarks=remarks)
        if at is not None:
            Ballot.objects.filter(pk=ballot.pk).update(closed_at=at, shown_at=at - timedelta(seconds=40))
    count_now(category)


@pytest.fixture
def voted(db, make_reviewer, editor_user):
    """Mara and Jo judged all of the twelve battles alike, and Mara skipped, commented and gave reasons."""
    category = World().fill(contenders=3, tasks=4).category
    correct = add_reason(category=category, key="1", label="correct", actor=editor_user)
    mara, jo = make_reviewer("mara"), make_reviewer("jo")
    skip(ballot=draw(category=category, reviewer=mara), reason="unsure")
    judge(category, mara, 11, remarks=Remarks(reasons=[correct.pk], comment="runs"))
    judge(category, jo, 12)
    return category, mara, jo


def test_editors_see_how_and_what_somebody_voted(voted, client_of, editor_user):
    _, mara, _ = voted
    found = reviewer_page(mara)
    assert (found.row.votes, found.figures.cast.votes) == (11, 11)
    assert found.figures.reasons == (("correct", 11),)
    assert found.figures.skips == (("cannot decide", 1),)
    assert found.figures.categories == (("Code", 11),)
    alpha = found.figures.agreement
    assert (alpha.state, alpha.battles, alpha.alpha) == ("good", 11, 1.0)
    assert len(found.comments) == 11
    page = client_of(editor_user).get(f"/reviewers/{mara.pk}/").text
    for said in ("alpha 1.00", "cannot decide", "correct", "runs", "Exclude…"):
        assert said in page


def test_ones_own_page_ends_at_midnight_and_names_nobody(world, make_reviewer, client_of):
    mara, jo = make_reviewer("mara"), make_reviewer("jo")
    judge(world.category, mara, 6, remarks=Remarks(comment="runs"), at=last_midnight() - timedelta(hours=3))
    judge(world.category, mara, 6, remarks=Remarks(comment="does not"))
    judge(world.category, jo, 12)
    figures, comments = own_figures(mara)
    assert (figures.cast.votes, figures.seconds, len(comments)) == (6, 40.0, 6)
    # The others' votes of today would tell how they judged.
    assert figures.agreement.battles == 0
    client = client_of(mara.user)
    page = client.get("/reviewers/me/").text
    assert "6 votes" in page
    for hidden in ("does not", "granit", "kiesel", "would lead", ">jo"):
        assert hidden not in page
    assert client.get(f"/reviewers/{mara.pk}/").status_code == 403


def test_an_excluded_reviewer_is_measured_against_those_who_count(voted, editor_user):
    _, mara, jo = voted
    exclude(reviewer=jo, reason="votes by length", actor=editor_user)
    assert agreement_with_others(jo).battles == 11
    assert agreement_with_others(mara).battles == 0


def test_imported_judges_agree_on_tasks_and_pairs(db):
    category = casting.category()
    casting.contenders("basalt", "granite")
    casting.cast(
        category, [(who, f"t{n}", "basalt", "granite", "lo" if n % 2 else "hi") for who in "ab" for n in range(6)]
    )
    a = Vote.objects.first().reviewer
    assert (agreement_with_others(a).battles, agreement_with_others(a).alpha) == (6, 1.0)


def test_more_votes_cost_no_more_queries(voted, django_assert_max_num_queries):
    _, mara, _ = voted
    with django_assert_max_num_queries(30):
        reviewer_page(mara)


# what stands excluded


def test_the_share_that_stands_excluded_is_kept_and_follows_from_the_votes(voted, editor_user):
    category, mara, _ = voted
    assert excluded_votes().share == 0
    exclude(reviewer=mara, reason="votes by side", actor=editor_user)
    assert (excluded_votes().excluded, excluded_votes(category).cast) == (11, 23)
    later = draw(category=category, reviewer=mara)
    Ballot.objects.filter(reviewer=mara, state="skipped").delete()
    later = later or draw(category=category, reviewer=mara)
    cast_vote(ballot=later, choice="tie", reviewer=mara)
    count_now(category)
    assert Ledger.objects.get(category=category).excluded == 12
    tallies.rebuild(category)
    assert Ledger.objects.get(category=category).excluded == 12
    include(reviewer=mara, reason="it was the layout", actor=editor_user)
    ledger = Ledger.objects.get(category=category)
    assert (ledger.excluded, ledger.votes) == (0, 24)


def test_more_than_one_vote_in_twenty_excluded_is_said_where_votes_are_shown(voted, editor_user, client_of):
    _, mara, _ = voted
    client = client_of(editor_user)
    pages = ("/", "/leaderboards/", "/reviewers/")
    assert not any("stand excluded" in client.get(page).text for page in pages)
    exclude(reviewer=mara, reason="votes by side", actor=editor_user)
    for page in pages:
        text = client.get(page).text
        assert "47.8% of the votes stand excluded" in text, page
        assert "11 votes of 23" in text


@pytest.mark.parametrize("role", [Role.VIEWER, Role.REVIEWER])
def test_colleagues_are_not_read_about_below_an_editor(voted, make_user, client_of, role):
    _, mara, _ = voted
    client = client_of(make_user(role))
    for address in ("/reviewers/", f"/reviewers/{mara.pk}/", "/api/v1/reviewers", f"/api/v1/reviewers/{mara.pk}"):
        assert client.get(address).status_code == 403


def test_the_api_tells_editors_without_names(voted, client_of, editor_user):
    _, mara, _ = voted
    client = client_of(editor_user)
    listed = client.get("/api/v1/reviewers").json()["results"]
    assert {one["reviewer"] for one in listed} >= {f"R-{mara.pk:02d}"}
    found = client.get(f"/api/v1/reviewers/{mara.pk}").json()
    assert found["alpha"]["alpha"] == 1.0
    assert found["reasons"] == [{"name": "correct", "n": 11}]
    assert "mara" not in str(found)


def test_reviewers_of_me_need_no_vote(reviewer_user, client_of):
    assert client_of(reviewer_user).get("/reviewers/me/").status_code == 200
    assert reviewer_of(reviewer_user).ballots.count() == 0
