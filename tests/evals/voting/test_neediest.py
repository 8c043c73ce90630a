"""Which category a reviewer is offered first, and what finding out costs."""

from __future__ import annotations

import pytest

from evals.leaderboards.ranking import rank_category
from evals.models import Category
from evals.voting.drawing import draw
from evals.voting.queries.battles import neediest_first, progress
from evals.voting.standings import newest_standings
from tests.evals.voting import casting

from .conftest import World


@pytest.fixture
def ranked(world):
    """Categories `c0` to `c5` with 40 to 45 votes and a leaderboard each, beside `code` that has none."""
    for n in range(6):
        category = casting.category(f"c{n}")
        votes = [("mara", f"t{k}", "granit", "kiesel", "lo" if k % 3 else "hi") for k in range(40 + n)]
        casting.cast(category, votes)
        rank_category(category_id=category.pk)
    return Category.objects.all()


def test_the_furthest_from_its_goal_comes_first(ranked, reviewer):
    offered = neediest_first(reviewer)

    shares = [progress(category).share for category in offered]
    assert offered[0].slug == "code"
    assert len(offered) == 7
    assert shares == sorted(shares)
    assert shares[-1] > 0


def test_few_votes_promise_no_decision(world):
    casting.cast(world.category, [("mara", f"t{k}", "granit", "kiesel", "lo") for k in range(24)])

    shown = progress(world.category)
    assert (shown.to_go, shown.rough) == ("rough below 30", True)
    assert shown.bar.label == "24 votes; rankings are rough below 30"


def test_with_thirty_votes_it_is_estimated_how_many_more_it_takes(ranked):
    shown = progress(Category.objects.get(slug="c0"))
    assert not shown.rough
    assert "to go" in shown.to_go or shown.to_go == "enough for now"


def test_a_ballot_left_open_comes_before_everything(ranked, make_reviewer):
    mara, jonas = make_reviewer("mara"), make_reviewer("jonas")
    other = World("other").category
    world = Category.objects.get(slug="code")
    casting.cast(world, [("x", "t", "granit", "kiesel", "lo")])
    assert draw(category=world, reviewer=mara) is not None

    assert neediest_first(mara)[0] == world
    assert neediest_first(jonas)[0] == other


def test_a_retired_category_is_not_offered(ranked, reviewer):
    Category.objects.filter(slug="c1").update(retired_at="2026-01-01T00:00Z")

    assert "c1" not in [category.slug for category in neediest_first(reviewer)]


def test_the_number_of_queries_does_not_grow_with_categories(ranked, reviewer, django_assert_num_queries):
    neediest_first(reviewer)

    with django_assert_num_queries(4):
        neediest_first(reviewer)


def test_leaderboards_not_seen_before_are_read_together(ranked, reviewer, django_assert_num_queries):
    for category in Category.objects.filter(slug__startswith="c").exclude(slug="code"):
        casting.cast(category, [("jonas", "t0", "granit", "kiesel", "tie")])
        rank_category(category_id=category.pk)

    with django_assert_num_queries(5):
        neediest_first(reviewer)


def test_the_newest_leaderboard_is_the_one_that_counts(ranked):
    category = Category.objects.get(slug="c0")
    before = newest_standings(category)
    casting.cast(category, [("jonas", "t0", "granit", "kiesel", "lo")] * 5)
    rank_category(category_id=category.pk)

    after = newest_standings(category)

    assert sum(rating.wins for rating in after.ratings) == sum(rating.wins for rating in before.ratings) + 5
    assert newest_standings(category) is after
    assert newest_standings(Category.objects.get(slug="code")) is None
