"""Leaderboards in their public form, with what contenders were chosen for and the boards of a rubric's dimensions:
`rank --json`, and the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evals.leaderboards.queries import LeaderboardView, dimension_boards
from evals.voting.queries.reasons import ChosenFor, chosen_for

__all__ = ["document_of", "documents"]


def documents(boards: Sequence[LeaderboardView]) -> list[dict[str, Any]]:
    """One for each board; dimensions stand below their category alone. Two queries."""
    below = dimension_boards([board.category for board in boards])
    reasons = chosen_for([board.category for board in boards])
    return [
        _document(board, reasons.get(board.category, {}))
        | {"dimensions": [_document(one, {}) for one in below.get(board.category, ())]}
        for board in boards
    ]


def document_of(board: LeaderboardView) -> dict[str, Any]:
    """Of the board alone, without reasons and dimensions. No query."""
    return _document(board, {}) | {"dimensions": []}


def _document(board: LeaderboardView, reasons: Mapping[str, ChosenFor]) -> dict[str, Any]:
    document = board.document()
    for row in (*document["ratings"], *document["retired"]):
        given = reasons.get(str(row["contender"]))
        row["reasons"] = [{"reason": one.reason, "votes": one.votes} for one in given.reasons] if given else []
    return document
