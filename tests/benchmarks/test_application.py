"""The category that the application is measured on, small: what its owner would have put in is there."""

from contextlib import nullcontext

import pytest
from django.db.models import Count

from benchmarks.application.world import CATEGORY, Shape, build
from evals.leaderboards.ranking import rank_category
from evals.models import Ballot, Battle, Category, Generation, Reviewer, Vote
from evals.voting.drawing import draw
from evals.voting.reviewers import reviewer_of
from tests.evals.voting.conftest import cast

pytestmark = pytest.mark.django_db

SHAPE = Shape(votes=150, contenders=4, tasks=30, reviewers=5)


def test_the_world_to_measure_is_voted_in_like_any_other():
    user = build(SHAPE, during_votes=nullcontext())
    category = Category.objects.get(slug=CATEGORY)
    assert Generation.objects.count() == 30 * 4
    assert Vote.objects.filter(category=category).count() == SHAPE.votes

    leaderboard = rank_category(category_id=category.pk)
    assert (leaderboard.votes, leaderboard.reviewers) == (SHAPE.votes, SHAPE.reviewers)

    # Everything was shown as it was voted on, the share of the most diligent to the user.
    by_reviewer = sorted(Vote.objects.values_list("reviewer").annotate(n=Count("pk")).values_list("n", flat=True))
    shown = Ballot.objects.values_list("reviewer").annotate(n=Count("pk")).values_list("n", flat=True)
    assert sorted(shown) == by_reviewer
    reviewer = reviewer_of(user)
    assert Ballot.objects.filter(reviewer=reviewer).count() == by_reviewer[-1]
    for battle in Battle.objects.select_related("lo", "hi"):
        assert battle.lo_id < battle.hi_id
        assert {battle.lo.task_id, battle.hi.task_id} == {battle.task_id}

    seen = set(Ballot.objects.filter(reviewer=reviewer).values_list("battle", flat=True))
    ballot = draw(category=category, reviewer=reviewer)
    assert ballot.battle_id not in seen
    assert cast(ballot=ballot, choice="left", reviewer=reviewer).seq == SHAPE.votes + 1
    assert Reviewer.objects.count() == SHAPE.reviewers + 1
