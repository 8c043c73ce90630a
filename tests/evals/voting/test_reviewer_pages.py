"""The page of people: what they voted, and an editor's exclusion with its reason."""

import re

import pytest
from django.urls import reverse

from arena.models import Role
from evals.voting.drawing import draw
from evals.voting.reviewers import imported_reviewers, reviewer_of
from tests.evals.voting.conftest import cast


@pytest.fixture
def voter(world, make_user):
    reviewer = reviewer_of(make_user(Role.REVIEWER, "mara"))
    for _ in range(3):
        cast(ballot=draw(category=world.category, reviewer=reviewer), choice="left", reviewer=reviewer)
    return reviewer


def act(client, name, reviewer, reason="votes by length"):
    return client.post(reverse(f"evals:reviewer-{name}", args=[reviewer.pk]), {"reason": reason}, follow=True).text


def test_an_editor_reads_who_voted_how_much(client_of, editor_user, voter):
    imported_reviewers(source="arena.csv", names=["judge 1"])
    page = client_of(editor_user).get("/reviewers/").text
    assert page.index("mara") < page.index("judge 1")
    assert re.search(r'data-l="votes">3\s*</td>', page)
    assert "from arena.csv" in page


def test_an_editor_excludes_and_includes_with_a_reason(client_of, editor_user, voter):
    client = client_of(editor_user)
    assert "Exclude…" in client.get(f"/reviewers/{voter.pk}/").text
    page = act(client, "exclude", voter)
    assert "votes no longer count" in page
    assert "votes by length" in page
    assert "a-editor" in page
    voter.refresh_from_db()
    assert voter.excluded_reason == "votes by length"
    page = act(client, "include", voter, "it was the layout")
    assert "votes count again" in page
    voter.refresh_from_db()
    assert voter.excluded_at is None


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_what_cannot_be_is_explained(client_of, editor_user, voter):
    client = client_of(editor_user)
    assert "Give a reason" in act(client, "exclude", voter, " ")
    assert "is not excluded" in act(client, "include", voter)
    assert client.get(reverse("evals:reviewer-exclude", args=[voter.pk])).status_code == 405


@pytest.mark.parametrize("name", ["exclude", "include"])
def test_a_reviewer_may_not_exclude(client_of, reviewer_user, voter, name):
    client = client_of(reviewer_user)
    assert client.post(reverse(f"evals:reviewer-{name}", args=[voter.pk]), {"reason": "x"}).status_code == 403
    voter.refresh_from_db()
    assert voter.excluded_at is None


def test_many_reviewers_come_in_pages_at_a_bounded_cost(client_of, editor_user, db, django_assert_max_num_queries):
    imported_reviewers(source="arena.csv", names=[f"judge {n:02}" for n in range(60)])
    client = client_of(editor_user)
    with django_assert_max_num_queries(18):
        first = client.get("/reviewers/").text
    assert "60 people" in first
    assert "judge 49" in first
    assert 'href="/reviewers/?after=50"' in first
    second = client.get("/reviewers/?after=50").text
    assert "judge 59" in second
    assert "judge 49" not in second
    assert 'href="/reviewers/"' in second
