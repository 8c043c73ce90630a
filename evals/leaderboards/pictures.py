"""Parts of leaderboards' pages that draw: first and second in a list, ratings over time, what style does. Nothing here
queries the database or computes statistics."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from arena.ui import charts, scales, timelines
from evals.leaderboards.history import PastBoard
from evals.leaderboards.page import RatingsTable, Row, rank_words
from evals.leaderboards.queries import LeaderboardView

__all__ = ["FirstTwo", "History", "Standalone", "StylePart", "first_two", "history", "standalone", "style_part"]

# More lines than this cannot be told apart; the table beside the drawing has the same ones.
MOST_LINES = 6
# What the counts of `evals.ratings.features` are called on pages.
_WORDS = {
    "length": ("Length", "characters"),
    "lists": ("Lists", "list items"),
    "headers": ("Headers", "headers"),
    "code": ("Code", "blocks of code"),
    "bold": ("Bold", "bold runs"),
}


@dataclass(frozen=True)
class FirstTwo:
    """The first contenders of a board on an axis of their own: (slug, rating, whisker) each."""

    rows: tuple[tuple[str, float, charts.Whisker], ...]


def first_two(board: LeaderboardView) -> FirstTwo:
    intervals = [scales.Interval(one.ci95[0], one.rating, one.ci95[1]) for one in board.ratings[:2]]
    if not intervals:
        return FirstTwo(())
    axis = scales.fit_axis(intervals, everybody=True)
    rows = zip(board.ratings, intervals, strict=False)
    return FirstTwo(tuple((str(one.contender), one.rating, charts.whisker(own, axis)) for one, own in rows))


@dataclass(frozen=True)
class Standalone:
    """Places in a drawing for a file, in pixels from the top. `rows` as (top, row)."""

    rows: tuple[tuple[int, Row], ...]
    axis_at: int
    height: int


def standalone(table: RatingsTable) -> Standalone:
    top, line = 92, 28
    rows = tuple((top + line * n, row) for n, row in enumerate(table.rows))
    end = top + line * len(rows)
    return Standalone(rows, end + 12, end + 32)


@dataclass(frozen=True)
class HistoryRow:
    """One earlier board. `cells` as (rating, half of the interval) or None, in the order of `History.names`."""

    board: PastBoard
    cells: tuple[tuple[float, float] | None, ...]


@dataclass(frozen=True)
class History:
    """`names` are drawn, `more` contenders are not. Rows are newest first."""

    names: tuple[str, ...]
    rows: tuple[HistoryRow, ...]
    series: tuple[timelines.Series, ...]
    marks: tuple[tuple[datetime, str], ...]
    more: int

    def drawn(self, more_marks: Iterable[tuple[datetime, str]] = ()) -> timelines.Timeline | None:
        """None before there are boards of two moments."""
        return timelines.timeline(self.series, (*self.marks, *more_marks))


def history(boards: Sequence[PastBoard], names: Sequence[str], marks: Iterable[tuple[datetime, str]]) -> History:
    """Of the first MOST_LINES of `names`, which come best first."""
    shown = tuple(names[:MOST_LINES])
    series = [
        timelines.Series(
            name,
            tuple(
                (board.computed_at, scales.Interval(past.low, past.rating, past.high))
                for board in boards
                if (past := board.ratings.get(name))
            ),
        )
        for name in shown
    ]
    rows = [
        HistoryRow(
            board,
            tuple(
                (past.rating, (past.high - past.low) / 2) if (past := board.ratings.get(name)) else None
                for name in shown
            ),
        )
        for board in reversed(boards)
    ]
    drawn = tuple(one for one in series if one.points)
    return History(shown, tuple(rows), drawn, tuple(marks), len(names) - len(shown))


@dataclass(frozen=True)
class EffectRow:
    """`whisker` None where too few votes are on answers that differ in it. `verdict` says it in words."""

    name: str
    unit: str
    sd: float
    votes: int
    points: float | None
    half: float | None
    whisker: charts.Whisker | None
    verdict: str


@dataclass(frozen=True)
class StyledRow:
    """A contender with style taken out and in the plain fit of the same votes. `moved` is written: `+2`, `−1`."""

    slug: str
    rank: str
    rating: float
    half: float
    plain: float
    plain_half: float
    place: int
    plain_place: int
    moved: str


@dataclass(frozen=True)
class StylePart:
    """`left_out` votes are on an answer without a text, or whose text is not here."""

    effects: tuple[EffectRow, ...]
    ticks: tuple[scales.Tick, ...]
    rows: tuple[StyledRow, ...]
    votes: int
    reviewers: int
    left_out: int
    most_moved: int


def style_part(result: Mapping[str, Any] | None, names: Collection[str]) -> StylePart | None:
    """From a stored report; None without one, or if it had too few votes. Contenders that are not in `names` (retired
    since) are left out of its rows."""
    if not result or not result["effects"]:
        return None
    known = [scales.Interval(0, 0, 0)]
    judged = [one for one in result["effects"] if one["ci95"]]
    known += [scales.Interval(one["ci95"][0], one["points"], one["ci95"][1]) for one in judged]
    axis = scales.fit_axis(known, everybody=True)
    rows = [
        StyledRow(
            slug=one["contender"],
            rank=rank_words(one["rank"]),
            rating=one["rating"],
            half=one["half"],
            plain=one["plain"],
            plain_half=one["plain_half"],
            place=one["place"],
            plain_place=one["plain_place"],
            moved=_moved(one["plain_place"] - one["place"]),
        )
        for one in result["ratings"]
        if one["contender"] in names
    ]
    return StylePart(
        effects=tuple(_effect(one, axis) for one in result["effects"]),
        ticks=axis.ticks,
        rows=tuple(rows),
        votes=result["votes"],
        reviewers=result["reviewers"],
        left_out=result["left_out"],
        most_moved=result["most_moved"],
    )


def _effect(one: Mapping[str, Any], axis: scales.Axis) -> EffectRow:
    name, unit = _WORDS[one["feature"]]
    if one["ci95"] is None:
        verdict = "too few votes on answers that differ in it"
        return EffectRow(name, unit, one["sd"], one["votes"], None, None, None, verdict)
    low, high = one["ci95"]
    verdict = "more of it wins votes" if low > 0 else "more of it loses votes" if high < 0 else "no sure effect"
    drawn = charts.whisker(scales.Interval(low, one["points"], high), axis)
    return EffectRow(name, unit, one["sd"], one["votes"], one["points"], (high - low) / 2, drawn, verdict)


def _moved(places: int) -> str:
    return f"+{places}" if places > 0 else f"−{-places}" if places else "–"
