"""A category with groups is open to their members alone: in the queue, at its address, and in draws."""

import pytest

from arena.models import Role
from evals.catalog.services.categories import retire_category
from evals.models import Category, ReviewerGroup
from evals.voting.casting import BattleWithdrawnError, cast_vote, reopen, skip
from evals.voting.drawing import draw
from evals.voting.groups import GroupError, add_member, change_group, create_group, remove_member
from evals.voting.kept import forget_all
from evals.voting.queries.categories import may_vote_in
from evals.voting.reviewers import reviewer_of

pytestmark = pytest.mark.runs_once(on="sqlite", because="who may is decided by plain queries")


@pytest.fixture
def group(world, editor_user):
    made = create_group(name="Code experts", actor=editor_user)
    change_group(group=made, name="Code experts", categories=[world.category.pk], actor=editor_user)
    forget_all()
    return made


def test_who_is_in_no_group_of_a_category_is_refused_everywhere(world, group, reviewer_user, client_of):
    client = client_of(reviewer_user)
    refused = client.get("/vote/code/")
    assert refused.status_code == 403
    assert "An editor can add you" in refused.text
    assert "Vote in code" not in client.get("/vote/").text
    assert draw(category=world.category, reviewer=reviewer_of(reviewer_user)) is None


def test_an_empty_category_leads_to_no_other_that_is_closed(world, group, reviewer_user, client_of):
    Category.objects.create(slug="prose", name="prose")
    Category.objects.create(slug="maths", name="maths")
    page = client_of(reviewer_user).get("/vote/prose/").text
    assert 'href="/vote/maths/"' in page
    assert 'href="/vote/code/"' not in page


def test_a_member_votes_until_they_are_removed_and_closes_what_is_open(
    world, group, reviewer_user, editor_user, client_of
):
    client, me = client_of(reviewer_user), add_member(group=group, username="a-reviewer", actor=editor_user)
    forget_all()
    ballot = draw(category=world.category, reviewer=me)
    assert 'href="/vote/code/"' in client.get("/vote/").text

    remove_member(group=group, reviewer=me, actor=editor_user)
    forget_all()
    assert client.get(f"/vote/b/{ballot.token}/").status_code == 200
    cast_vote(ballot=ballot, choice="left", reviewer=me)
    assert draw(category=world.category, reviewer=me) is None
    assert not may_vote_in(world.category, me)


def test_a_skip_is_not_undone_in_a_category_that_is_closed_by_now(world, group, reviewer_user, editor_user):
    """They may read its leaderboard by now, and whoever skipped much would have all of it to vote on."""
    me = add_member(group=group, username="a-reviewer", actor=editor_user)
    forget_all()
    skipped = skip(ballot=draw(category=world.category, reviewer=me))
    remove_member(group=group, reviewer=me, actor=editor_user)
    with pytest.raises(BattleWithdrawnError, match="no longer vote"):
        reopen(ballot=skipped, reviewer=me)
    skipped.refresh_from_db()
    assert skipped.state == "skipped"


def test_the_last_group_taken_away_opens_the_category(world, group, editor_user, reviewer):
    assert not may_vote_in(world.category, reviewer)
    change_group(group=group, name="Code experts", categories=[], actor=editor_user)
    assert may_vote_in(world.category, reviewer)


def test_a_retired_category_keeps_its_groups(world, group, editor_user):
    retire_category(category=world.category)
    change_group(group=group, name="Code experts", categories=[], actor=editor_user)
    assert list(group.categories.all()) == [world.category]


def test_editors_make_groups_and_choose_members_and_categories(world, client_of, editor_user, make_user):
    make_user(Role.REVIEWER, "mara")
    client = client_of(editor_user)
    address = client.post("/reviewers/groups/", {"name": "Support"}).url
    assert address == "/reviewers/groups/support/"
    client.post(address, {"name": "Support team", "categories": [world.category.pk]})
    page = client.post(f"{address}members/", {"username": "mara"}, follow=True).text
    assert "mara is in the group" in page
    made = ReviewerGroup.objects.get()
    assert (made.name, made.reviewers.count(), made.categories.get()) == ("Support team", 1, world.category)
    assert "already exists" in client.post("/reviewers/groups/", {"name": "support"}).text
    client.post(f"{address}members/{made.reviewers.get().pk}/remove/")
    assert not made.reviewers.exists()


def test_a_viewer_or_a_stranger_is_not_added(group, viewer_user, editor_user):
    with pytest.raises(GroupError, match="cannot vote"):
        add_member(group=group, username=viewer_user.username, actor=editor_user)
    with pytest.raises(GroupError, match="nobody"):
        add_member(group=group, username="who", actor=editor_user)
