"""Casting, changing and undoing votes. A vote is a row that stays; undo and change add rows.

Every function locks the category's ledger first, then the ballot. Pages show a reviewer `left` and `right`; only the
ballot knows which generation each one is.
"""

from __future__ import annotations

from typing import Literal

from django.db import transaction
from django.utils import timezone

from arena.ui.markup import visible
from evals.models import Ballot, Category, Ledger, Reviewer, Vote
from evals.models.battles import UNDO_WITHIN
from evals.models.votes import Outcome, Side
from evals.voting import ledger, tallies
from evals.voting.drawing import RESERVED_FOR, is_withdrawn
from evals.voting.tallies import VoteFacts

__all__ = [
    "BallotClosedError",
    "BattleWithdrawnError",
    "Choice",
    "ForeignBallotError",
    "TooLateToUndoError",
    "VotingError",
    "cast_vote",
    "reopen",
    "report",
    "skip",
]

Choice = Literal["left", "right", "tie", "both_bad"]


class VotingError(Exception):
    """Nothing was saved; the message tells the reviewer why and what to do."""


class ForeignBallotError(VotingError):
    """The ballot was drawn for another reviewer."""


class BallotClosedError(VotingError):
    """The battle was skipped or reported, so it cannot be voted on."""


class BattleWithdrawnError(VotingError):
    """An answer was quarantined, or a contender or the category retired, while the reviewer looked at it."""


class TooLateToUndoError(VotingError):
    """The vote has counted for too long to be taken back."""


@transaction.atomic
def cast_vote(*, ballot: Ballot, side: Choice, reviewer: Reviewer) -> Vote:
    """Store the vote, count it, and make sure that the category gets ranked.

    A ballot that has a vote keeps it, whatever `side` is: a form sent twice is one vote, and a change goes through
    `reopen`. Raises a VotingError if the ballot is not the reviewer's, was closed without a vote, or its battle was
    withdrawn; ValueError for an unknown `side`.
    """
    book, ballot = _locked(ballot)
    if ballot.reviewer_id != reviewer.pk:
        raise ForeignBallotError("This ballot belongs to another reviewer. Nothing was saved; vote from your own page.")
    outcome = _outcome(ballot, side)
    last = ballot.votes.order_by("-n").first()
    if ballot.state == Ballot.State.VOTED and last is not None:
        return last
    _refuse_unless_open(ballot)
    vote = _write(book, ballot, last, outcome)
    tallies.move(category=book.category, added=[VoteFacts.of(vote)])
    _close(ballot, Ballot.State.VOTED)
    return vote


@transaction.atomic
def skip(*, ballot: Ballot) -> Ballot:
    """Close the ballot without a vote; the reviewer will not see this battle again. A closed ballot stays unchanged."""
    _, ballot = _locked(ballot)
    if ballot.state == Ballot.State.OPEN:
        _close(ballot, Ballot.State.SKIPPED)
    return ballot


@transaction.atomic
def report(*, ballot: Ballot, side: Literal["left", "right"], detail: str = "") -> Ballot:
    """Quarantine the answer on this side: it is not shown to reviewers any more. No vote is stored; earlier ones
    count."""
    _, ballot = _locked(ballot)
    if ballot.state == Ballot.State.REPORTED:
        return ballot
    _refuse_unless_open(ballot)
    answer = ballot.battle.lo if _shown_at(ballot, side) == Side.LO else ballot.battle.hi
    why = " ".join(visible(detail).split()) or "reveals which model wrote it"
    answer.quarantine = f"reported by {ballot.reviewer.name}: {why}"[:255]
    answer.save(update_fields=["quarantine"])
    _close(ballot, Ballot.State.REPORTED)
    return ballot


@transaction.atomic
def reopen(*, ballot: Ballot, reviewer: Reviewer) -> Ballot:
    """Retract this ballot's vote, if it has one that is younger than `UNDO_WITHIN`, and open the ballot again. An open
    ballot stays unchanged, so that an undo sent twice retracts one vote."""
    book, ballot = _locked(ballot)
    if ballot.reviewer_id != reviewer.pk:
        raise ForeignBallotError("This ballot belongs to another reviewer. Nothing was changed.")
    if ballot.state == Ballot.State.OPEN:
        return ballot
    if ballot.state == Ballot.State.REPORTED:
        raise BallotClosedError("You reported this answer, and it is no longer shown. An editor can bring it back.")
    last = ballot.votes.order_by("-n").first()
    if last is not None and last.outcome is not None:
        if not ballot.can_be_undone:
            minutes = UNDO_WITHIN.seconds // 60
            raise TooLateToUndoError(f"A vote can be undone for {minutes} minutes. This one is older and stays.")
        _write(book, ballot, last, None)
        tallies.move(category=book.category, removed=[VoteFacts.of(last)])
    ballot.state, ballot.closed_at = Ballot.State.OPEN, None
    ballot.reserved_until = timezone.now() + RESERVED_FOR
    ballot.save(update_fields=["state", "closed_at", "reserved_until"])
    return ballot


def _locked(ballot: Ballot) -> tuple[Ledger, Ballot]:
    """Ledger, then ballot, both locked and read again."""
    category = Category.objects.get(tasks__battles__ballots=ballot)
    book = ledger.lock(category)
    book.category = category
    related = Ballot.objects.select_for_update(of=("self",)).select_related("battle__lo", "battle__hi", "reviewer")
    return book, related.defer("battle__lo__text", "battle__hi__text").get(pk=ballot.pk)


def _refuse_unless_open(ballot: Ballot) -> None:
    if ballot.state != Ballot.State.OPEN:
        done = "skipped" if ballot.state == Ballot.State.SKIPPED else "reported"
        raise BallotClosedError(f"You {done} this battle, so nothing was saved. Undo that first to vote on it.")
    if is_withdrawn(ballot):
        raise BattleWithdrawnError(
            "This battle was withdrawn while you looked at it, so nothing was saved. Continue with the next one."
        )


def _shown_at(ballot: Ballot, side: str) -> Side:
    left = Side(ballot.left)
    if side == "left":
        return left
    if side == "right":
        return Side.HI if left == Side.LO else Side.LO
    raise ValueError(f"{side!r} is not a side: give left or right.")


def _outcome(ballot: Ballot, side: str) -> Outcome:
    if side in (Outcome.TIE, Outcome.BOTH_BAD):
        return Outcome(side)
    try:
        return Outcome(_shown_at(ballot, side))
    except ValueError:
        raise ValueError(f"{side!r} is not an outcome: give left, right, tie or both_bad.") from None


def _write(book: Ledger, ballot: Ballot, last: Vote | None, outcome: Outcome | None) -> Vote:
    (seq,) = ledger.take_seqs(book, 1)
    battle = ballot.battle
    vote = Vote.objects.create(
        category_id=book.category_id,
        seq=seq,
        ballot=ballot,
        n=1 if last is None else last.n + 1,
        supersedes=last,
        reviewer_id=ballot.reviewer_id,
        task_id=battle.task_id,
        lo_id=battle.lo.contender_id,
        hi_id=battle.hi.contender_id,
        left=ballot.left,
        outcome=outcome,
    )
    ledger.enqueue_rank(book)
    return vote


def _close(ballot: Ballot, state: Ballot.State) -> None:
    ballot.state, ballot.closed_at = state, timezone.now()
    ballot.save(update_fields=["state", "closed_at"])
