"""Votes of an excluded reviewer stay and do not count, until the reviewer is included again."""

import pytest
from django.contrib.admin.models import LogEntry
from django_q.models import OrmQ

from arena.models import Role
from evals.models import Ledger, ReviewerTally, TaskTally, Vote
from evals.voting.drawing import draw
from evals.voting.reviewers import ExclusionError, exclude, imported_reviewers, include, reviewer_of

from .conftest import World, cast
from .test_tallies import assert_equal_to_a_rebuild, stored

pytestmark = pytest.mark.on_both(because="tallies are moved in SQL")


def vote_in(category, reviewer, times=3):
    for _ in range(times):
        cast(ballot=draw(category=category, reviewer=reviewer), choice="left", reviewer=reviewer)


@pytest.fixture
def editor(make_user):
    return make_user(Role.EDITOR, "erik")


def test_exclusion_takes_the_votes_out_of_every_category(world, make_reviewer, editor):
    second = World("prose")
    second.contenders = world.contenders
    for n in range(2):
        task = second.task(f"Prose {n}?")
        for contender in world.contenders:
            second.answer(task, contender)
    one, other = make_reviewer("one"), make_reviewer("other")
    for category in (world.category, second.category):
        vote_in(category, one)
        vote_in(category, other)
    before = {category: stored(category) for category in (world.category, second.category)}

    exclude(reviewer=one, reason="votes by length", actor=editor)
    assert not ReviewerTally.objects.filter(reviewer=one).exists()
    assert ReviewerTally.objects.filter(reviewer=other).exists()
    for category in before:
        ledger = Ledger.objects.get(category=category)
        assert (ledger.seq, ledger.revision) == (6, 1)
        assert_equal_to_a_rebuild(category)
    assert Vote.objects.filter(reviewer=one).count() == 6

    include(reviewer=one, reason="it was the layout", actor=editor)
    assert {category: stored(category) for category in before} == before
    assert Ledger.objects.get(category=second.category).revision == 2


def test_what_an_excluded_reviewer_votes_counts_once_they_are_included(world, reviewer, editor):
    vote_in(world.category, reviewer, 1)
    exclude(reviewer=reviewer, reason="too fast", actor=editor)
    vote_in(world.category, reviewer, 1)
    assert stored(world.category) == (set(), set())
    include(reviewer=reviewer, reason="not so fast", actor=editor)
    assert sum(sum(row[-4:]) for row in stored(world.category)[1]) == 2
    assert_equal_to_a_rebuild(world.category)


def test_the_reason_is_kept_with_who_gave_it(world, reviewer, editor):
    exclude(reviewer=reviewer, reason="  votes\nby length ", actor=editor)
    reviewer.refresh_from_db()
    assert reviewer.excluded_reason == "votes by length"
    include(reviewer=reviewer, reason="it was the layout", actor=editor)
    said = list(LogEntry.objects.order_by("pk").values_list("user__username", "change_message"))
    assert said == [("erik", "Excluded: votes by length"), ("erik", "Counted again: it was the layout")]


def test_an_exclusion_without_a_reason_or_twice_is_refused(reviewer, editor):
    with pytest.raises(ExclusionError, match="Give a reason"):
        exclude(reviewer=reviewer, reason=" ", actor=editor)
    with pytest.raises(ExclusionError, match="not excluded"):
        include(reviewer=reviewer, reason="why not", actor=editor)
    exclude(reviewer=reviewer, reason="too fast", actor=editor)
    with pytest.raises(ExclusionError, match="already excluded: too fast"):
        exclude(reviewer=reviewer, reason="again", actor=editor)


def test_excluding_somebody_without_votes_ranks_nothing_anew(world, reviewer, editor):
    exclude(reviewer=reviewer, reason="left the team", actor=editor)
    assert not OrmQ.objects.exists()
    assert not TaskTally.objects.exists()


def test_a_user_is_one_reviewer_and_keeps_their_name(make_user):
    user = make_user(Role.REVIEWER, "mara")
    first = reviewer_of(user)
    user.first_name, user.last_name = "Mara", "Lindqvist"
    user.save()
    assert reviewer_of(user) == first
    assert reviewer_of(user).name == "Mara Lindqvist"


def test_imported_people_are_known_by_source_and_name(db):
    first = imported_reviewers(source="arena.csv", names=["judge 1"])["judge 1"]
    assert imported_reviewers(source="arena.csv", names=["judge 1"])["judge 1"] == first
    assert imported_reviewers(source="other.csv", names=["judge 1"])["judge 1"] != first
    many = imported_reviewers(source="arena.csv", names=["judge 1", "judge 2", "", "j" * 300, "j" * 301])
    assert many["judge 1"] == first
    assert len({reviewer.pk for reviewer in many.values()}) == 5
    with pytest.raises(ValueError, match="user"):
        imported_reviewers(source="user", names=["1"])
