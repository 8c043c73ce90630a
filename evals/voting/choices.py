"""A choice on the page (left, right, tie, both_bad) and the outcome that it is, by the answer shown left. Pure.

Reviewers see and post choices; votes, tallies and gold battles hold outcomes.
"""

from __future__ import annotations

from typing import Literal

from evals.models import Ballot
from evals.models.votes import Outcome, Side

__all__ = ["Choice", "choice_of", "outcome_of", "side_at"]

Choice = Literal["left", "right", "tie", "both_bad"]
_OTHER = {Side.LO: Side.HI, Side.HI: Side.LO}


def side_at(place: str, left: str) -> Side:
    """Which of the battle's two answers stands at this place (left, right), where `left` is shown left. ValueError for
    another word."""
    if place == Ballot.Choice.LEFT:
        return Side(left)
    if place == Ballot.Choice.RIGHT:
        return _OTHER[Side(left)]
    raise ValueError(f"{place!r} is not a side: give left or right.")


def outcome_of(choice: str, left: str) -> Outcome:
    """The outcome that a choice is. ValueError for another word."""
    if choice not in Ballot.Choice.values:
        raise ValueError(f"{choice!r} is not a choice: give left, right, tie or both_bad.")
    if choice in (Outcome.TIE, Outcome.BOTH_BAD):
        return Outcome(choice)
    return Outcome(side_at(choice, left))


def choice_of(outcome: str, left: str) -> str:
    """The choice that gives this outcome where `left` is shown left."""
    if outcome in (Outcome.TIE, Outcome.BOTH_BAD):
        return outcome
    return Ballot.Choice.LEFT if outcome == left else Ballot.Choice.RIGHT
