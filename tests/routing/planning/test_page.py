"""The page of planning votes: what it says with and without evidence, and to whom it is closed."""

import pytest

from arena.models import Role
from evals.leaderboards.ranking import rank_category
from evals.voting.drawing import draw
from evals.voting.reviewers import reviewer_of
from tests.evals.voting.conftest import World, cast

pytestmark = pytest.mark.on_both(because="the newest votes with their ballots")


def test_the_plan_says_days_and_what_it_rests_on(db, client_of, make_user, editor_user):
    world = World().fill(contenders=2, tasks=8)
    client = client_of(editor_user)
    path = f"/routing/categories/{world.category.slug}/plan/"
    empty = client.get(path).text
    assert "No leaderboard yet" in empty
    assert "days" in empty
    reviewer = reviewer_of(make_user(Role.REVIEWER, "mara"))
    for _ in range(6):
        ballot = draw(category=world.category, reviewer=reviewer)
        cast(ballot=ballot, choice="left", reviewer=reviewer)
    rank_category(category_id=world.category.pk)
    page = client.get(f"{path}?people=2&minutes=30&seconds=60").text
    assert "2 people, 30 minutes a day" in " ".join(page.split())
    assert "granit" in page
    assert "as you typed" in page
    assert "the median of the newest 6 votes" in " ".join(client.get(path).text.split())
    assert "Ensure this value is greater than or equal to 1" in client.get(f"{path}?people=0").text
    closed = client_of(reviewer.user).get(path).text
    assert "Closed while you vote here" in closed
    assert "granit" not in closed
    assert client_of(make_user(Role.VIEWER, "v")).get(path).status_code == 200
