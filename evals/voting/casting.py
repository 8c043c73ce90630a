"""Casting and undoing votes, skipping and reporting: each closes or opens one ballot by one conditional UPDATE.

Of two requests that close a ballot at once, one finds it open; the other is told what stands. A vote is held on its
ballot and counts later (`evals.voting.counting`). Pages show a reviewer `left` and `right`; only the ballot knows
which generation each one is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from arena.statements import Update
from arena.ui.markup import one_line, visible
from evals.collection.quarantine.cases import ReportLimitError, open_case
from evals.models import Ballot, Category, Reason, Reviewer
from evals.models.votes import Side
from evals.voting.choices import Choice, side_at
from evals.voting.counting import enqueue_count
from evals.voting.drawing import RESERVED_FOR, withdrawal
from evals.voting.holding import held, hold
from evals.voting.queries.categories import may_vote_in

__all__ = [
    "BallotClosedError",
    "BattleWithdrawnError",
    "ForeignBallotError",
    "InvalidVoteError",
    "Remarks",
    "TooLateToUndoError",
    "TooManyReportsError",
    "VotingError",
    "cast_vote",
    "reopen",
    "report",
    "skip",
]

MOST_COMMENT = 2000


class VotingError(Exception):
    """Nothing was saved; the message tells the reviewer why and what to do."""


class InvalidVoteError(VotingError, ValueError):
    """A choice, reason, strength or dimension that the ballot's category does not have, or a comment that is too
    long."""


class ForeignBallotError(VotingError):
    """The ballot was drawn for another reviewer."""


class BallotClosedError(VotingError):
    """The battle was skipped or reported, so it cannot be voted on."""


class BattleWithdrawnError(VotingError):
    """An answer was quarantined, or a contender or the category retired, while the reviewer looked at it."""


class TooManyReportsError(VotingError):
    """Editors have not confirmed the reviewer's reports of today; the ballot stays open."""


class TooLateToUndoError(VotingError):
    """The vote counts by now, so it cannot be taken back."""


@dataclass(frozen=True)
class Remarks:
    """What a reviewer may add to a vote: how much better the answer is (`slightly`, `clearly`), reasons by id, choices
    on the rubric's dimensions by slug, and a comment."""

    strength: str = ""
    reasons: Collection[int] = ()
    dimensions: Mapping[str, str] = field(default_factory=dict)
    comment: str = ""


@transaction.atomic
def cast_vote(*, ballot: Ballot, choice: Choice, reviewer: Reviewer, remarks: Remarks | None = None) -> Ballot:
    """Hold the vote on its ballot, and make sure that it gets counted. Returns the ballot as it stands.

    A ballot that has a vote keeps it, whatever `choice` is: a form sent twice is one vote, and a change goes through
    `reopen`. Raises a VotingError if the ballot is not the reviewer's, was closed without a vote, or its battle was
    withdrawn; InvalidVoteError for a choice or remark that does not exist.
    """
    if ballot.reviewer_id != reviewer.pk:
        raise ForeignBallotError("This ballot belongs to another reviewer. Nothing was saved; vote from your own page.")
    if choice not in Ballot.Choice.values:
        raise InvalidVoteError(f"{str(choice)[:20]!r} is not a choice: give left, right, tie or both_bad.")
    kept = _kept(ballot.category, choice, remarks or Remarks())
    now = timezone.now()
    if _vote(ballot, state=Ballot.State.VOTED, closed_at=now, choice=choice, **kept):
        enqueue_count(ballot.category_id, now=now)
    elif ballot.state == Ballot.State.OPEN:
        raise BattleWithdrawnError(
            "This battle was withdrawn while you looked at it, so nothing was saved. Continue with the next one."
        )
    elif ballot.state != Ballot.State.VOTED:
        raise _closed(ballot)
    return ballot


@transaction.atomic
def skip(*, ballot: Ballot, reason: str = "") -> Ballot:
    """Close the ballot without a vote; the reviewer will not see this battle again. A closed ballot stays unchanged.
    InvalidVoteError for an unknown reason."""
    if reason and reason not in Ballot.SkipReason.values:
        known = ", ".join(Ballot.SkipReason.values)
        raise InvalidVoteError(f"{reason[:20]!r} is not a reason for skipping: give one of {known}, or none.")
    _close(ballot, state=Ballot.State.SKIPPED, closed_at=timezone.now(), skip_reason=reason, withdrawn=True)
    return ballot


@transaction.atomic
def report(*, ballot: Ballot, side: Literal["left", "right"], detail: str = "") -> Ballot:
    """Take the answer on this side out: no reviewer sees it until an editor has decided. No vote is stored; earlier
    ones count. The ballot is closed even where an editor has released the answer after the same report."""
    answer = ballot.battle.lo if side_at(side, ballot.left) == Side.LO else ballot.battle.hi
    if not _close(ballot, state=Ballot.State.REPORTED, closed_at=timezone.now()):
        if ballot.state == Ballot.State.REPORTED:
            return ballot
        if ballot.state == Ballot.State.OPEN:
            raise BattleWithdrawnError("This battle was withdrawn already. Continue with the next one.")
        raise _closed(ballot)
    why = one_line(detail)
    try:
        open_case(generation=answer, reporter=ballot.reviewer, why=why, ballot=ballot, side=side)
    except ReportLimitError as error:
        raise TooManyReportsError(str(error)) from error
    return ballot


@transaction.atomic
def reopen(*, ballot: Ballot, reviewer: Reviewer) -> Ballot:
    """Take back a vote that is still held, or a skip, and open the ballot again; what was added to the vote stays on
    it, for the next one. An open ballot stays unchanged, so that an undo sent twice takes back one vote. A skip stays
    one where the category is no longer the reviewer's to vote in: by then they may read its leaderboard."""
    if ballot.reviewer_id != reviewer.pk:
        raise ForeignBallotError("This ballot belongs to another reviewer. Nothing was changed.")
    if ballot.state == Ballot.State.SKIPPED and not may_vote_in(ballot.category, reviewer):
        raise BattleWithdrawnError(f"You can no longer vote in {ballot.category.name}, so nothing was changed.")
    now = timezone.now()
    undoable = Q(state=Ballot.State.SKIPPED) | (held() & Q(closed_at__gt=now - hold()))
    opened = Ballot.objects.filter(undoable, pk=ballot.pk).update(
        state=Ballot.State.OPEN,
        closed_at=None,
        choice="",
        skip_reason="",
        shown_at=now,
        reserved_until=now + RESERVED_FOR,
    )
    ballot.refresh_from_db(fields=_CHANGED)
    if opened or ballot.state == Ballot.State.OPEN:
        return ballot
    if ballot.state == Ballot.State.REPORTED:
        raise BallotClosedError("You reported this answer, and it is no longer shown. An editor can bring it back.")
    raise TooLateToUndoError(
        f"A vote can be undone for {hold().total_seconds():g} seconds. This one counts by now and stays."
    )


_CHANGED = [
    "state",
    "closed_at",
    "choice",
    "strength",
    "reasons",
    "dimensions",
    "comment",
    "skip_reason",
    "counted_at",
    "shown_at",
    "reserved_until",
]


def _open(*, pk: Any, lo: Any, hi: Any, category: Any) -> QuerySet[Ballot]:
    """The ballot if it is open and its battle was not withdrawn. All in one statement: between a query and an UPDATE an
    answer may be quarantined."""
    return Ballot.objects.filter(pk=pk, state=Ballot.State.OPEN).exclude(withdrawal(lo=lo, hi=hi, category=category))


_VOTE = Update(_open, "state", "closed_at", "choice", "strength", "reasons", "dimensions", "comment")


def _vote(ballot: Ballot, **changes: Any) -> bool:
    return _is_closed(ballot, _VOTE.run(**_named(ballot), **changes), changes)


def _named(ballot: Ballot) -> dict[str, int]:
    battle = ballot.battle
    return {"pk": ballot.pk, "lo": battle.lo_id, "hi": battle.hi_id, "category": ballot.category_id}


def _close(ballot: Ballot, *, withdrawn: bool = False, **changes: Any) -> bool:
    """Whether this call closed the ballot, which must be open, and its battle not withdrawn unless that is allowed."""
    open_ballot = Ballot.objects.filter(pk=ballot.pk, state=Ballot.State.OPEN) if withdrawn else _open(**_named(ballot))
    return _is_closed(ballot, open_ballot.update(**changes), changes)


def _is_closed(ballot: Ballot, closed: int, changes: Mapping[str, Any]) -> bool:
    """Either way `ballot` then is what is stored."""
    if closed:
        for name, value in changes.items():
            setattr(ballot, name, value)
    else:
        ballot.refresh_from_db(fields=_CHANGED)
    return bool(closed)


def _closed(ballot: Ballot) -> BallotClosedError:
    done = {Ballot.State.SKIPPED: "skipped", Ballot.State.REPORTED: "reported"}.get(
        Ballot.State(ballot.state), "voted on"
    )
    undo = " Undo that first to vote on it." if ballot.state == Ballot.State.SKIPPED else ""
    return BallotClosedError(f"You have {done} this battle already, so nothing was saved.{undo}")


def _kept(category: Category, choice: str, remarks: Remarks) -> dict[str, Any]:
    """The remarks as the ballot stores them."""
    if remarks.strength and remarks.strength not in Ballot.Strength.values:
        raise InvalidVoteError(f"{remarks.strength[:20]!r} is not a strength: give slightly, clearly or none.")
    comment = visible(remarks.comment).strip()
    if len(comment) > MOST_COMMENT:
        raise InvalidVoteError(f"The comment has {len(comment):,} characters; the limit is {MOST_COMMENT:,}.")
    one_is_better = choice in (Ballot.Choice.LEFT, Ballot.Choice.RIGHT)
    return {
        # A page that was open when an editor stopped asking may still send it.
        "strength": remarks.strength if one_is_better and category.ask_strength else "",
        "reasons": _reasons(category, remarks.reasons),
        "dimensions": _dimensions(category, remarks.dimensions),
        "comment": comment,
    }


def _reasons(category: Category, ids: Collection[int]) -> list[int]:
    if not ids:
        return []
    known = set(Reason.objects.filter(category=category, retired_at__isnull=True).values_list("pk", flat=True))
    if unknown := set(ids) - known:
        raise InvalidVoteError(
            f"{category.name} has no reason with the id {min(unknown)}. Reload the page: its reasons have changed."
        )
    return sorted(set(ids))


def _dimensions(category: Category, choices: Mapping[str, str]) -> dict[str, str]:
    if not choices:
        return {}
    rubric = Category.with_dimensions.filter(dimension_of=category, retired_at__isnull=True)
    known = set(rubric.values_list("slug", flat=True))
    for slug, choice in choices.items():
        if slug not in known:
            raise InvalidVoteError(
                f"{category.name} has no dimension {slug[:80]!r}. Reload the page: its rubric changed."
            )
        if choice not in Ballot.Choice.values:
            raise InvalidVoteError(f"{choice[:20]!r} is not a choice for {slug}: give left, right, tie or both_bad.")
    return dict(sorted(choices.items()))
