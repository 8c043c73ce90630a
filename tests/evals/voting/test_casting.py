"""A choice, sent once or twice, held, taken back and given anew, and counted."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from django_q.models import OrmQ

from arena.models import Role
from evals.leaderboards.chores import sweep
from evals.models import Ballot, Category, Generation, Ledger, Reason, ReasonTally, ReviewerTally, Task, Vote
from evals.voting import chores
from evals.voting.casting import (
    BallotClosedError,
    BattleWithdrawnError,
    ForeignBallotError,
    InvalidVoteError,
    Remarks,
    TooLateToUndoError,
    cast_vote,
    reopen,
    report,
    skip,
)
from evals.voting.counting import count_votes
from evals.voting.drawing import draw
from evals.voting.holding import hold
from evals.voting.queries.battles import last_closed
from evals.voting.reviewers import exclude, include
from evals.voting.tallies import rebuild

from .conftest import cast, count_now, undo

pytestmark = pytest.mark.on_both(because="a vote locks the ledger's row")


@pytest.fixture
def ballot(world, reviewer):
    return draw(category=world.category, reviewer=reviewer)


@pytest.mark.parametrize("left", ["lo", "hi"])
@pytest.mark.parametrize(
    ("choice", "outcome"), [("left", "left"), ("right", "right"), ("tie", "tie"), ("both_bad", "both_bad")]
)
def test_sides_are_translated_by_the_ballot(ballot, reviewer, left, choice, outcome):
    Ballot.objects.filter(pk=ballot.pk).update(left=left)
    vote = cast(ballot=ballot, choice=choice, reviewer=reviewer)
    other = {"lo": "hi", "hi": "lo"}
    assert vote.outcome == {"left": left, "right": other[left]}.get(outcome, outcome)
    assert vote.left == left
    assert (vote.lo_id, vote.hi_id) == (ballot.battle.lo.contender_id, ballot.battle.hi.contender_id)
    assert (vote.seq, vote.n, vote.task_id) == (1, 1, ballot.battle.task_id)


def test_a_vote_sent_twice_is_one_vote_whatever_the_second_says(ballot, reviewer):
    cast_vote(ballot=ballot, choice="left", reviewer=reviewer)
    again = cast_vote(ballot=Ballot.objects.get(), choice="right", reviewer=reviewer)
    assert again.choice == "left"
    count_now(ballot.category)
    assert cast_vote(ballot=Ballot.objects.get(), choice="right", reviewer=reviewer).choice == "left"
    assert Vote.objects.count() == 1


# Held votes


def test_nothing_moves_while_a_vote_is_held(ballot, reviewer, world):
    before = timezone.now()
    cast_vote(ballot=ballot, choice="left", reviewer=reviewer)
    assert count_votes(category=world.category) == 0
    ledger = Ledger.objects.get(category=world.category)
    assert (ledger.seq, ledger.votes, ledger.rank_enqueued_at) == (0, 0, None)
    assert not Vote.objects.exists()
    assert not ReviewerTally.objects.exists()
    assert not Task.objects.exclude(votes_cast=0).exists()
    stored = Ballot.objects.get()
    assert (stored.state, stored.choice, stored.counted_at) == ("voted", "left", None)
    assert before <= stored.closed_at <= timezone.now()


def test_a_vote_counts_once_its_time_is_over(ballot, reviewer, world):
    cast_vote(ballot=ballot, choice="left", reviewer=reviewer)
    assert count_now(world.category) == 1
    assert count_now(world.category) == 0
    ledger = Ledger.objects.get(category=world.category)
    assert (ledger.seq, ledger.votes, ledger.comparing) == (1, 1, 1)
    assert ledger.rank_enqueued_at is not None
    assert Vote.objects.get().cast_at == ballot.closed_at
    assert Task.objects.get(pk=ballot.battle.task_id).votes_cast == 1


def test_one_chore_comes_back_until_every_vote_counts(world, reviewer):
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        for seconds in (0, 4):
            clock.move_to(start + timedelta(seconds=seconds))
            cast_vote(ballot=draw(category=world.category, reviewer=reviewer), choice="left", reviewer=reviewer)
        waiting = OrmQ.objects.get()
        assert waiting.lock == start + hold()
        clock.move_to(start + hold())
        waiting.delete()
        assert chores.count(world.category.pk) == 1
        later = OrmQ.objects.order_by("lock").last()
        assert later.lock == start + timedelta(seconds=4) + hold()
        clock.move_to(later.lock)
        assert chores.count(world.category.pk) == 1
    assert Vote.objects.count() == 2
    assert Ledger.objects.get(category=world.category).count_enqueued_at is None


def test_the_sweep_counts_what_a_lost_chore_left(ballot, reviewer, world):
    cast_vote(ballot=ballot, choice="left", reviewer=reviewer)
    OrmQ.objects.all().delete()
    with time_machine.travel(timezone.now() + hold() + timedelta(seconds=1)):
        sweep()
    assert Vote.objects.count() == 1


# Undo


def test_undo_opens_the_same_ballot_with_the_same_sides_and_leaves_no_trace(ballot, reviewer, world):
    left = ballot.left
    remarks = Remarks(comment="B is wrong about the date")
    cast_vote(ballot=ballot, choice="left", reviewer=reviewer, remarks=remarks)
    reopened = undo(reviewer, world.category)
    assert (reopened.pk, reopened.state, reopened.left, reopened.choice) == (ballot.pk, "open", left, "")
    assert reopened.comment == "B is wrong about the date"
    assert count_now(world.category) == 0
    assert draw(category=world.category, reviewer=reviewer) == ballot
    assert cast(ballot=reopened, choice="tie", reviewer=reviewer).outcome == "tie"
    assert Vote.objects.count() == 1


def test_an_undo_sent_twice_takes_back_one_vote(world, reviewer):
    ballots = []
    for _ in range(2):
        ballots.append(draw(category=world.category, reviewer=reviewer))
        cast_vote(ballot=ballots[-1], choice="left", reviewer=reviewer)
    reopen(ballot=ballots[1], reviewer=reviewer)
    reopen(ballot=ballots[1], reviewer=reviewer)
    assert [Ballot.objects.get(pk=ballot.pk).state for ballot in ballots] == ["voted", "open"]


def test_undo_goes_back_one_by_one_over_votes_and_skips(world, reviewer):
    ballots = [draw(category=world.category, reviewer=reviewer)]
    cast_vote(ballot=ballots[0], choice="left", reviewer=reviewer)
    ballots.append(draw(category=world.category, reviewer=reviewer))
    skip(ballot=ballots[1])
    assert undo(reviewer, world.category) == ballots[1]
    assert undo(reviewer, world.category) == ballots[0]
    assert last_closed(reviewer, world.category) is None


@pytest.mark.parametrize("counted", [False, True])
def test_a_vote_whose_time_is_over_is_final(ballot, reviewer, world, counted):
    cast_vote(ballot=ballot, choice="left", reviewer=reviewer)
    if counted:
        count_now(world.category)
    with time_machine.travel(timezone.now() + hold() + timedelta(seconds=1)):
        with pytest.raises(TooLateToUndoError, match="for 10 seconds"):
            reopen(ballot=ballot, reviewer=reviewer)
        assert last_closed(reviewer, world.category) is None
    assert Ballot.objects.get().choice == "left"


def test_a_vote_that_counts_is_not_undone_even_by_a_clock_that_went_back(ballot, reviewer, world):
    cast(ballot=ballot, choice="left", reviewer=reviewer)
    with pytest.raises(TooLateToUndoError):
        reopen(ballot=ballot, reviewer=reviewer)


def test_without_a_hold_there_is_no_undo(ballot, reviewer, world, settings):
    settings.ARENA_VOTE_HOLD_S = 0
    cast_vote(ballot=ballot, choice="left", reviewer=reviewer)
    with pytest.raises(TooLateToUndoError):
        reopen(ballot=ballot, reviewer=reviewer)
    assert count_votes(category=world.category) == 1


# Skips and reports


def test_a_skip_is_no_vote_and_takes_none(ballot, reviewer, world):
    assert skip(ballot=ballot, reason="too_long").state == Ballot.State.SKIPPED
    assert Ballot.objects.get().skip_reason == "too_long"
    with pytest.raises(BallotClosedError, match="skipped"):
        cast_vote(ballot=ballot, choice="left", reviewer=reviewer)
    assert count_now(world.category) == 0
    with pytest.raises(InvalidVoteError, match="'bored' is not a reason"):
        skip(ballot=ballot, reason="bored")


def test_a_skip_after_the_vote_changes_nothing(ballot, reviewer):
    cast_vote(ballot=ballot, choice="left", reviewer=reviewer)
    assert skip(ballot=Ballot.objects.get()).state == Ballot.State.VOTED


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_report_quarantines_the_answer_at_that_side(ballot, reviewer, side):
    report(ballot=ballot, side=side, detail="  says it is\nGranit ")
    shown_left, other = (ballot.battle.lo_id, ballot.battle.hi_id)[:: 1 if ballot.left == "lo" else -1]
    reported = Generation.objects.get(pk=shown_left if side == "left" else other)
    assert reported.quarantine == "reported by mara: says it is Granit"
    assert Generation.objects.exclude(quarantine="").count() == 1
    assert Ballot.objects.get().state == Ballot.State.REPORTED
    with pytest.raises(BallotClosedError, match="reported"):
        cast_vote(ballot=ballot, choice="left", reviewer=reviewer)
    with pytest.raises(BallotClosedError, match="no longer shown"):
        reopen(ballot=ballot, reviewer=reviewer)


def test_somebody_elses_ballot_is_refused(ballot, make_reviewer):
    stranger = make_reviewer("stranger")
    for act in (cast_vote, reopen):
        with pytest.raises(ForeignBallotError):
            act(ballot=ballot, reviewer=stranger, **({"choice": "left"} if act is cast_vote else {}))
    assert Ballot.objects.get().state == Ballot.State.OPEN


def test_a_battle_withdrawn_meanwhile_is_refused(ballot, reviewer):
    contender = ballot.battle.hi.contender
    contender.retired_at = timezone.now()
    contender.save()
    with pytest.raises(BattleWithdrawnError, match="nothing was saved"):
        cast_vote(ballot=ballot, choice="left", reviewer=reviewer)
    assert Ballot.objects.get().state == Ballot.State.OPEN


def test_an_unknown_choice_is_an_error_and_no_tie(ballot, reviewer):
    with pytest.raises(InvalidVoteError, match="not a choice"):
        cast_vote(ballot=ballot, choice="lo", reviewer=reviewer)
    assert Ballot.objects.get().state == Ballot.State.OPEN


# What a vote says beside the choice


def test_reasons_count_for_the_answer_that_was_chosen_as_long_as_the_reviewer_counts(
    world, reviewer, make_user, ballot
):
    shorter = Reason.objects.create(category=world.category, key="1", label="shorter")
    remarks = Remarks(strength="clearly", reasons=[shorter.pk], comment=" to the point\u0007 ")
    Category.objects.filter(pk=world.category.pk).update(ask_strength=True)
    ballot.category.refresh_from_db()
    Ballot.objects.filter(pk=ballot.pk).update(left="lo")
    cast_vote(ballot=ballot, choice="right", reviewer=reviewer, remarks=remarks)
    stored = Ballot.objects.get()
    assert (stored.strength, stored.reasons, stored.comment) == ("clearly", [shorter.pk], "to the point")
    assert not ReasonTally.objects.exists()
    count_now(world.category)
    counted = lambda: list(ReasonTally.objects.values_list("reason", "contender", "votes"))  # noqa: E731
    assert counted() == [(shorter.pk, ballot.battle.hi.contender_id, 1)]
    editor = make_user(Role.EDITOR)
    exclude(reviewer=reviewer, reason="too fast", actor=editor)
    assert counted() == [(shorter.pk, ballot.battle.hi.contender_id, 0)]
    include(reviewer=reviewer, reason="not so fast", actor=editor)
    assert counted() == [(shorter.pk, ballot.battle.hi.contender_id, 1)]


def test_a_strength_that_the_category_does_not_ask_for_is_not_kept(reviewer, ballot):
    cast_vote(ballot=ballot, choice="left", reviewer=reviewer, remarks=Remarks(strength="clearly"))
    assert Ballot.objects.get(pk=ballot.pk).strength == ""


def test_a_dimension_has_votes_tallies_and_a_ledger_of_its_own(world, reviewer, ballot):
    tone = Category.objects.create(slug="code--tone", name="Tone", dimension_of=world.category)
    assert tone not in Category.objects.all()
    remarks = Remarks(dimensions={"code--tone": "right"})
    Ballot.objects.filter(pk=ballot.pk).update(left="hi")
    cast_vote(ballot=ballot, choice="tie", reviewer=reviewer, remarks=remarks)
    count_now(world.category)
    outcomes = {vote.category_id: (vote.outcome, vote.seq, vote.n) for vote in Vote.objects.all()}
    assert outcomes == {world.category.pk: ("tie", 1, 1), tone.pk: ("lo", 1, 1)}
    assert ReviewerTally.objects.get(category=tone).lo_wins + ReviewerTally.objects.get(category=tone).hi_wins == 1
    assert Ledger.objects.get(category=tone).comparing == 1
    assert Ledger.objects.get(category=tone).rank_enqueued_at is not None


@pytest.mark.parametrize(
    ("remarks", "message"),
    [
        (Remarks(strength="very"), "'very' is not a strength"),
        (Remarks(reasons=[99]), "no reason with the id 99"),
        (Remarks(dimensions={"tone": "left"}), "no dimension 'tone'"),
        (Remarks(comment="x" * 2001), "2,001 characters; the limit is 2,000"),
    ],
)
def test_what_the_category_does_not_ask_is_refused_and_nothing_is_saved(ballot, reviewer, remarks, message):
    with pytest.raises(InvalidVoteError, match=message):
        cast_vote(ballot=ballot, choice="left", reviewer=reviewer, remarks=remarks)
    assert Ballot.objects.get().state == Ballot.State.OPEN


def test_the_ledgers_counts_are_those_of_its_tallies(world, make_reviewer):
    reviewer = make_reviewer("mara")
    for choice in ("left", "both_bad", "tie"):
        cast(ballot=draw(category=world.category, reviewer=reviewer), choice=choice, reviewer=reviewer)
    counts = lambda: Ledger.objects.values_list("votes", "comparing").get(category=world.category)  # noqa: E731
    assert counts() == (3, 2)
    rebuild(world.category)
    assert counts() == (3, 2)


def test_many_votes_enqueue_one_ranking(world, reviewer):
    for _ in range(5):
        cast_vote(ballot=draw(category=world.category, reviewer=reviewer), choice="left", reviewer=reviewer)
    assert OrmQ.objects.count() == 1
    count_now(world.category)
    ledger = Ledger.objects.get(category=world.category)
    assert (ledger.seq, OrmQ.objects.count()) == (5, 2)
    assert ledger.rank_enqueued_at is not None
