"""Many voters at once, each a thread with a connection of its own: nothing is lost, nothing doubled."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django_q.models import OrmQ

from arena.models import Role
from evals.models import Ballot, Ledger, Vote
from evals.voting.casting import TooLateToUndoError, cast_vote, reopen
from evals.voting.counting import count_votes
from evals.voting.drawing import draw, draw_hand
from evals.voting.reviewers import exclude, include, reviewer_of

from .conftest import World, cast, count_now, undo
from .test_tallies import assert_equal_to_a_rebuild

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.on_both(because="voters race for the same rows")]

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
                cast_vote(ballot=ballot, choice=side, reviewer=reviewer)
                cast_vote(ballot=ballot, choice="both_bad", reviewer=reviewer)
            undo(reviewer, world.category)
            count_votes(category=world.category)

        return vote

    at_once([voting(reviewer) for reviewer in people])
    assert not Vote.objects.exists()
    assert OrmQ.objects.count() == 1
    at_once([lambda: count_now(world.category)] * 4)
    assert_sound(world.category, votes=VOTERS * 2)
    assert Ballot.objects.filter(state=Ballot.State.VOTED).count() == VOTERS * 2


def test_one_form_sent_twenty_times_is_one_vote(make_user):
    world = World().fill(contenders=2, tasks=1)
    reviewer = reviewer_of(make_user(Role.REVIEWER, "mara"))
    ballot = draw(category=world.category, reviewer=reviewer)
    sides = ("left", "right", "tie", "both_bad")
    copies = [Ballot.objects.select_related("battle", "category").get(pk=ballot.pk) for _ in range(VOTERS)]
    stands = at_once(
        [lambda n=n: cast_vote(ballot=copies[n], choice=sides[n % 4], reviewer=reviewer) for n in range(VOTERS)]
    )
    assert {one.choice for one in stands} == {Ballot.objects.get().choice}
    at_once([lambda: count_now(world.category)] * 4)
    assert_sound(world.category, votes=1)


def test_windows_of_one_reviewer_hold_one_ballot_on_the_screen_and_one_ahead(make_user):
    world = World().fill(contenders=3, tasks=4)
    reviewer = reviewer_of(make_user(Role.REVIEWER, "mara"))
    hands = at_once([lambda: draw_hand(category=world.category, reviewer=reviewer)] * 8)
    ballots = list(Ballot.objects.order_by("pk"))
    assert [ballot.shown_at is None for ballot in ballots] == [False, True]
    assert {(hand.shown.pk, hand.ahead.pk) for hand in hands} == {tuple(ballot.pk for ballot in ballots)}


def test_an_undo_against_the_count_leaves_the_vote_or_the_open_ballot(make_user):
    """One of the two finds the vote held; never is a vote counted whose ballot is open."""
    world = World().fill(contenders=3, tasks=4)
    reviewer = reviewer_of(make_user(Role.REVIEWER, "mara"))
    for n in range(6):
        ballot = draw(category=world.category, reviewer=reviewer)
        cast_vote(ballot=ballot, choice="left", reviewer=reviewer)

        def take_back(ballot=ballot):
            with contextlib.suppress(TooLateToUndoError):
                reopen(ballot=ballot, reviewer=reviewer)

        at_once([take_back, lambda: count_now(world.category)])
        state = Ballot.objects.get(pk=ballot.pk).state
        assert Vote.objects.filter(ballot=ballot).count() == (state == Ballot.State.VOTED), n
        assert_sound(world.category, votes=Vote.objects.count())


def test_an_exclusion_amid_votes_counts_each_or_none(make_user):
    world = World().fill(contenders=3, tasks=4)
    editor = make_user(Role.EDITOR, "erik")
    people = [reviewer_of(make_user(Role.REVIEWER, f"voter{n}")) for n in range(4)]

    def voting(reviewer):
        def vote():
            for _ in range(6):
                cast(ballot=draw(category=world.category, reviewer=reviewer), choice="left", reviewer=reviewer)

        return vote

    def excluding():
        exclude(reviewer=people[0], reason="too fast", actor=editor)
        include(reviewer=people[0], reason="not so fast", actor=editor)
        exclude(reviewer=people[1], reason="too fast", actor=editor)

    at_once([excluding, *(voting(reviewer) for reviewer in people)])
    assert_sound(world.category, votes=24)
