"""Which category a reviewer is offered first, what its progress says, and what finding out costs."""

from __future__ import annotations

import pytest

from evals.leaderboards.ranking import rank_category
from evals.models import Category, ReviewerGroup
from evals.voting.casting import cast_vote
from evals.voting.drawing import draw
from evals.voting.queries.categories import neediest_first
from evals.voting.queries.progress import progress
from evals.voting.standings import newest_standings
from tests.evals.voting import casting

from .conftest import World

pytestmark = pytest.mark.on_both(because="aggregates")


@pytest.fixture
def voted(world):
    """Categories `c0` to `c5` with 40 to 45 votes each, beside `code` that has none."""
    for n in range(6):
        votes = [("mara", f"t{k}", "granit", "kiesel", "lo" if k % 3 else "hi") for k in range(40 + n)]
        casting.cast(casting.category(f"c{n}"), votes)
    return Category.objects.all()


def test_the_category_with_the_fewest_votes_comes_first(voted, reviewer):
    assert [category.slug for category in neediest_first(reviewer)] == ["code", "c0", "c1", "c2", "c3", "c4", "c5"]


def test_progress_is_a_count_on_its_way_to_the_next_mark(world, reviewer):
    casting.cast(world.category, [("mara", f"t{k}", "granit", "kiesel", "lo") for k in range(24)])
    few = progress(world.category, reviewer)
    assert (few.votes, few.step, few.rough, few.today) == (24, 30, True, 0)

    casting.cast(world.category, [("mara", f"t{k}", "granit", "kiesel", "lo") for k in range(24, 30)])
    cast_vote(ballot=draw(category=world.category, reviewer=reviewer), choice="left", reviewer=reviewer)
    more = progress(world.category, reviewer)
    assert (more.votes, more.step, more.rough, more.today) == (31, 100, False, 1)
    assert more.bar.label == "31 of 100 votes"


def test_progress_is_the_same_whoever_wins(world, reviewer):
    """What depended on the lead would tell whose answer was whose."""
    casting.cast(world.category, [("mara", f"t{k}", "granit", "kiesel", "lo") for k in range(40)])
    rank_category(category_id=world.category.pk)
    other = World("other")
    casting.cast(other.category, [("mara", f"t{k}", "granit", "kiesel", "tie") for k in range(40)])
    rank_category(category_id=other.category.pk)
    assert progress(world.category, reviewer) == progress(other.category, reviewer)


def test_a_ballot_left_open_comes_before_everything(voted, make_reviewer):
    mara, jonas = make_reviewer("mara"), make_reviewer("jonas")
    other = World("other").category
    world = Category.objects.get(slug="code")
    casting.cast(world, [("x", "t", "granit", "kiesel", "lo")])
    assert draw(category=world, reviewer=mara) is not None

    assert neediest_first(mara)[0] == world
    assert neediest_first(jonas)[0] == other


def test_a_retired_category_is_not_offered(voted, reviewer):
    Category.objects.filter(slug="c1").update(retired_at="2026-01-01T00:00Z")

    assert "c1" not in [category.slug for category in neediest_first(reviewer)]


def test_a_category_with_groups_is_offered_to_their_members_alone(voted, make_reviewer):
    member, other = make_reviewer("mara"), make_reviewer("jonas")
    group = ReviewerGroup.objects.create(slug="lawyers", name="Lawyers")
    group.categories.add(Category.objects.get(slug="c1"))
    group.reviewers.add(member)
    assert "c1" in [category.slug for category in neediest_first(member)]
    assert "c1" not in [category.slug for category in neediest_first(other)]


def test_the_number_of_queries_does_not_grow_with_categories(voted, reviewer, django_assert_num_queries):
    with django_assert_num_queries(3):
        neediest_first(reviewer)
    category = Category.objects.get(slug="c1")
    with django_assert_num_queries(1):
        progress(category, reviewer)


def test_the_newest_leaderboard_is_the_one_that_counts(voted):
    category = Category.objects.get(slug="c0")
    rank_category(category_id=category.pk)
    before = newest_standings(category)
    casting.cast(category, [("jonas", "t0", "granit", "kiesel", "lo")] * 5)
    rank_category(category_id=category.pk)

    after = newest_standings(category)

    assert sum(rating.wins for rating in after.ratings) == sum(rating.wins for rating in before.ratings) + 5
    assert newest_standings(category) is after
    assert newest_standings(Category.objects.get(slug="code")) is None
