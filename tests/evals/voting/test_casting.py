"""A verdict, sent once or twice, taken back and given anew."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from django_q.models import OrmQ

from evals.models import Ballot, Generation, Ledger, Vote
from evals.models.battles import UNDO_WITHIN
from evals.voting.casting import (
    BallotClosedError,
    BattleWithdrawnError,
    ForeignBallotError,
    TooLateToUndoError,
    cast_vote,
    reopen,
    report,
    skip,
)
from evals.voting.drawing import draw
from evals.voting.queries.battles import last_closed

from .conftest import undo


@pytest.fixture
def ballot(world, reviewer):
    return draw(category=world.category, reviewer=reviewer)


@pytest.mark.parametrize("left", ["lo", "hi"])
@pytest.mark.parametrize(
    ("side", "outcome"), [("left", "left"), ("right", "right"), ("tie", "tie"), ("both_bad", "both_bad")]
)
def test_sides_are_translated_by_the_ballot(ballot, reviewer, left, side, outcome):
    Ballot.objects.filter(pk=ballot.pk).update(left=left)
    vote = cast_vote(ballot=ballot, side=side, reviewer=reviewer)
    other = {"lo": "hi", "hi": "lo"}
    assert vote.outcome == {"left": left, "right": other[left]}.get(outcome, outcome)
    assert vote.left == left
    assert (vote.lo_id, vote.hi_id) == (ballot.battle.lo.contender_id, ballot.battle.hi.contender_id)
    assert (vote.seq, vote.n, vote.task_id) == (1, 1, ballot.battle.task_id)


def test_a_vote_sent_twice_is_one_vote_whatever_the_second_says(ballot, reviewer):
    first = cast_vote(ballot=ballot, side="left", reviewer=reviewer)
    assert cast_vote(ballot=ballot, side="right", reviewer=reviewer) == first
    assert Vote.objects.count() == 1


def test_undo_retracts_and_opens_the_same_ballot_with_the_same_sides(ballot, reviewer, world):
    vote = cast_vote(ballot=ballot, side="left", reviewer=reviewer)
    left = ballot.left
    reopened = undo(reviewer, world.category)
    assert (reopened.pk, reopened.state, reopened.left) == (ballot.pk, Ballot.State.OPEN, left)
    retraction = Vote.objects.get(supersedes=vote)
    assert (retraction.outcome, retraction.n, retraction.seq) == (None, 2, 2)
    assert draw(category=world.category, reviewer=reviewer) == ballot


def test_a_vote_after_undo_supersedes_the_retraction(ballot, reviewer, world):
    cast_vote(ballot=ballot, side="left", reviewer=reviewer)
    undo(reviewer, world.category)
    again = cast_vote(ballot=ballot, side="tie", reviewer=reviewer)
    assert (again.n, again.supersedes.outcome, again.outcome) == (3, None, "tie")
    assert list(Vote.objects.order_by("seq").values_list("seq", flat=True)) == [1, 2, 3]


def test_an_undo_sent_twice_takes_back_one_vote(world, reviewer):
    ballots = []
    for _ in range(2):
        ballots.append(draw(category=world.category, reviewer=reviewer))
        cast_vote(ballot=ballots[-1], side="left", reviewer=reviewer)
    reopen(ballot=ballots[1], reviewer=reviewer)
    reopen(ballot=ballots[1], reviewer=reviewer)
    assert [Ballot.objects.get(pk=ballot.pk).state for ballot in ballots] == ["voted", "open"]


def test_undo_goes_back_one_by_one_over_votes_and_skips(world, reviewer):
    ballots = [draw(category=world.category, reviewer=reviewer)]
    cast_vote(ballot=ballots[0], side="left", reviewer=reviewer)
    ballots.append(draw(category=world.category, reviewer=reviewer))
    skip(ballot=ballots[1])
    assert undo(reviewer, world.category) == ballots[1]
    assert undo(reviewer, world.category) == ballots[0]
    assert Vote.objects.count() == 2
    assert last_closed(reviewer, world.category) is None


def test_a_skip_is_no_vote_and_takes_none(ballot, reviewer):
    assert skip(ballot=ballot).state == Ballot.State.SKIPPED
    with pytest.raises(BallotClosedError, match="skipped"):
        cast_vote(ballot=ballot, side="left", reviewer=reviewer)
    assert not Vote.objects.exists()


def test_a_skip_after_the_vote_changes_nothing(ballot, reviewer):
    cast_vote(ballot=ballot, side="left", reviewer=reviewer)
    assert skip(ballot=ballot).state == Ballot.State.VOTED


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_report_quarantines_the_answer_at_that_side(ballot, reviewer, side):
    report(ballot=ballot, side=side, detail="  says it is\nGranit ")
    shown_left, other = (ballot.battle.lo_id, ballot.battle.hi_id)[:: 1 if ballot.left == "lo" else -1]
    reported = Generation.objects.get(pk=shown_left if side == "left" else other)
    assert reported.quarantine == "reported by mara: says it is Granit"
    assert Generation.objects.exclude(quarantine="").count() == 1
    assert Ballot.objects.get().state == Ballot.State.REPORTED
    with pytest.raises(BallotClosedError, match="reported"):
        cast_vote(ballot=ballot, side="left", reviewer=reviewer)
    with pytest.raises(BallotClosedError, match="no longer shown"):
        reopen(ballot=ballot, reviewer=reviewer)


def test_somebody_elses_ballot_is_refused(ballot, make_reviewer):
    stranger = make_reviewer("stranger")
    for act in (cast_vote, reopen):
        with pytest.raises(ForeignBallotError):
            act(ballot=ballot, reviewer=stranger, **({"side": "left"} if act is cast_vote else {}))
    assert not Vote.objects.exists()


def test_a_battle_withdrawn_meanwhile_is_refused(ballot, reviewer):
    contender = ballot.battle.hi.contender
    contender.retired_at = timezone.now()
    contender.save()
    with pytest.raises(BattleWithdrawnError, match="nothing was saved"):
        cast_vote(ballot=ballot, side="left", reviewer=reviewer)
    assert not Vote.objects.exists()


def test_an_unknown_verdict_is_an_error_and_no_tie(ballot, reviewer):
    with pytest.raises(ValueError, match="not an outcome"):
        cast_vote(ballot=ballot, side="lo", reviewer=reviewer)
    assert not Vote.objects.exists()


def test_many_votes_enqueue_one_ranking(world, reviewer):
    for _ in range(5):
        cast_vote(ballot=draw(category=world.category, reviewer=reviewer), side="left", reviewer=reviewer)
    ledger = Ledger.objects.get(category=world.category)
    assert (ledger.seq, OrmQ.objects.count()) == (5, 1)
    assert ledger.rank_enqueued_at is not None


def test_an_old_vote_is_not_taken_back(world, reviewer):
    """By then the leaderboard has told whoever watched it which answer was whose."""
    ballot = draw(category=world.category, reviewer=reviewer)
    cast_vote(ballot=ballot, side="left", reviewer=reviewer)
    with time_machine.travel(timezone.now() + UNDO_WITHIN + timedelta(seconds=1)):
        with pytest.raises(TooLateToUndoError, match="older and stays"):
            reopen(ballot=ballot, reviewer=reviewer)
        assert last_closed(reviewer, world.category) is None
    assert Vote.objects.get().outcome is not None
