"""When are two results the same result?"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from evals.ratings import CENTRE, Rating, Standings

POINTS = ("rating", "ci95", "panel", "people")

# What a leaderboard is reproduced to: of each figure, or where that is near nothing, of its scale.
REPRODUCED = 1e-9


def close(expected: Any, *, scale: float = 1.0) -> Any:
    """`scale` is CENTRE for what is told in points: the end of an interval may lie near 0 by accident."""
    return expected if expected is None else pytest.approx(expected, rel=REPRODUCED, abs=REPRODUCED * scale)


def close_points(expected: Any) -> Any:
    return close(expected, scale=CENTRE)


def assert_same(found: Standings, expected: Standings, *, elo: bool = True) -> None:
    """Every figure to 1e-9; names, counts, order, ranks and the draws behind them exactly. Not the solver's steps.

    `elo` false: the votes may have come in another order.
    """
    aside = {"ratings", "elo", "iterations"}
    for name in (field.name for field in fields(Standings) if field.name not in aside):
        assert getattr(found, name) == _loose(getattr(expected, name)), name
    if elo:
        assert found.elo == close(dict(expected.elo))
    assert len(found.ratings) == len(expected.ratings)
    for ours, theirs in zip(found.ratings, expected.ratings, strict=True):
        for name in (field.name for field in fields(Rating) if elo or field.name != "elo"):
            value = getattr(theirs, name)
            same = close_points(value) if name in POINTS else _loose(value)
            assert getattr(ours, name) == same, f"{theirs.contender}: {name}"


def _loose(value: Any) -> Any:
    """Figures to 1e-9, everything else to the letter."""
    if isinstance(value, np.ndarray):
        return close(value) if value.dtype.kind == "f" else pytest.approx(value, rel=0, abs=0)
    return close(value) if isinstance(value, float) else value
