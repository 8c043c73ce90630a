"""Many voters at once, each a thread with a connection of its own: nothing is lost, nothing doubled."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django_q.models import OrmQ

from arena.models import Role
from evals.models import Ballot, Ledger, Vote
from evals.voting.casting import cast_vote
from evals.voting.drawing import draw
from evals.voting.reviewers import exclude, include, reviewer_of

from .conftest import World, undo
from .test_tallies import assert_equal_to_a_rebuild

pytestmark = pytest.mark.django_db(transaction=True)

VOTERS = 20


def at_once(acts):
    """Run the acts in threads that start together; raise what any of them raised."""
    start = threading.Barrier(len(acts))

    def run(act):
        try:
            start.wait()
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result() for future in [pool.submit(run, act) for act in acts]]


def assert_sound(category, votes):
    seqs = list(Vote.objects.filter(category=category).order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, votes + 1))
    assert Ledger.objects.get(category=category).seq == votes
    assert_equal_to_a_rebuild(category)


def test_twenty_voters_lose_and_double_nothing(make_user):
    world = World().fill(contenders=3, tasks=4)
    people = [reviewer_of(make_user(Role.REVIEWER, f"voter{n}")) for n in range(VOTERS)]

    def voting(reviewer):
        def vote():
            for side in ("left", "right", "tie"):
                ballot = draw(category=world.category, reviewer=reviewer)
                cast_vote(ballot=ballot, side=side, reviewer=reviewer)
                cast_vote(ballot=ballot, side="both_bad", reviewer=reviewer)
            undo(reviewer, world.category)

        return vote

    at_once([voting(reviewer) for reviewer in people])
    assert_sound(world.category, votes=VOTERS * 4)
    assert Ballot.objects.filter(state=Ballot.State.VOTED).count() == VOTERS * 2
    assert OrmQ.objects.count() == 1


def test_one_form_sent_twenty_times_is_one_vote(make_user):
    world = World().fill(contenders=2, tasks=1)
    reviewer = reviewer_of(make_user(Role.REVIEWER, "mara"))
    ballot = draw(category=world.category, reviewer=reviewer)
    sides = ("left", "right", "tie", "both_bad")
    votes = at_once([lambda n=n: cast_vote(ballot=ballot, side=sides[n % 4], reviewer=reviewer) for n in range(VOTERS)])
    assert len({vote.pk for vote in votes}) == 1
    assert_sound(world.category, votes=1)


def test_windows_of_one_reviewer_share_one_open_ballot(make_user):
    world = World().fill(contenders=3, tasks=4)
    reviewer = reviewer_of(make_user(Role.REVIEWER, "mara"))
    ballots = at_once([lambda: draw(category=world.category, reviewer=reviewer)] * 8)
    assert len({ballot.pk for ballot in ballots}) == 1
    assert Ballot.objects.count() == 1


def test_an_exclusion_amid_votes_counts_each_or_none(make_user):
    world = World().fill(contenders=3, tasks=4)
    editor = make_user(Role.EDITOR, "erik")
    people = [reviewer_of(make_user(Role.REVIEWER, f"voter{n}")) for n in range(4)]

    def voting(reviewer):
        def vote():
            for _ in range(6):
                cast_vote(ballot=draw(category=world.category, reviewer=reviewer), side="left", reviewer=reviewer)

        return vote

    def excluding():
        exclude(reviewer=people[0], reason="too fast", actor=editor)
        include(reviewer=people[0], reason="not so fast", actor=editor)
        exclude(reviewer=people[1], reason="too fast", actor=editor)

    at_once([excluding, *(voting(reviewer) for reviewer in people)])
    assert_sound(world.category, votes=24)
